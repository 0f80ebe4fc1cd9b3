"""Faults that are planted on purpose: the test of the tester. Each swaps one function of the gateway for a broken one.

Nowhere else is our own code replaced in a test; here that is the point. The product's files know nothing of it: a fault
lives as long as its ``with`` block, one block a run. Where a fault needs luck (every ninth commit) it counts, so that a
seed replays.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from itertools import count
from typing import Any

from msgspec.structs import replace

import wakala.deliveries.deliveries as deliveries_module
import wakala.journal.sqlite as sqlite_module
import wakala.rules.decisions as decision_rules
import wakala.upstream.daraja as daraja_module
import wakala.wire.daraja as wire_module
from wakala.deliveries.deliveries import Deliveries
from wakala.deliveries.desk import OLDEST, Desk
from wakala.directory import Directory
from wakala.errors import RequestInFlightError
from wakala.identity import first_id
from wakala.journal.database import Operation, sql
from wakala.journal.endpoints import EndpointJournal
from wakala.journal.journal import Journal
from wakala.journal.rows import Claim, notification_of
from wakala.journal.sqlite import SqliteDatabase
from wakala.outgoing import NoReply
from wakala.payments import Payments
from wakala.rules.accounts import App
from wakala.rules.decisions import Change, Schedule
from wakala.rules.delivery import Attempted, DeliveryState, Notification, Verdict
from wakala.rules.delivery import judge as judged
from wakala.rules.endpoints import Endpoint, EndpointState, Target, Waiting
from wakala.rules.endpoints import target_of as aimed
from wakala.rules.facts import Fact, Refused, Settled, Unsent
from wakala.rules.payment import Answer, Evidence, Payment, Scope, State, Step
from wakala.rules.signing import Signer
from wakala.web.inbound import Inbound
from wakala.web.notifications import Feed, Notifications
from wakala.web.plumbing import Incoming
from wakala.wire.api import JSON, HttpAnswer
from wakala.workers.courier import Courier
from wakala.workers.lanes import Alarms, Lane, Turnstile
from wakala.workers.pruner import TAKEN, Bounds

Fault = Callable[[], AbstractContextManager[None]]
FAULTS: dict[str, Fault] = {}
"""By name; the docstring of each says what the gateway then does wrong."""
FAULTS_OF_THE_HOUR: dict[str, Fault] = {}
"""The same for the hour without a merchant (`virtual/outage.py`): nothing is lost by them, but somebody waits."""

FAR_US = 1 << 60
NINTH, FOURTH = 9, 4


def _fault(plant: Callable[[], Iterator[None]]) -> Fault:
    return _known(plant, FAULTS)


def _fault_of_the_hour(plant: Callable[[], Iterator[None]]) -> Fault:
    return _known(plant, FAULTS_OF_THE_HOUR)


def _known(plant: Callable[[], Iterator[None]], faults: dict[str, Fault]) -> Fault:
    fault = contextmanager(plant)
    faults[plant.__name__.replace("_", " ")] = fault
    return fault


@contextmanager
def _swapped(owner: Any, name: str, broken: Any) -> Iterator[None]:
    real = getattr(owner, name)
    setattr(owner, name, broken)
    try:
        yield
    finally:
        setattr(owner, name, real)


# ── commits ──


@_fault
def skip_a_commit() -> Iterator[None]:
    """Every ninth commit is said to be done, and is not."""
    real, numbers = SqliteDatabase.commit, count(1)

    async def commit(self: SqliteDatabase, operation: Operation) -> bool:
        return True if next(numbers) % NINTH == 0 else await real(self, operation)

    with _swapped(SqliteDatabase, "commit", commit):
        yield


@_fault
def call_before_the_commit() -> Iterator[None]:
    """M-Pesa is called while the intent is still on its way to the disk."""
    real = Journal.open_payment

    async def open_payment(self: Journal, *given: Any) -> bool:
        _in_the_background(real(self, *given))
        return True

    with _swapped(Journal, "open_payment", open_payment):
        yield


@_fault
def acknowledge_before_the_commit() -> Iterator[None]:
    """M-Pesa gets its 200 while its callback is still on its way to the disk."""

    def eager(real: Callable[[Inbound, Incoming], Awaitable[HttpAnswer]]) -> Any:
        async def handle(self: Inbound, incoming: Incoming) -> HttpAnswer:
            _in_the_background(real(self, incoming))
            return 200, JSON, b'{"ResultCode":0,"ResultDesc":"Accepted"}'

        return handle

    with ExitStack() as stack:
        for name in ("stk", "result", "status", "c2b_confirmation"):
            stack.enter_context(_swapped(Inbound, name, eager(getattr(Inbound, name))))
        yield


def _in_the_background(work: Awaitable[Any]) -> None:
    async def quietly() -> None:
        with suppress(Exception):  # the point of the fault: nobody hears of it
            await work

    asyncio.get_running_loop().create_task(quietly())


# ── M-Pesa ──


@_fault
def resend_on_unknown() -> Iterator[None]:
    """A time-out after sending is taken for "it never left", and sent again."""

    def unanswered(reply: NoReply, retry_at_us: int) -> Fact:
        return Unsent("unreachable", f"No answer: {reply.reason}.", retry_at_us)

    with _swapped(daraja_module, "unanswered", unanswered):
        yield


@_fault
def treat_a_time_out_as_failure() -> Iterator[None]:
    """A time-out after sending is taken for a refusal."""

    def unanswered(reply: NoReply, _: int) -> Fact:
        return Refused("timeout", f"No answer: {reply.reason}.", Evidence.GATEWAY)

    with _swapped(daraja_module, "unanswered", unanswered):
        yield


@_fault
def give_up_too_soon() -> Iterator[None]:
    """After one question the schedule is called over."""

    def is_over(_: Schedule, payment: Payment) -> bool:
        return payment.checks >= 1

    with _swapped(Schedule, "is_over", is_over):
        yield


@_fault
def ignore_that_a_request_id_is_spent() -> Iterator[None]:
    """A repeated request ID opens another payment, under another name."""
    real, numbers = Journal.open_payment, count(2)

    async def open_payment(self: Journal, changes: Any, exchange: Any) -> bool:
        if await real(self, changes, exchange):
            return True
        renamed = f"{changes[-1].payment.request_id}.{next(numbers)}"
        again = [replace(change, payment=replace(change.payment, request_id=renamed)) for change in changes]
        changes[:] = again
        return await real(self, again, exchange)

    with _swapped(Journal, "open_payment", open_payment):
        yield


# ── outcomes and notifications ──


@_fault
def settle_twice() -> Iterator[None]:
    """A second word on a payment that is final is treated like the first."""
    real = decision_rules._second_opinion

    def second(payment: Payment, fact: Settled, detail: dict[str, str], now_us: int) -> Change:
        if fact.paid != (payment.state is State.SUCCEEDED):
            return real(payment, fact, detail, now_us)
        after = decision_rules._next(payment, Step.CONFIRM, now_us)
        return decision_rules._notified(after, Step.CONFIRM, "settled", detail, f"payment.{payment.state}")

    with _swapped(decision_rules, "_second_opinion", second):
        yield


@_fault
def forget_to_stage_the_notification() -> Iterator[None]:
    """Every fourth notification is not written down with the change that owes it."""
    real, numbers = Journal.record_change, count(1)

    async def record_change(self: Journal, *given: Any, notification: Any = None, **more: Any) -> bool:
        forgotten = notification is not None and next(numbers) % FOURTH == 0
        return await real(self, *given, notification=None if forgotten else notification, **more)

    with _swapped(Journal, "record_change", record_change):
        yield


@_fault
def drop_the_lease_of_a_notification() -> Iterator[None]:
    """Whoever finds one due takes it, whether or not somebody else has it in hand."""

    async def take_all(
        self: Journal, lane: str, now_us: int, until_us: int, limit: int, *_: object
    ) -> list[Notification]:
        found = await self._database.take("notifications_claim", (lane, now_us, FAR_US, ",", limit, until_us))
        return [notification_of(row) for row in found]

    with _swapped(Journal, "claim_notifications", take_all):
        yield


@_fault
def drop_both_guards_of_a_payment_that_is_sent() -> Iterator[None]:
    """Every worker that finds a payment due takes it in hand, and who cannot send it holds back what another sends.

    Either alone does no harm: without the lease the versions decide who sends, and with it nobody else is there.
    """
    real = Payments.settle

    async def claim(_: Journal, *_given: Any) -> bool:
        return True

    async def settle(self: Payments, *given: Any, is_of_this_version: bool = False, **more: Any) -> Payment:
        del is_of_this_version
        return await real(self, *given, **more)

    with _swapped(Journal, "claim_payment", claim), _swapped(Payments, "settle", settle):
        yield


@_fault
def keep_every_outcome() -> Iterator[None]:
    """What is owed is written down as if nobody had named a URL for it, and is sent to nobody."""
    real = Courier.reserve

    def reserve(self: Courier, notification: Notification, now_us: int) -> Notification:
        return replace(real(self, notification, now_us), state=DeliveryState.KEPT, lease_us=0)

    with _swapped(Courier, "reserve", reserve):
        yield


@_fault
def answer_a_repeat_with_news() -> Iterator[None]:
    """Who repeats a request is told how its payment stands, and not what was answered first."""
    real = Payments._repeat

    async def repeat(self: Payments, first: Payment | None, again: Payment) -> Payment:
        told = await real(self, first, again)
        return replace(told, answer=Answer.REFUSED if told.state is State.FAILED else told.answer)

    with _swapped(Payments, "_repeat", repeat):
        yield


@_fault
def leave_a_repeat_in_flight() -> Iterator[None]:
    """Whose first answer never came, because its gateway died, is told for ever to wait for it."""
    real = Payments._repeat

    async def repeat(self: Payments, first: Payment | None, again: Payment) -> Payment:
        if first is not None and first.answer is None:
            raise RequestInFlightError
        return await real(self, first, again)

    with _swapped(Payments, "_repeat", repeat):
        yield


@_fault
def deliver_out_of_order() -> Iterator[None]:
    """A later notification of a payment does not wait for the earlier one: not when staged, not when claimed."""
    reserve = Courier.reserve

    def reserve_any(self: Courier, notification: Notification, now_us: int) -> Notification:
        first = replace(notification, sequence=1)
        return replace(reserve(self, first, now_us), sequence=notification.sequence)

    def heedless(statement: str, dialect: str) -> str:
        text, condition = sql(statement, dialect), "earlier.sequence < n.sequence"
        if statement in {"notifications_claim", "notifications_claim_untried"}:
            assert condition in text
            return text.replace(condition, "FALSE")
        return text

    with _swapped(Courier, "reserve", reserve_any), _swapped(sqlite_module, "sql", heedless):
        yield


@_fault
def call_delivered_what_was_not() -> Iterator[None]:
    """A delivery without an answer counts as one that was taken."""
    real = judged

    def judge(attempted: Attempted, attempts: int, now_us: int, *given: Any, **more: Any) -> Verdict:
        if attempted.status is None:
            return Verdict(DeliveryState.DELIVERED, now_us)
        return real(attempted, attempts, now_us, *given, **more)

    with _swapped(deliveries_module, "judge", judge):
        yield


@_fault
def give_a_confirmation_that_is_not_told() -> Iterator[None]:
    """A push takes its confirmation although nobody has seen it wait: whoever wrote it meanwhile finds it given."""
    real = Payments._with_twin

    async def with_twin(self: Payments, change: Change, claimed: Claim, now_us: int) -> Any:
        changed, twin, _ = await real(self, change, claimed, now_us)
        return changed, twin, claimed

    with _swapped(Payments, "_with_twin", with_twin):
        yield


# ── what owners and readers ask for ──


@_fault
def send_to_who_is_paused() -> Iterator[None]:
    """The courier takes every endpoint for one that may be called."""
    real = Deliveries.lane_terms

    def lane_terms(self: Deliveries, lane: str) -> Endpoint | None:
        endpoint = real(self, lane)
        return None if endpoint is None else replace(endpoint, state=EndpointState.ACTIVE)

    with _swapped(Deliveries, "lane_terms", lane_terms):
        yield


@_fault
def send_to_the_first_url() -> Iterator[None]:
    """Wherever an endpoint has moved, it is called where it was first."""
    real, first = aimed, dict[str, str | None]()

    def target_of(endpoint: Endpoint, own_url: str | None, app_url: str | None, *times: int) -> Target:
        target = real(endpoint, own_url, app_url, *times)
        return target if own_url else replace(target, url=first.setdefault(endpoint.app_id, target.url))

    with _swapped(deliveries_module, "target_of", target_of):
        yield


@_fault
def forget_what_was_acknowledged() -> Iterator[None]:
    """A merchant who says that it has a notification is told that this is noted, and it is not."""

    async def acknowledge(_: EndpointJournal, *_given: Any) -> bool:
        return True

    with _swapped(EndpointJournal, "acknowledge", acknowledge):
        yield


@_fault
def send_what_was_to_be_held() -> Iterator[None]:
    """Whatever was chosen for what waits, it goes to the new URL."""
    real = Desk.set_url

    async def set_url(self: Desk, app: App, endpoint: Endpoint, url: str, _: Waiting) -> int:
        return await real(self, app, endpoint, url, Waiting.SEND)

    with _swapped(Desk, "set_url", set_url):
        yield


@_fault
def sign_with_the_first_secret_alone() -> Iterator[None]:
    """A secret is changed, and the one before goes on."""

    def signers(self: Directory, endpoint: Endpoint) -> tuple[Signer, ...]:
        return (Signer(self.webhook_key(endpoint.app_id)),)

    with _swapped(Directory, "signers", signers):
        yield


@_fault
def overrule_a_merchant_who_is_asked() -> Iterator[None]:
    """A merchant's no to a customer's payment is recorded, and M-Pesa is told yes."""

    def accepting(**_: Any) -> bytes:
        return b'{"ResultCode":"0","ResultDesc":"Accepted"}'

    with _swapped(wire_module, "c2b_validation_answer", accepting):
        yield


@_fault
def let_a_cursor_pass_what_is_to_come() -> Iterator[None]:
    """Who reads by cursor is told to go on half a minute from now."""

    def ahead(self: Desk) -> str:
        return first_id("ntf", self._source.id_us() + 30_000_000)

    async def end_id(self: Desk) -> str:
        return ahead(self)

    with _swapped(Desk, "settled_id", ahead), _swapped(Desk, "end_id", end_id):
        yield


@_fault
def begin_each_reading_at_the_beginning() -> Iterator[None]:
    """Who says how far it has read is believed, and is read everything again."""
    real = Notifications._start

    async def start(self: Notifications, scope: Scope, asked: Feed) -> str:
        return OLDEST if asked.consumer else await real(self, scope, asked)

    with _swapped(Notifications, "_start", start):
        yield


@_fault
def forget_by_the_age_of_the_debt() -> Iterator[None]:
    """What was taken a moment ago is forgotten where it has been owed for long."""

    def may_go(_: Bounds, _notification_id: str, state: str, _settled_us: int) -> bool:
        return state in TAKEN

    with _swapped(Bounds, "may_go", may_go):
        yield


# ── the hour without a merchant ──


@_fault_of_the_hour
def send_a_backlog_at_once() -> Iterator[None]:
    """What has waited is sent as fast as the hands can, whoever else wants the processor."""

    def enter(_: Turnstile, loop: Alarms) -> "asyncio.Future[None]":
        place = loop.create_future()
        place.set_result(None)
        return place

    with _swapped(Turnstile, "enter", enter):
        yield


@_fault_of_the_hour
def forget_a_lane_that_is_being_filled() -> Iterator[None]:
    """It is made a second time, and its merchant meets twice the hands."""

    def forget(self: Courier, name: str, lane: Lane) -> None:
        if not (lane.has_work or lane.running) and self._lanes.get(name) is lane:
            del self._lanes[name]

    with _swapped(Courier, "_forget_if_idle", forget):
        yield


@_fault_of_the_hour
def leave_what_was_tried_to_its_schedule() -> Iterator[None]:
    """A merchant who is back is not sent at once what was put off for hours."""

    async def bring_forward(_: Journal, _lane: str, _now_us: int) -> int:
        return 0

    with _swapped(Journal, "bring_forward", bring_forward):
        yield
