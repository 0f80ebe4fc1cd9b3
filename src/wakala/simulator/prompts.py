"""The life of an STK prompt: opened, shown on one phone, answered or not, settled once, told to the merchant."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from wakala.simulator import identifiers, messages, refusals, results
from wakala.simulator.c2b import Collections
from wakala.simulator.callbacks import Courier, Letter
from wakala.simulator.results import Result
from wakala.simulator.world import UNREACHABLE_SWITCHES, Message, Payment, Phone, Shortcode, World

RULE_17_SECONDS = 120.0
"""The same amount from the same customer within two minutes is "Rule limited." (daraja.md 2.1)."""

ONE_MINUTE_SECONDS = 60.0
"""Between two prompts to one phone (daraja.md 7.5)."""

UNANSWERED_MAX = 5
"""Prompts in a row; more "may block a line for 24 h", says one developer's tutorial (daraja.md 2.1)."""

BLOCK_SECONDS = 24 * 3600.0

OUTCOMES: dict[str, Result | None] = {
    "pay": None,  # decided by balance and rules
    "ignore": None,  # decided by the clock
    "cancel": results.CANCELLED,
    "wrong-pin": results.WRONG_PIN,
    "not-enough": results.NOT_ENOUGH,
    "busy": results.BUSY,
}
"""What a person, the autopilot or a test may do with a prompt; besides, any result code can be asked for."""


class Push(msgspec.Struct, frozen=True):
    """A valid STK request."""

    shortcode: str
    password: str
    timestamp: str
    buy_goods: bool
    amount_cents: int
    msisdn: str
    party_b: str
    callback_url: str
    account: str
    description: str


class UnknownOutcomeError(ValueError):
    """Neither an outcome by name nor a result code with a text."""


class Prompts:
    """Opens prompts, answers them, and settles each exactly once."""

    def __init__(self, world: World, courier: Courier, collections: Collections) -> None:
        self._world = world
        self._courier = courier
        self._collections = collections

    def open(self, push: Push, shortcode: Shortcode) -> Payment:
        """A new prompt that holds its phone's lock. Nothing happens to it until ``start``."""
        phone = self._world.phone(push.msisdn)
        if phone.live is not None:
            raise refusals.subscriber_locked(phone.msisdn)
        if self._world.rules.one_minute:
            self._require_a_minute(phone)
        now = self._world.clock.now()
        payment = Payment(
            number=self._world.new_payment_number(),
            origin="stk",
            shortcode=shortcode,
            phone=phone,
            amount_cents=push.amount_cents,
            account=push.account,
            asked_at=now,
            buy_goods=push.buy_goods,
            party_b=push.party_b,
            checkout_id=self._new_checkout_id(phone.msisdn, now),
            merchant_request_id=self._world.next_request_id(),
            callback_url=push.callback_url,
            description=push.description,
            blocked=self.is_blocked(phone),
            expires_at=now + timedelta(seconds=self._world.rules.prompt_life_seconds),
        )
        phone.live = payment
        self._world.live[payment.number] = payment
        self._world.remember(payment)
        return payment

    def is_blocked(self, phone: Phone) -> bool:
        """Whether prompts are kept from a phone whose owner ignored too many; by a rule that is off by default."""
        if not self._world.rules.ignored_block or phone.unanswered <= UNANSWERED_MAX:
            return False
        return self._world.clock.seconds() - phone.unanswered_seconds < BLOCK_SECONDS

    def _require_a_minute(self, phone: Phone) -> None:
        seconds = self._world.clock.seconds()
        if phone.asked_seconds is not None and seconds - phone.asked_seconds < ONE_MINUTE_SECONDS:
            raise refusals.asked_lately(phone.msisdn)
        phone.asked_seconds = seconds

    def start(self, payment: Payment) -> None:
        """Send the prompt on its way to the phone, and wake the autopilot."""
        phone = payment.phone
        refused = self._misdirected(payment)
        if refused is not None:
            self._later(payment, 0, lambda: self.settle(payment, refused))
        elif payment.blocked or phone.never_answers or phone.switch in UNREACHABLE_SWITCHES:
            silence_seconds = self._world.rules.unreachable_after_seconds
            self._later(payment, silence_seconds, lambda: self.settle(payment, results.UNREACHABLE))
        elif phone.switch == "busy":
            self._later(payment, 0, lambda: self.settle(payment, results.LOCKED))
        else:
            outcome = self._autopilot_outcome()
            if outcome is not None and outcome != "ignore" and not self._world.autopilot.answer_after_ms:
                self.act(payment, outcome)
                return
            life_seconds = self._world.rules.prompt_life_seconds
            self._later(payment, life_seconds, lambda: self.settle(payment, results.NO_RESPONSE))
            if outcome is not None:
                self._later(payment, self._world.autopilot.answer_after_ms / 1000, lambda: self.act(payment, outcome))

    def resume(self, payment: Payment) -> None:
        """Show a prompt again that was open when the program ended last; its time goes on from where it was."""
        payment.phone.live = payment
        self._world.live[payment.number] = payment
        ends_at = (payment.expires_at or payment.asked_at).timestamp()
        self._later(
            payment,
            max(0.0, ends_at - self._world.clock.seconds()),
            lambda: self.settle(payment, results.NO_RESPONSE),
        )

    def act(
        self, payment: Payment, outcome: str, *, pin: str | None = None, text: str = ""
    ) -> asyncio.Future[None] | None:
        """Do what a person would: an outcome by name, or any result code. Returns the callback under way, if any."""
        if outcome in ("pay", "0"):
            return self.settle(payment, self._paying(payment, pin))
        if outcome == "ignore":
            return None
        return self.settle(payment, known_result(outcome, text))

    def settle(self, payment: Payment, result: Result) -> asyncio.Future[None] | None:
        """End a prompt. The first result stands; a second one finds nothing to do."""
        if payment.result is not None:
            return None
        payment.quiet()
        payment.result = result
        payment.settled_at = self._world.clock.now()
        payment.phone.live = None
        self._note_silence(payment, result)
        self._world.live.pop(payment.number, None)
        if payment.errand is not None:
            payment.errand(result)
            return None
        if payment.paid:
            self._collections.move_money(payment)
        else:
            payment.phone.messages.appendleft(_failure_message(payment, result))
        callback = self._send_callback(payment)
        if payment.paid:
            self._collections.confirm(payment)
        return callback

    def _note_silence(self, payment: Payment, result: Result) -> None:
        """For the rule ignored_block. A prompt that it kept from the phone counts as nothing: nobody could answer."""
        phone = payment.phone
        if result.code in results.ANSWERED:
            phone.unanswered = 0
        elif result.code == results.NO_RESPONSE.code and not payment.blocked:
            phone.unanswered += 1
            phone.unanswered_seconds = self._world.clock.seconds()

    async def settle_and_call_back(self, payment: Payment) -> None:
        """Settle at once and see the callback delivered: for a callback that overtakes the answer."""
        refused = self._misdirected(payment)
        outcome = self._autopilot_outcome() or "pay"
        if outcome == "ignore":
            refused = refused or results.NO_RESPONSE
        callback = self.settle(payment, refused) if refused else self.act(payment, outcome)
        if callback is not None:
            await asyncio.wait([callback])

    def _paying(self, payment: Payment, pin: str | None) -> Result:
        phone = payment.phone
        if pin is not None and pin != phone.pin:
            return results.WRONG_PIN
        if payment.errand is not None:
            return results.PAID
        if self._world.rules.rule_17 and self._paid_lately(phone, payment.amount_cents):
            return results.RULE_LIMITED
        if phone.low_balance or phone.balance_cents < payment.amount_cents:
            return results.NOT_ENOUGH
        if self._collections.above_daily_limit(payment):
            return results.DAILY_LIMIT
        return results.PAID

    def _paid_lately(self, phone: Phone, amount_cents: int) -> bool:
        last_seconds = phone.last_paid_seconds.get(amount_cents)
        return last_seconds is not None and self._world.clock.seconds() - last_seconds < RULE_17_SECONDS

    def _misdirected(self, payment: Payment) -> Result | None:
        """A wrong pair of shortcode and PartyB is accepted at first and fails in the callback (daraja.md 2.1)."""
        shortcode = payment.shortcode
        right = shortcode.till if payment.buy_goods else shortcode.number
        wrong_type = payment.buy_goods != (shortcode.kind == "till")
        if payment.party_b == right and not wrong_type:
            return None
        known = self._world.owner_of(payment.party_b) is not None
        return results.NOT_PERMITTED if known else results.NO_SUCH_OPERATOR

    def _autopilot_outcome(self) -> str | None:
        outcomes = self._world.autopilot.outcomes
        if len(outcomes) < 2:
            return next(iter(outcomes), None)
        return self._world.random.choices(list(outcomes), list(outcomes.values()))[0]

    def _later(self, payment: Payment, delay_seconds: float, action: Callable[[], object]) -> None:
        payment.alarms.append(self._world.clock.after(delay_seconds, action))

    def _new_checkout_id(self, msisdn: str, at: datetime) -> str:
        checkout_id = identifiers.checkout_id(at, msisdn)
        while checkout_id in self._world.checkouts:  # two prompts on one phone within a millisecond
            at += timedelta(milliseconds=1)
            checkout_id = identifiers.checkout_id(at, msisdn)
        return checkout_id

    def _send_callback(self, payment: Payment) -> asyncio.Future[None]:
        def count() -> None:
            payment.callbacks_answered += 1

        letter = Letter(
            kind="stk_callback",
            url=payment.callback_url,
            msisdn=payment.phone.msisdn,
            amount_cents=payment.amount_cents,
            write=lambda amount_cents: messages.stk_callback(payment, amount_cents),
            headers={"Businessshortcode": payment.shortcode.number},
            answered=count,
        )
        return self._courier.dispatch(letter)


def known_result(outcome: str, text: str = "") -> Result:
    """The result behind an outcome's name or a code; raises UnknownOutcomeError when there is none."""
    named = OUTCOMES.get(outcome)
    if named is not None:
        return named
    try:
        return results.result(results.code_from(outcome), text)
    except KeyError:
        known = ", ".join([*OUTCOMES, *map(str, results.TEXTS)])
        raise UnknownOutcomeError(f"{outcome!r} is no outcome. Say one of {known}, or give the code a text.") from None


def check_outcome(outcome: str) -> None:
    """Nothing when the autopilot can do this; raises UnknownOutcomeError otherwise."""
    if outcome not in ("pay", "ignore"):
        known_result(outcome)


FAILURE_SMS: dict[results.Code, str] = {1: "sms_not_enough", 2001: "sms_wrong_pin", 1032: "sms_cancelled"}


def _failure_message(payment: Payment, result: Result) -> Message:
    key = FAILURE_SMS.get(result.code, "sms_failed")
    values = {
        "amount": messages.grouped(payment.amount_cents),
        "merchant": payment.shortcode.name,
        "balance": messages.grouped(payment.phone.balance_cents),
        "text": result.text,
    }
    return Message(payment.asked_at if payment.settled_at is None else payment.settled_at, key, values)
