"""B2B Express: a business asks a till to pay it, and the till's own phone says yes or no (daraja.md 2.18)."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

import msgspec

from wakala.simulator import identifiers, results
from wakala.simulator.callbacks import Courier, Letter
from wakala.simulator.errands import Errands, Question
from wakala.simulator.messages import grouped
from wakala.simulator.results import Code, Result
from wakala.simulator.world import WORKING, Message, Shortcode, World

CALLBACK = "b2b_express_callback"
CANCELLED = Result(4001, "User cancelled transaction", "")
KYC_FAILED = Result(4102, "Merchant KYC Fail", "")
NO_NOMINATED_NUMBER = Result(4104, "Missing Nominated Number", "")
NETWORK_ERROR = Result(4201, "USSD Network Error", "")
USSD_EXCEPTION = Result(4203, "USSD Exception Error", "")

OWN_RESULTS: dict[Code, Result] = {
    results.CANCELLED.code: CANCELLED,
    results.NO_RESPONSE.code: NETWORK_ERROR,
    results.LOCKED.code: USSD_EXCEPTION,
    results.BUSY.code: USSD_EXCEPTION,
}
"""What a prompt's end is called here; the rest keep M-Pesa's codes. Which end lies behind which code is a guess."""

CHECKOUTS_MAX = 20_000
"""Checkouts that are remembered; the oldest are forgotten first."""


@dataclass(slots=True)
class Checkout:
    """One till asked for one amount. ``result_code`` is None until its phone has answered."""

    number: int
    request_id: str
    till: str
    receiver: str
    amount_cents: int
    reference: str
    partner: str
    callback_url: str
    asked_at: datetime
    result_code: Code | None = None
    result_text: str = ""
    receipt: str = ""
    conversation_id: str = ""
    callbacks_answered: int = 0


class Checkouts:
    """Asks the phones of tills, moves the money, tells the business."""

    def __init__(self, world: World, courier: Courier, errands: Errands) -> None:
        self._world = world
        self._courier = courier
        self._errands = errands
        self.clear()

    def clear(self) -> None:
        """Forget all checkouts, and who answers for which till."""
        self.checkouts: OrderedDict[int, Checkout] = OrderedDict()
        self.nominated: dict[str, str] = {}

    def add(self, checkout: Checkout) -> None:
        """Keep a checkout; the phone is asked by ``begin``."""
        while len(self.checkouts) >= CHECKOUTS_MAX:
            _, oldest = self.checkouts.popitem(last=False)
            self._world.forget_receipt(oldest.receipt)
        self.checkouts[checkout.number] = checkout

    def next_number(self) -> int:
        """Checkouts are counted from 1."""
        return next(reversed(self.checkouts), 0) + 1

    def begin(self, checkout: Checkout) -> None:
        """Ask the phone that answers for the till, if there is one."""
        payer = self._payer(checkout)
        msisdn = self.nominated.get(checkout.till, "")
        if payer is None or not payer.active:
            self._end(checkout, KYC_FAILED)
        elif not msisdn:
            self._end(checkout, NO_NOMINATED_NUMBER)
        else:
            receiver = self._world.shortcodes[checkout.receiver]
            question = Question(
                "b2b_express", checkout.request_id, msisdn, receiver, checkout.amount_cents, checkout.reference
            )
            self._errands.ask(question, lambda result: self._answered(checkout, result))

    def resume(self) -> None:
        """Ask again what a former run of the program left open."""
        for checkout in self.checkouts.values():
            if checkout.result_code is None:
                self.begin(checkout)

    def _answered(self, checkout: Checkout, result: Result) -> None:
        if result.code == 0:
            result = self._pay(checkout)
        self._end(checkout, OWN_RESULTS.get(result.code, result))

    def _pay(self, checkout: Checkout) -> Result:
        payer, receiver = self._payer(checkout), self._world.shortcodes[checkout.receiver]
        if payer is None:
            return KYC_FAILED
        purse = payer.collects_in if payer.balance_cents >= checkout.amount_cents else WORKING
        if payer.accounts[purse] < checkout.amount_cents:
            return results.NOT_ENOUGH
        payer.accounts[purse] -= checkout.amount_cents
        receiver.balance_cents += checkout.amount_cents
        checkout.receipt = self._world.new_receipt()
        checkout.conversation_id = identifiers.conversation_id(self._world.clock.now(), self._world.random)
        self._text(checkout, receiver)
        return results.PAID

    def _payer(self, checkout: Checkout) -> Shortcode | None:
        owner = self._world.owner_of(checkout.till)
        return owner if owner is not None and owner.kind == "till" else None

    def _end(self, checkout: Checkout, result: Result) -> None:
        checkout.result_code, checkout.result_text = result.code, result.text

        def count() -> None:
            checkout.callbacks_answered += 1

        letter = Letter(
            kind=CALLBACK,
            url=checkout.callback_url,
            msisdn=self.nominated.get(checkout.till, ""),
            amount_cents=checkout.amount_cents,
            write=lambda amount_cents: callback(checkout, amount_cents),
            headers={},
            answered=count,
            reason="" if checkout.receipt else result.text,
        )
        self._courier.dispatch(letter)

    def _text(self, checkout: Checkout, receiver: Shortcode) -> None:
        values = {
            "receipt": checkout.receipt,
            "till": checkout.till,
            "amount": grouped(checkout.amount_cents),
            "merchant": receiver.name,
        }
        message = Message(self._world.clock.now(), "sms_till_paid", values)
        self._world.phone(self.nominated[checkout.till]).messages.appendleft(message)


def callback(checkout: Checkout, amount_cents: int) -> bytes:
    """Flat, and every value a string; success and failure have different keys."""
    amount = f"{amount_cents // 100}.0"
    if checkout.receipt:
        paid = {
            "resultCode": "0",
            "resultDesc": checkout.result_text,
            "amount": amount,
            "requestId": checkout.request_id,
            "resultType": "0",
            "conversationID": checkout.conversation_id,
            "transactionId": checkout.receipt,
            "status": "SUCCESS",
        }
        return msgspec.json.encode(paid)
    failed = {
        "resultCode": str(checkout.result_code),
        "resultDesc": checkout.result_text,
        "requestId": checkout.request_id,
        "amount": amount,
        "paymentReference": checkout.reference,
    }
    return msgspec.json.encode(failed)
