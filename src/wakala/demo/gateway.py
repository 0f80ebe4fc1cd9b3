"""The shop's side of the Wakala API: two calls, and an honest answer when the network is not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

CONNECT_LIMIT_S: Final = 5
ANSWER_LIMIT_S: Final = 40  # longer than the gateway itself waits for M-Pesa, so that its answer is the one we show
BODY_LIMIT_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Asked:
    """Wakala took the request: the prompt is on its way, or will be."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was paid and nothing will be; the sentence says why."""

    sentence: str


@dataclass(frozen=True, slots=True)
class NotHeard:
    """Nobody answered. The request may have arrived: it must be looked up, not sent under a new ID."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No connection: nothing left this shop."""


Answer = Asked | Refused | NotHeard | Unreachable


class Gateway:
    """The sandbox of one Wakala, with the shop's consumer key and secret."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str, key: str, secret: str) -> None:
        self._http = http
        self._base_url = f"{base_url}/sandbox/mpesa/v1"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(key, secret), "Accept": "application/json"}
        self._limits = aiohttp.ClientTimeout(total=ANSWER_LIMIT_S, connect=CONNECT_LIMIT_S)

    async def ask_for_payment(self, request_id: str, amount_kes: int, msisdn: str, reference: str) -> Answer:
        """Have the prompt shown on the phone. Asking twice with the same ID and content asks the customer once."""
        body = {
            "RequestID": request_id,
            "Amount": amount_kes,
            "SenderMSISDN": msisdn,
            "AccountReference": reference,
        }
        try:
            status, answer = await self._call("POST", "/lnm/customerpaybill", body)
        except aiohttp.ClientConnectorError:
            return Unreachable()
        except (aiohttp.ClientError, TimeoutError):
            return NotHeard()
        if status in {200, 202}:
            return Asked()
        if 400 <= status < 500:
            # RFC 9457: ``detail`` is the sentence for people.
            return Refused(str(answer.get("detail") or answer.get("ResponseDesc") or f"HTTP {status}"))
        return NotHeard()

    async def look_up(self, request_id: str) -> Mapping[str, Any] | None:
        """The payment as the gateway has it, empty where it has none, None where nobody answered."""
        try:
            status, answer = await self._call("GET", f"/requests/{request_id}", None)
        except (aiohttp.ClientError, TimeoutError):
            return None
        return answer if status == 200 else {} if status == 404 else None

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        async with self._http.request(
            method,
            self._base_url + path,
            json=body,
            headers=self._headers,
            timeout=self._limits,
            allow_redirects=False,
        ) as answer:
            raw = b""
            async for chunk in answer.content.iter_any():
                raw += chunk
                if len(raw) > BODY_LIMIT_BYTES:
                    break
            return answer.status, _object(raw)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        read = json.loads(raw)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
