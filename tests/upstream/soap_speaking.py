"""The Broker as a list of answers, over plain HTTP: each an envelope, with its status where that is not 200."""

import asyncio
import base64
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from broker.line import sample, speaking_of
from upstream.speaking import CERTIFICATE, Clock
from wakala.identity import Source
from wakala.outgoing import Outgoing
from wakala.rules.sides import BrokerAccess
from wakala.upstream.broker import Broker
from wakala.upstream.door import Credentials

Given = bytes | tuple[int, bytes] | None
SILENCE: Given = (0, b"")


def ours(name: str, request_id: str) -> bytes:
    """A sample that speaks of this request instead of its own."""
    return speaking_of(request_id, sample(name))


def answer(code: str, told: str = "", more: str = "") -> bytes:
    """A ResponseMsg."""
    inner = f"<response><ResponseCode>{code}</ResponseCode><ResponseDesc>{told}</ResponseDesc>{more}</response>"
    return f"<Envelope><Body><ResponseMsg><![CDATA[{inner}]]></ResponseMsg></Body></Envelope>".encode()


def plain(code: str, told: str = "", lists: str = "") -> bytes:
    """An answer of the log, or to a change of password."""
    result = f"<result><ResponseCode>{code}</ResponseCode><ResponseDesc>{told}</ResponseDesc></result>"
    return f"<Envelope><Body><reply>{result}{lists}</reply></Body></Envelope>".encode()


def log(*, asked: bool = True, answers: tuple[bytes, ...] = (), results: tuple[bytes, ...] = ()) -> bytes:
    """What the Broker's log holds of a request."""
    kept = (("Request", (b"<a/>",) if asked else ()), ("Response", answers), ("Result", results))
    listed = "".join(_leg(name, body) for name, bodies in kept for body in bodies)
    return plain("000000000", "success", listed)


def _leg(name: str, body: bytes) -> str:
    whole = base64.b64encode(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + body).decode()
    return f"<submitApi{name}List><submitApi{name}>{whole}</submitApi{name}></submitApi{name}List>"


@dataclass
class Far:
    """Gives its answers in turn; None hangs up, SILENCE waits. ``{name}`` repeats what the request said there."""

    url: str = ""
    answers: list[Given] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # who does not wait for us goes in any moment
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head.lower())
        self.heads.append(head)
        self.bodies.append((await reader.readexactly(int(length[1]) if length else 0)).decode())
        given = self.answers.pop(0)
        if given == SILENCE:
            await reader.read()
        elif given is not None:
            status, body = given if isinstance(given, tuple) else (200, given)
            body = re.sub(rb"\{(\w+)\}", lambda name: self.told(name[1].decode()).encode(), body)
            writer.write(
                b"HTTP/1.1 %d X\r\nX-Echo: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                % (status, self.told("spPassword").encode(), len(body))
                + body
            )
            await writer.drain()

    @property
    def paths(self) -> list[str]:
        """Where the requests went, in order."""
        return [head.split()[1] for head in self.heads]

    def told(self, name: str, index: int = -1) -> str:
        """The text of an element that stands in a request once; "" where it does not."""
        found = re.findall(rf"<(?:\w+:)?{name}>([^<]*)<", self.bodies[index])
        assert len(found) < 2, f"{name} stands in it {len(found)} times"
        return str(found[0]) if found else ""

    def party(self, name: str, index: int = -1) -> tuple[str, ...]:
        """The texts in an element of another element's children, in order."""
        found = re.search(rf"<{name}>(.*?)</{name}>", self.bodies[index])
        return tuple(re.findall(r">([^<>]*)</", found[1])) if found else ()

    def values(self, index: int = -1) -> dict[str, str]:
        """Keys and values: parameters and reference data."""
        return dict(re.findall(r"<(?:\w+:)?Key>([^<]*)</(?:\w+:)?Key><(?:\w+:)?Value>([^<]*)<", self.bodies[index]))

    def access(self, **changes: Any) -> BrokerAccess:
        plain: dict[str, Any] = {"url": self.url, "sp_id": "900610", "sp_password": "Sim!Pass2025"}
        return BrokerAccess(**(plain | {"service_id": "900610000"} | changes))

    def credentials(self, **changes: Any) -> Credentials:
        """Of a shortcode that goes by the Broker."""
        made = Credentials(
            *("sc_1", "http://daraja.example", "600100", "600100", False, "key", "secret", "passkey"),
            initiator="api",
            initiator_password="Safe#1",
            certificate=CERTIFICATE,
            broker=self.access(),
        )
        return replace(made, **changes)


@asynccontextmanager
async def far_away() -> AsyncIterator[Far]:
    far = Far()
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    far.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield far
    server.close()


@asynccontextmanager
async def broker_by(clock: Clock, answer_limit_s: float = 40) -> AsyncIterator[Broker]:
    outgoing = Outgoing(guarded=False)
    await outgoing.open()
    yield Broker(outgoing, Source(lambda: clock.now_us, os.urandom), answer_limit_s=answer_limit_s)
    await outgoing.close()
