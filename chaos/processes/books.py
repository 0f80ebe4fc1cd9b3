"""M-Pesa's own books, read by the simulator's control API, as the judge wants them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence import Called, Moved, MPesa, Prompted
from processes.acknowledgements import Acknowledged
from processes.town import Town

PAGE_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that the simulator remembers."""

    payments: list[dict[str, Any]]
    commands: list[dict[str, Any]]

    @property
    def open_count(self) -> int:
        """Prompts that nobody answered yet, and commands in the queue."""
        waiting = [*(each["state"] for each in self.payments), *(each["state"] for each in self.commands)]
        return waiting.count("pending") + waiting.count("queued")

    @property
    def newest_s(self) -> float:
        """When the last payment of a customer moved money, in seconds since 1970."""
        moments = (
            datetime.fromisoformat(payment["settled_at"]).timestamp()
            for payment in self.payments
            if payment["state"] == "paid"
        )
        return max(moments, default=0.0)

    @property
    def paid_count(self) -> int:
        """Payments and payouts that moved money."""
        return len(self._money())

    def _money(self) -> tuple[Moved, ...]:
        paid = (
            Moved(payment["receipt"], payment["amount_cents"], _request_of(payment))
            for payment in self.payments
            if payment["state"] == "paid"
        )
        paid_out = (
            Moved(command["receipt"], command["amount_cents"], command["originator_conversation_id"])
            for command in self.commands
            if command["kind"] == "b2c" and command["state"] == "done"
        )
        return (*paid, *paid_out)

    def testimony(self, acknowledged: list[Acknowledged]) -> MPesa:
        """What M-Pesa did, and which of its callbacks were acknowledged. The paybill of a run has Pull."""
        pushes = (Prompted(request) for payment in self.payments if (request := _request_of(payment)))
        payouts = (
            Prompted(command["originator_conversation_id"]) for command in self.commands if command["kind"] == "b2c"
        )
        by_checkout = {
            payment["checkout_request_id"]: payment for payment in self.payments if payment["checkout_request_id"]
        }
        by_receipt = {money.receipt: money for money in self._money()}
        called = tuple(_called(each, by_checkout, by_receipt) for each in acknowledged)
        return MPesa(prompts=(*pushes, *payouts), money=self._money(), calls=called, is_listed=True)


async def read_books(town: Town) -> Books:
    """All pages."""
    return Books(await _all(town, "payments"), await _all(town, "commands"))


async def _all(town: Town, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = await town.control(f"{what}?after={found[-1]['number'] if found else 0}&limit={PAGE_ROWS}")
        if not page[what]:
            return found
        found += page[what]


def _request_of(payment: dict[str, Any]) -> str | None:
    """A push carries its order's number as the account; what was paid by hand belongs to no request."""
    account = str(payment["account"])
    return f"ORDER-{account[1:]}" if account.startswith("A") else None


def _called(each: Acknowledged, by_checkout: dict[str, dict[str, Any]], by_receipt: dict[str, Moved]) -> Called:
    """What a callback told. One whose body broke off told nothing."""
    kind = each.path.split("/")[2] if each.path.count("/") > 1 else ""
    try:
        told = json.loads(each.body)
    except ValueError:
        return Called(each.key, None, None)
    if kind == "stk":
        callback = told["Body"]["stkCallback"]
        payment = by_checkout.get(callback["CheckoutRequestID"])
        request_id = _request_of(payment) if payment else None
        receipt = payment["receipt"] or None if payment else None
        return Called(each.key, request_id, callback["ResultCode"] == 0, receipt)
    if kind == "c2b_confirmation":
        money = by_receipt.get(told["TransID"])
        return Called(each.key, money.request_id if money else None, paid=True, receipt=told["TransID"])
    if kind == "result":
        result = told["Result"]
        paid = str(result["ResultCode"]) == "0"
        money = by_receipt.get(result.get("TransactionID", ""))
        receipt = money.receipt if money and paid else None
        return Called(each.key, result["OriginatorConversationID"], paid, receipt)
    return Called(each.key, None, None)  # answers to the gateway's own questions
