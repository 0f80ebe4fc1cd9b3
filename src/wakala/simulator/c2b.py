"""C2B: money the customer sends from the phone's menu, and what the merchant is told of it (daraja.md 2.5)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from wakala.simulator import messages, results
from wakala.simulator.broker import telling
from wakala.simulator.callbacks import Courier, Letter
from wakala.simulator.reading import decode
from wakala.simulator.results import Result
from wakala.simulator.world import Message, Payment, Shortcode, World

PAID_A_DAY_MAX_CENTS = 500_000_00
"""Of one customer (daraja.md 7.6)."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer keyed in. ``buy_goods`` is the menu's other entry: a till has no account number."""

    shortcode: Shortcode
    msisdn: str
    amount_cents: int
    account: str
    buy_goods: bool


class Collections:
    """Takes the customer's money, after asking the merchant where that was activated, and confirms it."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier
        self._tasks: set[asyncio.Task[Payment]] = set()
        self.watchers: list[Callable[[Payment], object]] = []  # who else wants to know of money that came in

    def pay_soon(self, order: Order) -> None:
        """Pay in the background, for whoever does not wait."""
        task = asyncio.create_task(self.pay(order))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def drop_all(self) -> None:
        """Forget the payments under way, for a reset."""
        for task in self._tasks:
            task.cancel()

    async def pay(self, order: Order) -> Payment:
        """One payment from the menu, to its end. It waits for the merchant's validation if there is one."""
        payment = self._begin(order)
        payment.result = await self._decide(payment)
        payment.settled_at = self._world.clock.now()
        if payment.paid:
            self.move_money(payment)
            self.confirm(payment)
        else:
            self._tell_failure(payment, payment.result)
        return payment

    def move_money(self, payment: Payment) -> None:
        """Debit the phone, credit the shortcode, write the receipt and the SMS."""
        phone, shortcode, at = payment.phone, payment.shortcode, payment.settled_at or self._world.clock.now()
        phone.balance_cents -= payment.amount_cents
        shortcode.balance_cents += payment.amount_cents
        phone.remember_amount(payment.amount_cents, self._world.clock.seconds())
        payment.shortcode_balance_cents = shortcode.balance_cents
        payment.receipt = payment.receipt or self._world.new_receipt(at)
        phone.paid.add(payment.amount_cents, at.date())
        self._world.file_receipt(payment)
        key = "sms_paid_till" if payment.buy_goods else "sms_paid_paybill"
        phone.messages.appendleft(self._message(payment, key))

    def confirm(self, payment: Payment) -> asyncio.Future[None] | None:
        """Tell the registered ConfirmationURL. STK payments are told there too, with the same receipt."""
        for watcher in self.watchers:
            watcher(payment)
        urls = payment.shortcode.urls
        if urls is None:
            return None

        def count() -> None:
            payment.confirmations_answered += 1

        letter = Letter(
            kind="c2b_confirmation",
            url=urls.confirmation,
            msisdn=payment.phone.msisdn,
            amount_cents=payment.amount_cents,
            write=(
                (lambda amount_cents: telling.c2b_call(payment, amount_cents, self._world.rules, for_validation=False))
                if urls.side == "broker"
                else (lambda amount_cents: messages.c2b_notice(payment, amount_cents, self._world.rules))
            ),
            headers=telling.HEADERS if urls.side == "broker" else {},
            answered=count,
        )
        return self._courier.dispatch(letter)

    def _begin(self, order: Order) -> Payment:
        payment = Payment(
            number=self._world.new_payment_number(),
            origin="c2b",
            shortcode=order.shortcode,
            phone=self._world.phone(order.msisdn),
            amount_cents=order.amount_cents,
            account=order.account,
            asked_at=self._world.clock.now(),
            buy_goods=order.buy_goods,
            party_b=order.shortcode.till if order.buy_goods else order.shortcode.number,
            receipt=self._world.new_receipt(),  # validation names it already
        )
        self._world.remember(payment)
        return payment

    async def _decide(self, payment: Payment) -> Result:
        if self._short_of_money(payment):
            return results.NOT_ENOUGH
        if self.above_daily_limit(payment):
            return results.DAILY_LIMIT
        urls = payment.shortcode.urls
        if payment.shortcode.external_validation and urls is not None:
            rules = self._world.rules
            is_broker = urls.side == "broker"
            write = telling.c2b_call if is_broker else messages.c2b_notice
            body = write(payment, payment.amount_cents, rules, for_validation=True)
            headers = telling.HEADERS if is_broker else {}
            reply = await self._courier.ask(
                "c2b_validation", urls.validation, body, rules.validation_limit_seconds, headers
            )
            read = _read_broker_verdict if is_broker else read_verdict
            verdict = read(reply.body) if reply is not None and reply.status == 200 else None
            if verdict is None:
                return _default_verdict(urls.response_type)
            payment.third_party_id = verdict.third_party_id
            if verdict.rejected_with:
                return Result(verdict.rejected_with, verdict.text, verdict.text)
        if self._short_of_money(payment):  # another payment may have emptied the phone while the merchant thought
            return results.NOT_ENOUGH
        return results.PAID

    def above_daily_limit(self, payment: Payment) -> bool:
        """Whether the customer would have paid too much on one day (daraja.md 7.6)."""
        today = self._world.clock.now().date()
        return payment.phone.paid.on(today) + payment.amount_cents > PAID_A_DAY_MAX_CENTS

    def _short_of_money(self, payment: Payment) -> bool:
        return payment.phone.low_balance or payment.phone.balance_cents < payment.amount_cents

    def _tell_failure(self, payment: Payment, result: Result) -> None:
        key = "sms_not_enough" if result == results.NOT_ENOUGH else "sms_rejected"
        payment.phone.messages.appendleft(self._message(payment, key))

    def _message(self, payment: Payment, key: str) -> Message:
        values = {
            "receipt": payment.receipt,
            "amount": messages.grouped(payment.amount_cents),
            "merchant": payment.shortcode.name,
            "account": payment.account,
            "balance": messages.grouped(payment.phone.balance_cents),
        }
        return Message(payment.settled_at or self._world.clock.now(), key, values)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a merchant said to a validation. Accepted when ``rejected_with`` is empty."""

    rejected_with: str
    text: str
    third_party_id: str


def read_verdict(body: bytes) -> Verdict | None:
    """The merchant's validation answer; None when it cannot be read, which counts as no answer.

    ResultCode 0 accepts, as string or number; any other rejects (daraja.md 2.5).
    """
    try:
        answer = decode(body, dict[str, str | int | float | bool | None])
    except msgspec.DecodeError:
        return None
    code = answer.get("ResultCode")
    if code is None:
        return None
    rejected_with = "" if str(code) == "0" else str(code)
    return Verdict(
        rejected_with, str(answer.get("ResultDesc") or "Rejected"), str(answer.get("ThirdPartyTransID") or "")
    )


def _read_broker_verdict(body: bytes) -> Verdict | None:
    told = telling.verdict(body)
    if told is None:
        return None
    code, text, third_party_id = told
    return Verdict("" if code.strip("0") == "" else code, text or "Rejected", third_party_id)


def _default_verdict(response_type: str) -> Result:
    """Nobody answered in time: the ResponseType of the registration decides, and Cancelled confirms nothing."""
    if response_type == "Completed":
        return results.PAID
    text = "Validation gave no answer; the registered ResponseType is Cancelled."
    return Result("Cancelled", text, text)
