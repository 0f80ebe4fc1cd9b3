"""The two faces of the gateway as a caller uses them: the same commands, asked and told in other words."""

from collections.abc import Iterable
from typing import Any, Protocol

from services.gateway import CUSTOMER, SANDBOX, STORE, House, basic, eventually
from wakala.rules.accounts import ShortcodeKind
from wakala.rules.commands import BY_PATH

NUMBER = "600984"
FINAL = ("succeeded", "failed", "expired")
TAX_OFFICE = "572572"
OTHER, OTHER_TILL, BULK = "600000", "600997", "600998"
REVERSAL, STATUS = "reversal/transactionreversal", "transactionstatus/transactionstatusquery"

BODIES: dict[str, dict[str, Any]] = {
    "b2c/businesspayment": {"Amount": 150, "ReceiverMSISDN": CUSTOMER},
    "b2c/salarypayment": {"Amount": 150, "ReceiverMSISDN": CUSTOMER},
    "b2c/promotionpayment": {"Amount": 150, "ReceiverMSISDN": CUSTOMER},
    "b2c/businesspaytopochi": {"Amount": 150, "ReceiverMSISDN": CUSTOMER},
    "b2b/businesspaybill": {"Amount": 150, "ReceiverShortcode": OTHER, "AccountReference": "SUP-1"},
    "b2b/businessbuygoods": {"Amount": 150, "ReceiverShortcode": OTHER_TILL},
    "b2b/businesspaytobulk": {"Amount": 150, "ReceiverShortcode": BULK},
    "b2b/disbursefundstobusiness": {"Amount": 150, "ReceiverShortcode": OTHER},
    "b2b/businesstobusinesstransfer": {"Amount": 150, "ReceiverShortcode": OTHER},
    "b2b/merchanttomerchanttransfer": {"Amount": 150, "ReceiverShortcode": OTHER_TILL},
    "b2b/businesstransferfrommmftoutility": {"Amount": 150},
    "b2b/businesstransferfromutilitytommf": {"Amount": 150},
    "b2b/merchanttransferfrommerchanttoworking": {"Amount": 150},
    "b2b/merchantservicesmmfaccounttransfer": {"Amount": 150},
    "b2b/agencyfloatadvance": {"Amount": 150, "ReceiverShortcode": OTHER},
    "b2b/paytaxtokra": {"Amount": 150, "AccountReference": "PRN2026112401"},
    REVERSAL: {"Amount": 150},
    STATUS: {},
    "accountbalance/accountbalance": {},
}
"""Every command that M-Pesa queues, without what has to exist first; see `bodies_for`."""


def payer_of(path: str) -> str:
    """Which of our shortcodes gives a command: a till's own movements want a till."""
    return NUMBER if ShortcodeKind.PAYBILL in BY_PATH[path].kinds else STORE


async def bodies_for(house: House, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The bodies, with a customer's payment each for what gives one back or asks about one."""
    found = {path: dict(BODIES[path]) for path in paths}
    for path in (REVERSAL, STATUS):
        if path in found:
            order = {"number": NUMBER, "msisdn": CUSTOMER, "amount": 150, "account": "SALE"}
            found[path]["TransactionID"] = (await house.box.control("c2b/pay", order))["receipt"]
    return found


class Face(Protocol):
    """How a caller asks, and what it is told at the end."""

    async def ask(self, house: House, path: str, request_id: str, **changes: Any) -> dict[str, Any]:
        """Give a command; the first answer."""

    def told(self, house: House, request_id: str) -> list[dict[str, Any]]:
        """The final notices of a request that have come by now."""


class WakalaFace:
    """Our own API."""

    async def ask(self, house: House, path: str, request_id: str, **changes: Any) -> dict[str, Any]:
        body = {"RequestID": request_id, "Shortcode": payer_of(path)} | BODIES.get(path, {}) | changes
        if path.startswith(("b2c", "b2b")):
            body["SenderShortcode"] = body.pop("Shortcode")
        answer = await house.client.post(f"{SANDBOX}/{path}", json=body, headers=basic(house.app))
        assert answer.status_code in {200, 202}, answer.text
        found: dict[str, Any] = answer.json()
        assert found["State"] in {"pending", "unknown", "held", *FINAL}
        return found

    def told(self, house: House, request_id: str) -> list[dict[str, Any]]:
        wanted = {f"payment.{state}" for state in FINAL}
        posts = [post.json for post in house.merchant.at("/wakala")]
        return [post for post in posts if post["type"] in wanted and post["data"]["RequestID"] == request_id]


class DarajaFace:
    """Daraja's own paths and bodies; a Result comes to the URL that the caller gave."""

    async def ask(self, house: House, path: str, request_id: str, **changes: Any) -> dict[str, Any]:
        command = BY_PATH[path]
        token = await house.client.get(
            "/sandbox/oauth/v1/generate?grant_type=client_credentials", headers=basic(house.app)
        )
        body = {
            "OriginatorConversationID": request_id,
            "InitiatorName": "somebody",
            "Initiator": "somebody",
            "SecurityCredential": "never used: the gateway has its own",
            "CommandID": command.command_id,
            "Remarks": "A test",
            "ResultURL": f"{house.merchant.url}/results/{request_id}",
            "QueueTimeOutURL": f"{house.merchant.url}/timeouts/{request_id}",
            **self._own(path, BODIES.get(path, {}) | changes),
        }
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        answer = await house.client.post(f"/sandbox{command.facade[-1]}", json=body, headers=headers)
        found: dict[str, Any] = answer.json()
        # Where M-Pesa gave no answer there is none to repeat; a Result follows all the same.
        assert found.get("ResponseCode") == "0" or answer.status_code in {500, 503, 504}, answer.text
        if path.startswith("b2c"):  # for other commands M-Pesa makes an ID of its own
            assert found.get("OriginatorConversationID", request_id) == request_id, answer.text
        return found

    def _own(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """What stands in the bodies of one family only."""
        group = path.partition("/")[0]
        if group == "b2c":
            return {
                "PartyA": payer_of(path),
                "PartyB": asked["ReceiverMSISDN"],
                "Amount": asked["Amount"],
                "Occassion": "",
            }
        if group == "b2b":
            return {
                "SenderIdentifierType": "4",
                "RecieverIdentifierType": "4",
                "PartyA": payer_of(path),
                "PartyB": asked.get("ReceiverShortcode", TAX_OFFICE if path == "b2b/paytaxtokra" else payer_of(path)),
                "Amount": asked["Amount"],
                "AccountReference": asked.get("AccountReference", ""),
            }
        if group == "reversal":
            return {"ReceiverParty": NUMBER, "RecieverIdentifierType": "11", **asked}
        if "OriginalRequestID" in asked:
            asked = {"OriginalConversationID": asked["OriginalRequestID"]}
        return {"PartyA": NUMBER, "IdentifierType": "4", **asked}

    def told(self, house: House, request_id: str) -> list[dict[str, Any]]:
        posts = [post.json for post in house.merchant.at(f"/results/{request_id}")]
        for post in posts:
            assert set(post) == {"Result"}
            is_own = not request_id.startswith("b2c") or post["Result"]["OriginatorConversationID"] == request_id
            assert is_own, post
        return posts


async def finals(face: Face, house: House, request_ids: Iterable[str]) -> list[int]:
    """How many final notices each of these requests has had, once each has had one."""
    wanted = list(request_ids)
    await eventually(lambda: all(face.told(house, request_id) for request_id in wanted))
    return [len(face.told(house, request_id)) for request_id in wanted]
