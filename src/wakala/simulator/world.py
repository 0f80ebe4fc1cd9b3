"""All that the simulator remembers: shortcodes, apps, phones, payments, commands, and the rules of this world.

It holds and finds; what happens to a payment is told in ``prompts`` and ``c2b``, what happens to a command in
``office``. Everything is in memory and bounded. What forgets its oldest is an ``OrderedDict``: a plain dictionary looks
for its first entry among all that were deleted before.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Literal

import msgspec

from wakala.simulator import identifiers
from wakala.simulator.clock import Alarm, Clock
from wakala.simulator.commands import Command
from wakala.simulator.initiators import Initiator
from wakala.simulator.results import Result

PAYMENTS_MAX = 100_000
"""Some 150 MB, and more than any test looks back on; older ones are forgotten first."""

TIDY_EVERY_PAYMENTS = 50_000
"""How many are forgotten before the tables that held them are laid out anew, which takes some 10 ms. A dictionary whose
oldest go and whose newest come doubles its table before it uses their places again."""

COMMANDS_MAX = 50_000
"""Payouts, transfers, reversals and enquiries: some 100 MB, for each keeps its credential. Older ones go first, their
receipts with them."""

PHONES_MAX = 50_000
"""Phones appear when they are first called, so a load test could make any number of them."""

TOKENS_MAX = 10_000
"""Many SDKs fetch a token a request (daraja.md 1.2)."""

MESSAGES_MAX = 10
"""SMS that a phone keeps; the page shows fewer. Ten thousand phones with more would be most of the memory."""

AMOUNTS_MAX = 200
"""Different amounts a phone remembers for rule 17: nobody pays that many within its two minutes."""

STARTING_BALANCE_CENTS = 100_000_00
DEFAULT_PIN = "1234"

Switch = Literal["on", "off", "no-signal", "busy", "sim-outdated"]
UNREACHABLE_SWITCHES: frozenset[Switch] = frozenset({"off", "no-signal", "sim-outdated"})

AccountName = Literal["Working Account", "Utility Account", "Merchant Account", "Charges Paid Account"]
WORKING: AccountName = "Working Account"
UTILITY: AccountName = "Utility Account"
MERCHANT: AccountName = "Merchant Account"
CHARGES: AccountName = "Charges Paid Account"

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
    result_after_min_seconds: float = 1.0  # a command's result comes 1 to 10 s after its answer (daraja.md 10)
    result_after_max_seconds: float = 10.0
    bill_push_pause_seconds: float = 10.0  # between Bill Manager's five tries (daraja.md 2.16); how long is a guess
    lock_after_failures: int = 3  # "repeated failure locks it" (daraja.md 5); how many is a guess: as for a PIN
    rule_17: bool = False  # refuse the same amount from the same phone within two minutes
    one_minute: bool = False  # refuse a prompt within a minute of the last one to the same phone (daraja.md 7.5)
    ignored_block: bool = False  # six ignored prompts block a phone for 24 h; one developer's report (daraja.md 2.1)
    strict_174379: bool = False  # refuse C2B registration of 174379, as the real sandbox does
    strict_urls: bool = False  # apply the URL filter to CallBackURL too, as production does
    register_once: bool = False  # C2B URLs can be registered once only, as in production
    pending_as_500: bool = False  # answer a query of an open prompt as before 2025
    v1_plain_msisdn: bool = False  # C2B v1 shows the payer's number in full, as before 2022 (daraja.md 2.3)
    portal_types: bool = False  # status and balance results as the portal prints them: strings for numbers


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
    side: Literal["daraja", "broker"] = "daraja"  # by which door it was registered


@dataclass(slots=True)
class Shortcode:
    """A paybill, or a store number with the one till that belongs to it; and the accounts of its organisation.

    A paybill has Working, Utility and Charges Paid, a till Merchant, Working and Charges Paid (daraja.md 2.13).
    """

    number: str
    name: str
    passkey: str
    till: str = ""
    accounts: dict[AccountName, int] = field(default_factory=dict)  # in cents
    external_validation: bool = False  # M-Pesa activates it by e-mail only
    urls: Urls | None = None
    active: bool = True
    b2c: bool = True  # may pay customers; production asks for a bulk-disbursement shortcode (daraja.md 6)

    def __post_init__(self) -> None:
        self.open_accounts()

    @property
    def kind(self) -> Literal["paybill", "till"]:
        """A store number is of kind till."""
        return "till" if self.till else "paybill"

    @property
    def collects_in(self) -> AccountName:
        """The account that customers' money arrives in."""
        return MERCHANT if self.till else UTILITY

    @property
    def balance_cents(self) -> int:
        """What lies in the account that customers pay into."""
        return self.accounts[self.collects_in]

    @balance_cents.setter
    def balance_cents(self, cents: int) -> None:
        self.accounts[self.collects_in] = cents

    def open_accounts(self) -> None:
        """The accounts of this kind, in M-Pesa's order; what a former kind had collected goes along."""
        collected_cents = self.accounts.pop(UTILITY if self.till else MERCHANT, 0)
        names = (MERCHANT, WORKING, CHARGES) if self.till else (WORKING, UTILITY, CHARGES)
        self.accounts = {name: self.accounts.get(name, 0) for name in names}
        self.balance_cents += collected_cents


class Message(msgspec.Struct, frozen=True):
    """An SMS: the key of its wording and what fills it, so that the page can show it in either language."""

    at: datetime
    key: str
    values: dict[str, str]


@dataclass(slots=True)
class DayTotal:
    """What went one way on one day; the next day begins at nothing."""

    day: date | None = None
    cents: int = 0

    def on(self, day: date) -> int:
        """The total of that day in cents."""
        return self.cents if self.day == day else 0

    def add(self, cents: int, day: date) -> None:
        """Count an amount towards its day."""
        self.cents = self.on(day) + cents
        self.day = day


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
    asked_seconds: float | None = None  # when it was sent its last prompt; feeds the one-minute rule
    unanswered: int = 0  # prompts in a row that its owner did nothing about, and when the last of them ended
    unanswered_seconds: float = 0.0
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=MESSAGES_MAX))
    last_paid_seconds: dict[int, float] = field(default_factory=dict)  # amount in cents to when; feeds rule 17
    registered: bool = True  # for M-Pesa; nobody can be paid who is not
    pochi_cents: int = 0  # the wallet Pochi la Biashara of the same line
    paid: DayTotal = field(default_factory=DayTotal)  # towards the daily limit, each way
    received: DayTotal = field(default_factory=DayTotal)

    def remember_amount(self, amount_cents: int, at_seconds: float) -> None:
        """Note when this amount was paid last, for rule 17; of too many amounts the oldest is forgotten."""
        self.last_paid_seconds.pop(amount_cents, None)
        self.last_paid_seconds[amount_cents] = at_seconds
        if len(self.last_paid_seconds) > AMOUNTS_MAX:
            del self.last_paid_seconds[next(iter(self.last_paid_seconds))]


class Payment(msgspec.Struct, eq=False):
    """Money asked of one phone for one shortcode, from the prompt or menu to its result."""

    number: int
    origin: Literal["stk", "c2b", "standing_order", "b2b_express"]
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
    blocked: bool = False  # the rule ignored_block keeps it from the phone
    shortcode_balance_cents: int = 0
    originator_id: str = ""  # given when a status query first asks; until then nobody could see it
    conversation_id: str = ""
    reversed_by: str = ""  # the receipt of its reversal; there is at most one
    callbacks_answered: int = 0
    confirmations_answered: int = 0
    alarms: list[Alarm] = []
    errand: Callable[[Result], object] | None = None  # who asked, if it was no STK push, and decides what the end means

    @property
    def paid(self) -> bool:
        """Whether money moved."""
        return self.result is not None and self.result.code == 0

    def quiet(self) -> None:
        """Cancel what still waits for this payment."""
        for alarm in self.alarms:
            alarm.cancel()
        self.alarms.clear()


@dataclass(frozen=True, slots=True)
class Counts:
    """The counters behind identifiers, and the node they begin with."""

    node: str
    requests: int
    payments: int
    commands: int


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
        self.tokens: OrderedDict[str, Token] = OrderedDict()
        self.shortcodes: dict[str, Shortcode] = {}
        self.phones: OrderedDict[str, Phone] = OrderedDict()
        self.payments: dict[int, Payment] = {}  # the oldest is found by its number, for numbers only grow
        self.checkouts: dict[str, Payment] = {}
        self.live: dict[int, Payment] = {}  # the prompts that phones show now
        self.initiators: dict[tuple[str, str], Initiator] = {}  # by shortcode and name; "" is every shortcode
        self.commands: OrderedDict[int, Command] = OrderedDict()
        self._originators: dict[tuple[str, str], Command] = {}  # by shortcode and OriginatorConversationID
        self._receipts: dict[str, Payment | Command | None] = {}  # None while it is only reserved
        self._node = identifiers.node(self.random)
        self._requests_count = 3_400_000
        self._payments_count = 0
        self._oldest_number = 1
        self._forgotten_count = 0
        self._commands_count = 0
        self._populate(self)

    def counts(self) -> Counts:
        """How far the counters are, for whoever keeps the world in a file."""
        return Counts(self._node, self._requests_count, self._payments_count, self._commands_count)

    def go_on_from(self, counts: Counts) -> None:
        """Count on from there, so that no identifier is given twice."""
        self._node, self._requests_count = counts.node, counts.requests
        self._payments_count, self._commands_count = counts.payments, counts.commands

    def issue_token(self, app: App) -> str:
        """A new token; the ones before it stay good, as every SDK author reports."""
        while len(self.tokens) >= TOKENS_MAX:
            self.tokens.popitem(last=False)
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
            oldest = self.payments.pop(self._oldest_number, None)
            self._oldest_number += 1
            if oldest is None:  # some numbers are of payments that are not kept
                if self._oldest_number > self._payments_count:
                    self._oldest_number = next(iter(self.payments))
                continue
            self.checkouts.pop(oldest.checkout_id, None)
            self._receipts.pop(oldest.receipt, None)
            self._forgotten_count += 1
            if self._forgotten_count % TIDY_EVERY_PAYMENTS == 0:
                self._tidy()
        self.payments[payment.number] = payment
        if payment.checkout_id:
            self.checkouts[payment.checkout_id] = payment

    def _tidy(self) -> None:
        self.payments = dict(self.payments)
        self.checkouts = dict(self.checkouts)
        self._receipts = dict(self._receipts)

    def new_receipt(self, at: datetime | None = None) -> str:
        """A receipt that nothing else has had, of now or then; ``file_receipt`` says what it is of."""
        at = at or self.clock.now()
        receipt = identifiers.receipt(at, self.random)
        while receipt in self._receipts:
            receipt = identifiers.receipt(at, self.random)
        self._receipts[receipt] = None
        return receipt

    def file_receipt(self, holder: Payment | Command) -> None:
        """Make status queries and reversals find what has this receipt: once money has moved, not before."""
        self._receipts[holder.receipt] = holder

    def forget_receipt(self, receipt: str) -> None:
        """Let a receipt be given anew, once nothing has it any more."""
        self._receipts.pop(receipt, None)

    def receipted(self, receipt: str) -> Payment | Command | None:
        """What a receipt is of; None when nobody was given it."""
        return self._receipts.get(receipt)

    def collected(self, shortcode: Shortcode, since: datetime, until: datetime) -> list[Payment]:
        """The paid C2B and STK payments of a shortcode that settled in that time, oldest first: what Pull shows."""
        longest_seconds = max(self.rules.prompt_life_seconds, self.rules.validation_limit_seconds)
        first_asked_at = since - timedelta(seconds=longest_seconds)
        found: list[tuple[datetime, int, Payment]] = []
        for payment in reversed(self.payments.values()):
            if payment.asked_at < first_asked_at:  # payments lie in the order in which they were asked for
                break
            at = payment.settled_at
            if payment.shortcode is shortcode and payment.paid and at is not None and since <= at <= until:
                found.append((at, payment.number, payment))
        return [payment for _, _, payment in sorted(found, key=lambda each: each[:2])]

    def initiator(self, shortcode: str, name: str) -> Initiator | None:
        """The operator of that name: the shortcode's own, or one who acts for every shortcode."""
        return self.initiators.get((shortcode, name)) or self.initiators.get(("", name))

    def knows_initiator(self, name: str) -> bool:
        """Whether any organisation has an operator of that name."""
        return any(known == name for _, known in self.initiators)

    def new_command_number(self) -> int:
        """Commands are counted from 1; the number is also the cursor of their list."""
        self._commands_count += 1
        return self._commands_count

    def remember_command(self, command: Command) -> None:
        """Keep a command where status queries and lists find it."""
        while len(self.commands) >= COMMANDS_MAX:
            _, oldest = self.commands.popitem(last=False)
            self._originators.pop((oldest.asked.party_a, oldest.originator_id), None)
            self._receipts.pop(oldest.receipt, None)
        self.commands[command.number] = command
        self._originators[command.asked.party_a, command.originator_id] = command

    def command_of(self, party_a: str, originator_id: str) -> Command | None:
        """The command that a shortcode sent under this OriginatorConversationID."""
        return self._originators.get((party_a, originator_id))

    def _forget_a_phone(self) -> None:
        if len(self.phones) < PHONES_MAX:
            return
        idle = next((phone for phone in self.phones.values() if phone.live is None), None)
        if idle is not None:
            del self.phones[idle.msisdn]
