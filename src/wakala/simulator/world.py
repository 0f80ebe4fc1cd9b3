"""All that the simulator remembers: shortcodes, apps, phones, payments, and the rules of this world.

It holds and finds; what happens to a payment is told in ``prompts`` and ``c2b``. Everything is in memory and bounded.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Literal

from wakala.simulator import identifiers
from wakala.simulator.clock import Alarm, Clock
from wakala.simulator.results import Result

PAYMENTS_MAX = 200_000
"""About an hour at the rate one core can pay; older ones are forgotten first."""

PHONES_MAX = 100_000
"""Phones appear when they are first called, so a load test could make any number of them."""

TOKENS_MAX = 10_000
"""Many SDKs fetch a token a request (daraja.md 1.2)."""

MESSAGES_MAX = 30
"""SMS that a phone keeps: more than anyone scrolls through."""

AMOUNTS_MAX = 200
"""Different amounts a phone remembers for rule 17: nobody pays that many within its two minutes."""

STARTING_BALANCE_CENTS = 100_000_00
DEFAULT_PIN = "1234"

Switch = Literal["on", "off", "no-signal", "busy", "sim-outdated"]
UNREACHABLE_SWITCHES: frozenset[Switch] = frozenset({"off", "no-signal", "sim-outdated"})

FIRST_NAMES = ("AKINYI", "KAMAU", "NJERI", "OTIENO", "WAFULA", "CHEBET", "MUTUA", "HALIMA", "KIPROTICH", "MORAA")
"""People behind the phones that nobody introduced."""


@dataclass(slots=True)
class Rules:
    """How strict this M-Pesa is. The defaults are the sandbox's; a demonstration works without touching them."""

    prompt_life_seconds: float = 60.0  # most accounts; 90 and 180 are reported too (daraja.md 2.1)
    unreachable_after_seconds: float = 26.0  # the sandbox gave up on its test number after 26 to 30 s (daraja.md 6)
    validation_limit_seconds: float = 8.0  # "usually <8 s" (daraja.md 7.3)
    token_life_seconds: float = 3599.0  # what expires_in says
    hang_seconds: float = 30.0  # a hung socket ends, so that no test and no client waits for ever
    rule_17: bool = False  # refuse the same amount from the same phone within two minutes
    strict_174379: bool = False  # refuse C2B registration of 174379, as the real sandbox does
    strict_urls: bool = False  # apply the URL filter to CallBackURL too, as production does
    register_once: bool = False  # C2B URLs can be registered once only, as in production
    pending_as_500: bool = False  # answer a query of an open prompt as before 2025


@dataclass(slots=True)
class Autopilot:
    """Who answers prompts when no person does. Without outcomes a prompt waits for the phone page."""

    outcomes: dict[str, float] = field(default_factory=dict)  # outcome to its weight
    answer_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class App:
    """A consumer key and secret. Without shortcodes of its own an app may use all of them."""

    key: str
    secret: str
    shortcodes: frozenset[str] = frozenset()

    def may_use(self, shortcode: str) -> bool:
        """Whether the app was bound to this shortcode, or to none."""
        return not self.shortcodes or shortcode in self.shortcodes


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the moment it dies."""

    app: App
    expires_seconds: float


@dataclass(frozen=True, slots=True)
class Urls:
    """Where a shortcode wants its C2B calls."""

    confirmation: str
    validation: str
    response_type: Literal["Completed", "Cancelled"]
    version: Literal["v1", "v2"]  # v1 hashes the payer's number, v2 masks it (daraja.md 2.3)


@dataclass(slots=True)
class Shortcode:
    """A paybill, or a store number with the one till that belongs to it."""

    number: str
    name: str
    passkey: str
    till: str = ""
    balance_cents: int = 0
    external_validation: bool = False  # M-Pesa activates it by e-mail only
    urls: Urls | None = None

    @property
    def kind(self) -> Literal["paybill", "till"]:
        """A store number is of kind till."""
        return "till" if self.till else "paybill"


@dataclass(frozen=True, slots=True)
class Message:
    """An SMS: the key of its wording and what fills it, so that the page can show it in either language."""

    at: datetime
    key: str
    values: dict[str, str]


@dataclass(slots=True)
class Phone:
    """A customer's line."""

    msisdn: str
    name: str
    balance_cents: int = STARTING_BALANCE_CENTS
    pin: str = DEFAULT_PIN
    switch: Switch = "on"
    low_balance: bool = False
    never_answers: bool = False
    live: "Payment | None" = None  # the one prompt it may show at a time
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=MESSAGES_MAX))
    last_paid_seconds: dict[int, float] = field(default_factory=dict)  # amount in cents to when; feeds rule 17

    def remember_amount(self, amount_cents: int, at_seconds: float) -> None:
        """Note when this amount was paid last, for rule 17; of too many amounts the oldest is forgotten."""
        self.last_paid_seconds.pop(amount_cents, None)
        self.last_paid_seconds[amount_cents] = at_seconds
        if len(self.last_paid_seconds) > AMOUNTS_MAX:
            del self.last_paid_seconds[next(iter(self.last_paid_seconds))]


@dataclass(slots=True)
class Payment:
    """Money asked of one phone for one shortcode, from the prompt or menu to its result."""

    number: int
    origin: Literal["stk", "c2b"]
    shortcode: Shortcode
    phone: Phone
    amount_cents: int
    account: str
    asked_at: datetime
    buy_goods: bool
    party_b: str
    checkout_id: str = ""
    merchant_request_id: str = ""
    callback_url: str = ""
    description: str = ""
    expires_at: datetime | None = None
    result: Result | None = None
    receipt: str = ""
    third_party_id: str = ""
    settled_at: datetime | None = None
    ignored: bool = False  # its owner put the phone away; it ends by itself
    shortcode_balance_cents: int = 0
    callbacks_answered: int = 0
    confirmations_answered: int = 0
    alarms: list[Alarm] = field(default_factory=list)

    @property
    def paid(self) -> bool:
        """Whether money moved."""
        return self.result is not None and self.result.code == 0

    def quiet(self) -> None:
        """Cancel what still waits for this payment."""
        for alarm in self.alarms:
            alarm.cancel()
        self.alarms.clear()


class World:
    """The state of one simulator. ``populate`` fills an empty world and is called again at each reset."""

    def __init__(self, clock: Clock, random: Random, populate: Callable[["World"], None]) -> None:
        self.clock = clock
        self.random = random
        self._populate = populate
        self.reset()

    def reset(self) -> None:
        """Forget everything and start from the populated world again."""
        self.rules = Rules()
        self.autopilot = Autopilot()
        self.apps: dict[str, App] = {}
        self.tokens: dict[str, Token] = {}
        self.shortcodes: dict[str, Shortcode] = {}
        self.phones: dict[str, Phone] = {}
        self.payments: dict[int, Payment] = {}
        self.checkouts: dict[str, Payment] = {}
        self.live: dict[int, Payment] = {}  # the prompts that phones show now
        self._receipts: set[str] = set()
        self._node = identifiers.node(self.random)
        self._requests_count = 3_400_000
        self._payments_count = 0
        self._populate(self)

    def issue_token(self, app: App) -> str:
        """A new token; the ones before it stay good, as every SDK author reports."""
        while len(self.tokens) >= TOKENS_MAX:
            del self.tokens[next(iter(self.tokens))]
        token = identifiers.access_token(self.random)
        self.tokens[token] = Token(app, self.clock.seconds() + self.rules.token_life_seconds)
        return token

    def next_request_id(self) -> str:
        """The node of this gateway and a counter that grows (daraja.md 7.9)."""
        self._requests_count += 1 + self.random.randrange(9)
        return f"{self._node}{self._requests_count}"

    def owner_of(self, number: str) -> Shortcode | None:
        """The shortcode of a paybill, store or till number."""
        known = self.shortcodes.get(number)
        return known or next((each for each in self.shortcodes.values() if each.till == number), None)

    def phone(self, msisdn: str) -> Phone:
        """The phone of that number; one that was never seen is bought on the spot."""
        known = self.phones.get(msisdn)
        if known is None:
            self._forget_a_phone()
            known = Phone(msisdn, FIRST_NAMES[int(msisdn) % len(FIRST_NAMES)])
            self.phones[msisdn] = known
        return known

    def new_payment_number(self) -> int:
        """Payments are counted from 1; the number is also the cursor of their list."""
        self._payments_count += 1
        return self._payments_count

    def remember(self, payment: Payment) -> None:
        """Keep a payment where queries and lists find it."""
        while len(self.payments) >= PAYMENTS_MAX:
            oldest = self.payments.pop(next(iter(self.payments)))
            self.checkouts.pop(oldest.checkout_id, None)
            self._receipts.discard(oldest.receipt)
        self.payments[payment.number] = payment
        if payment.checkout_id:
            self.checkouts[payment.checkout_id] = payment

    def new_receipt(self) -> str:
        """A receipt that no payment has had."""
        receipt = identifiers.receipt(self.clock.now(), self.random)
        while receipt in self._receipts:
            receipt = identifiers.receipt(self.clock.now(), self.random)
        self._receipts.add(receipt)
        return receipt

    def _forget_a_phone(self) -> None:
        if len(self.phones) < PHONES_MAX:
            return
        idle = next((phone for phone in self.phones.values() if phone.live is None), None)
        if idle is not None:
            del self.phones[idle.msisdn]
