"""The journal: one method per thing that can happen, each one transaction. No other module speaks SQL.

A method that changes a payment takes the payment as it was read and the change that the rules decided. It returns
False where somebody else changed the payment first: the caller reads again and decides again, so two sources that
settle one payment at once cannot both win.
"""

from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass

from msgspec import structs

from wakala.journal import rows
from wakala.journal.alerts import AlertJournal, alert_write
from wakala.journal.database import Database, Operation, Row, Write
from wakala.journal.endpoints import EndpointJournal
from wakala.journal.retention import RetentionJournal
from wakala.journal.rows import LAST_ID, NO_END_US, Claim, Confirmation, Event, ShortcodeDue
from wakala.rules import alerts
from wakala.rules.accounts import App, AppSecret, Registration, Shortcode
from wakala.rules.decisions import Change
from wakala.rules.delivery import TOO_MANY_REQUESTS, Notification, Verdict
from wakala.rules.exchange import Exchange, Headers, kept
from wakala.rules.payment import Payment, Scope

TRACE_LIMIT_EXCHANGES = 500  # a payment has about eight; a merchant who retries for days adds a dozen
PAGE_LIMIT_ROWS = 200
CANDIDATE_LIMIT_ROWS = 200  # pushes of one amount at one shortcode that a confirmation is compared with


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """The answer that completes a stored API exchange."""

    exchange_id: str
    status: int
    headers: Headers
    body: bytes
    duration_us: int


class Journal:
    """All state of the gateway, on SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.endpoints = EndpointJournal(database)
        self.retention = RetentionJournal(database)
        self.alerts = AlertJournal(database)

    # ── payments ──

    async def open_payment(self, changes: Sequence[Change], exchange: Exchange | None) -> bool:
        """A payment enters, with the events that brought it to where it stands. False: its request ID is spent."""
        payment = changes[-1].payment
        before = None
        writes = []
        for change in changes:
            exchange_id = exchange.id if exchange and before is None else None
            writes.append(Write("event_add", rows.event_row(change.payment, change, before, exchange_id)))
            before = change.payment.state
        if exchange is not None:
            writes.append(Write("exchange_add", rows.exchange_row(exchange)))
        guard = Write("payment_open", rows.payment_row(payment))
        return await self._database.commit(Operation(payment.id, guard, tuple(writes)))

    async def record_change(
        self,
        before: Payment,
        change: Change,
        *,
        exchanges: tuple[Exchange, ...] = (),
        notification: Notification | None = None,
        also: Notification | None = None,
        answer: ApiAnswer | None = None,
        claims: Claim | None = None,
        registered: Registration | None = None,
        billing_url: str | None = None,
        refuses_initiator: bool = False,
    ) -> bool:
        """Something happened to a payment: the change, its event, the bytes that brought it and what is owed for it.

        ``claims`` gives a waiting C2B confirmation to this payment in the same transaction; ``also`` is that
        confirmation on its way to who wants to hear of each. Two change the shortcode with it: ``registered``, the C2B
        URLs that M-Pesa took, and ``billing_url``, where payments of bills are told ("" for nowhere of their own). So
        does the refusal of its API operator.
        """
        after = change.payment
        more = _told_of(after, before)
        if answer is not None:
            more = (*more, _answer_write(answer))
        if also is not None:
            more = (*more, Write("notification_stage", rows.notification_row(also)))
        if claims is not None:
            scope = after.scope
            place = (scope.organisation_id, scope.environment, claims.receipt, scope.shortcode_id)
            more = (*more, Write("confirmation_claim", (after.id, *place, claims.amount_cents)))
        shortcode_id = after.scope.shortcode_id
        if registered is not None:
            row = (after.updated_us, *astuple(registered), shortcode_id)
            more = (*more, Write("shortcode_registered", row), Write("directory_moved", ()))
        if billing_url is not None:
            row = (billing_url, after.scope.app_id, shortcode_id)
            more = (*more, Write("shortcode_billing", row), Write("directory_moved", ()))
        if refuses_initiator:
            more = (*more, Write("shortcode_initiator_failed", (shortcode_id,)), Write("directory_moved", ()))
        exchange_id = exchanges[-1].id if exchanges else None
        event = rows.event_row(after, change, before.state, exchange_id)
        guard = Write("payment_advance", rows.payment_change_row(after, before))
        return await self._database.commit(
            Operation(after.id, guard, rows.writes_of(event, exchanges, notification, *more))
        )

    async def record_confirmation(
        self,
        confirmation: Confirmation,
        exchange: Exchange,
        *,
        before: Payment | None = None,
        change: Change | None = None,
        notification: Notification | None = None,
    ) -> bool:
        """A C2B confirmation enters: waiting, as evidence for an open push, or as a payment of its own.

        False: the receipt came before, or the push changed meanwhile. The caller looks which.
        """
        writes: tuple[Write, ...] = (Write("exchange_add", rows.exchange_row(exchange)),)
        if change is not None:
            event = rows.event_row(change.payment, change, before.state if before else None, exchange.id)
            writes = rows.writes_of(event, (exchange,), notification, *_told_of(change.payment, before))
        enter = Write("confirmation_add", rows.confirmation_row(confirmation))
        if change is None:
            return await self._database.commit(Operation(confirmation.receipt, enter, writes))
        if before is None:
            opening = Write("payment_open_new", rows.payment_row(change.payment))
            return await self._database.commit(Operation(confirmation.receipt, enter, (opening, *writes)))
        guard = Write("payment_advance", rows.payment_change_row(change.payment, before))
        enter = Write("confirmation_keep", rows.confirmation_row(confirmation))
        return await self._database.commit(Operation(change.payment.id, guard, (enter, *writes)))

    async def reword_confirmation(self, known: Confirmation, told: Confirmation, exchange: Exchange) -> bool:
        """``known`` came by another way before; now it is as M-Pesa told it, and waits. False: it changed meanwhile."""
        row = (told.notice, told.due_us, known.organisation_id, known.environment, known.receipt, known.notice)
        writes = (Write("exchange_add", rows.exchange_row(exchange)),)
        return await self._database.commit(Operation(known.receipt, Write("confirmation_reword", row), writes))

    async def collect_confirmation(
        self, waiting: Confirmation, change: Change, notification: Notification | None
    ) -> bool:
        """A confirmation that nobody claimed becomes a payment of its own. False: it was claimed meanwhile."""
        payment = change.payment
        place = (waiting.organisation_id, waiting.environment, waiting.receipt, waiting.shortcode_id)
        opening = Write("payment_open_new", rows.payment_row(payment))
        event = rows.event_row(payment, change, None, None)
        writes = (opening, *rows.writes_of(event, (), notification, *_told_of(payment, None)))
        return await self._database.commit(
            Operation(waiting.receipt, Write("confirmation_claim", (payment.id, *place, None)), writes)
        )

    async def record_exchange(self, exchange: Exchange) -> None:
        """An exchange that changes no payment: a read, a refused request, a callback in quarantine."""
        await self._database.commit(Operation(exchange.id, None, (Write("exchange_add", rows.exchange_row(exchange)),)))

    async def record_answer(self, answer: ApiAnswer) -> None:
        """What an API exchange, stored before, was answered."""
        await self._database.commit(Operation(answer.exchange_id, None, (_answer_write(answer),)))

    async def payment(self, payment_id: str) -> Payment | None:
        """By our own ID. Callers that act for a tenant compare the scope."""
        return _first_payment(await self._database.fetch("payment_by_id", (payment_id,)))

    async def payment_by_request(self, organisation_id: str, environment: str, request_id: str) -> Payment | None:
        """By the merchant's own ID, within the organisation and environment."""
        row = (organisation_id, environment, request_id)
        return _first_payment(await self._database.fetch("payment_by_request", row))

    async def payment_by_checkout(self, organisation_id: str, environment: str, checkout_id: str) -> Payment | None:
        """By M-Pesa's CheckoutRequestID, or ConversationID where the command is no push."""
        row = (organisation_id, environment, checkout_id)
        return _first_payment(await self._database.fetch("payment_by_checkout", row))

    async def payment_by_receipt(self, scope: Scope, receipt: str) -> Payment | None:
        """By M-Pesa's receipt, the strongest key, at the scope's shortcode."""
        row = (scope.organisation_id, scope.environment, receipt, scope.shortcode_id)
        return _first_payment(await self._database.fetch("payment_by_receipt", row))

    async def pushes_without_receipt(
        self, shortcode_id: str, amount_cents: int, since_us: int, until_us: int = NO_END_US
    ) -> list[Payment]:
        """What a confirmation may belong to: pushes of that amount, open or paid by a query's word, newest first."""
        row = (shortcode_id, amount_cents, since_us, until_us, CANDIDATE_LIMIT_ROWS)
        return [rows.payment_of(r) for r in await self._database.fetch("payment_candidates", row)]

    async def shortcodes_due(self, now_us: int) -> list[ShortcodeDue]:
        """The shortcodes of which a payment is due: a row each, however many payments there are."""
        return [ShortcodeDue(*row) for row in await self._database.fetch("shortcodes_due", (now_us,))]

    async def payments_due(self, shortcode_id: str, now_us: int, limit: int) -> list[Payment]:
        """A shortcode's open payments whose next question, sending or giving up is due, longest due first."""
        row = (shortcode_id, now_us, limit)
        return [rows.payment_of(r) for r in await self._database.fetch("payments_due", row)]

    async def claim_payment(self, payment: Payment, until_us: int) -> bool:
        """Own a due payment until ``until_us``; False where another worker was faster."""
        guard = Write("payment_claim", (until_us, payment.id, payment.next_check_us))
        return await self._database.commit(Operation(payment.id, guard))

    async def list_payments(
        self, organisation_id: str, environment: str, before_id: str = LAST_ID, limit: int = 50
    ) -> list[Payment]:
        """Newest first, from a cursor."""
        row = (organisation_id, environment, before_id, min(limit, PAGE_LIMIT_ROWS))
        return [rows.payment_of(r) for r in await self._database.fetch("payments_listed", row)]

    async def events(self, payment_id: str) -> list[Event]:
        """Everything that happened to a payment, in order."""
        return [rows.event_of(r) for r in await self._database.fetch("events_of_payment", (payment_id,))]

    async def exchanges(self, payment_id: str) -> list[Exchange]:
        """Both sides' bytes of a payment, in order."""
        row = (payment_id, TRACE_LIMIT_EXCHANGES)
        return [rows.exchange_of(r) for r in await self._database.fetch("exchanges_of_payment", row)]

    async def exchanges_after(self, after_id: str, limit: int = PAGE_LIMIT_ROWS) -> list[Exchange]:
        """Everything that went in or out since, oldest first: what `wakala logs tail` prints."""
        row = (after_id, min(limit, PAGE_LIMIT_ROWS))
        return [rows.exchange_of(r) for r in await self._database.fetch("exchanges_after", row)]

    async def exchange_ids(self, after_id: str, limit: int) -> list[str]:
        """The newest IDs after a cursor, oldest first."""
        return [row[0] for row in reversed(await self._database.fetch("exchange_ids_newest", (after_id, limit)))]

    async def exchange(self, exchange_id: str) -> Exchange | None:
        """By ID."""
        found = await self._database.fetch("exchange_by_id", (exchange_id,))
        return rows.exchange_of(found[0]) if found else None

    async def quarantined(self, before_id: str = LAST_ID, limit: int = 50) -> list[Exchange]:
        """What came in and did not fit, newest first: never dropped, never believed."""
        row = (before_id, min(limit, PAGE_LIMIT_ROWS))
        return [rows.exchange_of(r) for r in await self._database.fetch("exchanges_quarantined", row)]

    # ── C2B confirmations ──

    async def confirmation(self, organisation_id: str, environment: str, receipt: str) -> Confirmation | None:
        """The confirmation with this receipt, waiting or not."""
        found = await self._database.fetch("confirmation_by_receipt", (organisation_id, environment, receipt))
        return Confirmation(*found[0]) if found else None

    async def confirmations_due(self, now_us: int, limit: int) -> list[Confirmation]:
        """Confirmations that have waited long enough for a push to claim them."""
        return [Confirmation(*row) for row in await self._database.fetch("confirmations_due", (now_us, limit))]

    async def put_off_confirmation(self, waiting: Confirmation, until_us: int) -> None:
        """It could not be given to anybody: it is due again then."""
        place = (waiting.organisation_id, waiting.environment, waiting.receipt, waiting.shortcode_id)
        guard = Write("confirmation_put_off", (until_us, *place, waiting.due_us))
        await self._database.commit(Operation(waiting.receipt, guard))

    # ── notifications ──

    async def record_attempt(
        self, notification: Notification, verdict: Verdict, exchange: Exchange, *, now_us: int
    ) -> bool:
        """How an attempt ended. False where this attempt was counted already, or its notification staged anew."""
        settled_us = None if verdict.state == "waiting" else now_us
        guard = Write(
            "notification_attempted",
            (
                verdict.state,
                notification.attempts + 1,
                verdict.due_us,
                exchange.status,
                exchange.error,
                settled_us,
                notification.id,
                notification.attempts,
                notification.created_us,
            ),
        )
        writes = (Write("exchange_add", rows.exchange_row(exchange)),)
        return await self._database.commit(Operation(notification.id, guard, writes, is_calm=True))

    async def claim_notifications(
        self, lane: str, now_us: int, until_us: int, limit: int, doubtful_us: Collection[int] = ()
    ) -> list[Notification]:
        """Own what is due in one lane until ``until_us``, oldest first, each payment in order; none that others own.

        What is owned until just one of ``doubtful_us`` is ours, by a claim that was carried out and not answered.
        """
        row = (lane, now_us, now_us, _listed(doubtful_us), limit, until_us)
        found = await self._database.take("notifications_claim", row)
        return sorted((rows.notification_of(row) for row in found), key=lambda one: (one.due_us, one.id))

    async def claim_untried(
        self, lane: str, now_us: int, until_us: int, doubtful_us: Collection[int] = ()
    ) -> list[Notification]:
        """Own the newest one in a lane that was never tried, or nothing; each payment's in order."""
        row = (lane, now_us, now_us, _listed(doubtful_us), until_us)
        found = await self._database.take("notifications_claim_untried", row)
        return [rows.notification_of(row) for row in found]

    async def hand_back_notification(self, notification: Notification) -> bool:
        """End our own lease: another process may have it at once. False where it was not ours any more."""
        guard = Write("notification_hand_back", (notification.id, notification.lease_us))
        return await self._database.commit(Operation(notification.id, guard))

    async def lanes_waiting(self, now_us: int, after: str = "", limit: int = PAGE_LIMIT_ROWS) -> list[tuple[str, bool]]:
        """The lanes in which something waits, in order, from a cursor; True where something is due."""
        found = await self._database.fetch("lanes_waiting", (after, limit, now_us))
        return [(lane, bool(is_due)) for lane, is_due in found]

    async def bring_forward(self, lane: str, now_us: int, *, is_elsewhere: bool = False) -> int:
        """What waits in a lane for a later step of its schedule is due at once; how many were.

        What the endpoint itself put off keeps its time, unless the lane leads elsewhere now.
        """
        row, count = (lane, now_us, now_us, 0 if is_elsewhere else TOO_MANY_REQUESTS, PAGE_LIMIT_ROWS), 0
        while page := len(await self._database.take("notifications_forward", row)):
            count += page
        return count

    async def notification(self, notification_id: str) -> Notification | None:
        """By ID."""
        found = await self._database.fetch("notification_by_id", (notification_id,))
        return rows.notification_of(found[0]) if found else None

    def writing_for_us(self) -> int:
        """For how long a commit has been under way that nothing ends but the disk; a server's is given up in time."""
        return int(self._database.writing_for_s() * 1_000_000)

    async def newest_notification_id(self) -> str:
        """The one that sorts last; "" where there never was any."""
        found = await self._database.fetch("notification_newest", (LAST_ID,))
        return str(found[0][0]) if found else ""

    async def notifications_of(self, payment_id: str) -> list[Notification]:
        """What was owed for one payment, in order."""
        found = await self._database.fetch("notifications_of_payment", (payment_id,))
        return [rows.notification_of(row) for row in found]

    async def list_notifications(
        self, organisation_id: str, environment: str, before_id: str = LAST_ID, limit: int = 50
    ) -> list[Notification]:
        """Newest first, from a cursor; delivered or not."""
        row = (organisation_id, environment, before_id, min(limit, PAGE_LIMIT_ROWS))
        return [rows.notification_of(r) for r in await self._database.fetch("notifications_listed", row)]

    async def release_leases(self, now_us: int) -> None:
        """After a start on a one-process database: nothing of the process before is still on its way."""
        await self._database.commit(
            Operation(
                "leases",
                None,
                (
                    Write("payments_release", (now_us, now_us)),
                    Write("notifications_release", ()),
                    Write("duties_release", ()),
                ),
            )
        )

    async def after_restore(self, now_us: int) -> None:
        """The database is as it was at an earlier moment. Nothing is sent again: what was waiting is asked about."""
        await self._database.commit(Operation("restore", None, after_restore(now_us)))

    async def is_used(self) -> bool:
        """Whether there is anything in it that a restore would replace."""
        return bool((await self._database.fetch("store_is_used"))[0][0])

    async def tables(self) -> list[str]:
        """The names of all that stand where ours do, or would; whoever they belong to."""
        return [row[0] for row in await self._database.fetch("store_tables")]

    # ── organisations, shortcodes, apps ──

    async def add_organisation(self, organisation_id: str, name: str, now_us: int) -> None:
        """A tenant enters."""
        await self._change_directory(Write("organisation_add", (organisation_id, name, now_us)))

    async def add_shortcode(self, shortcode: Shortcode) -> None:
        """A paybill or store number enters."""
        await self._change_directory(Write("shortcode_add", rows.shortcode_row(shortcode)))

    async def add_app(self, app: App) -> None:
        """An app enters."""
        await self._change_directory(Write("app_add", rows.app_row(app)))

    async def mark_registered(self, shortcode_id: str, registration: Registration, now_us: int) -> None:
        """M-Pesa took our C2B URLs for this shortcode, by a command of the operator's."""
        await self._change_directory(Write("shortcode_registered", (now_us, *astuple(registration), shortcode_id)))

    async def keep_bill_key(self, shortcode_id: str, sealed: str) -> None:
        """Bill Manager's key for this shortcode."""
        await self._change_directory(Write("shortcode_bill_key", (sealed, shortcode_id)))

    async def set_initiator(self, shortcode_id: str, name: str, sealed_password: str, certificate: str) -> None:
        """A new API operator, or a new password of the old one; its failures are forgotten."""
        row = (name, sealed_password, certificate, shortcode_id)
        await self._change_directory(Write("shortcode_initiator", row))

    async def set_side(self, shortcode_id: str, side: str, sealed_access: str | None) -> None:
        """Which of M-Pesa's sides carries new payments, and the access to the Broker; without one the old stays."""
        await self._change_directory(Write("shortcode_side", (side, sealed_access, shortcode_id)))

    async def forget_initiator_failures(self, shortcode: Shortcode) -> None:
        """M-Pesa took the API operator's credentials again; counts as long as they and their failures are these."""
        row = (shortcode.id, shortcode.initiator_failures, shortcode.initiator_password)
        await self._change_directory(Write("shortcode_initiator_works", row))

    async def set_products(self, shortcode_id: str, products: tuple[str, ...]) -> None:
        """What M-Pesa granted the shortcode."""
        await self._change_directory(Write("shortcode_products", (",".join(products), shortcode_id)))

    async def pulled_until(self, shortcode_id: str) -> int | None:
        """How far Pull has read, in microseconds."""
        found = await self._database.fetch("shortcode_pulled_until", (shortcode_id,))
        return found[0][0] if found else None

    async def mark_pulled(self, shortcode_id: str, until_us: int) -> None:
        """Pull has read up to here."""
        write = Write("shortcode_pulled", (until_us, shortcode_id))
        await self._database.commit(Operation(shortcode_id, None, (write,)))

    async def set_collector(self, shortcode_id: str, app_id: str) -> None:
        """The app that is told of payments nobody asked for."""
        await self._change_directory(Write("shortcode_collector", (app_id, shortcode_id)))

    async def set_callback_url(self, organisation_id: str, app_id: str, url: str | None) -> None:
        """Where an app's notifications go, from the next attempt on."""
        await self._change_directory(Write("app_callback_url", (url, organisation_id, app_id)))

    async def set_app_active(self, organisation_id: str, app_id: str, *, is_active: bool) -> None:
        """Whether anybody gets in with an app's keys; gateways know it within a second."""
        await self._change_directory(Write("app_active", (int(is_active), organisation_id, app_id)))

    async def replace_secret(self, old: AppSecret, new: AppSecret, now_us: int) -> bool:
        """A new secret of the same app; none before it lets anybody in for longer than ``old`` says.

        False: somebody else has replaced ``old`` meanwhile.
        """
        whose = (new.organisation_id, new.app_id)
        guard = Write("app_secret", (new.id, new.digest, *whose, old.id))
        writes = (
            Write("old_secrets_end", (old.until_us, *whose, old.until_us)),
            Write("old_secret_add", structs.astuple(old)),
            Write("old_secrets_forget", (*whose, now_us)),
            Write("directory_moved", ()),
        )
        return await self._database.commit(Operation(new.app_id, guard, writes))

    async def bind_app(self, organisation_id: str, app_id: str, shortcode_id: str) -> bool:
        """Tie an app to one live shortcode, for good. False: it is bound already."""
        guard = Write("app_bind", (shortcode_id, organisation_id, app_id))
        return await self._database.commit(Operation(app_id, guard, (Write("directory_moved", ()),)))

    async def _change_directory(self, write: Write) -> None:
        await self._database.commit(Operation("directory", None, (write, Write("directory_moved", ()))))

    async def directory_version(self) -> int:
        """Moves with every change of organisations, shortcodes and apps."""
        return int((await self._database.fetch("directory_version"))[0][0])

    async def organisations(self) -> dict[str, str]:
        """Names by ID."""
        return {row[0]: row[1] for row in await self._database.fetch("organisations_all")}

    async def shortcodes(self) -> list[Shortcode]:
        """All shortcodes of all organisations: the directory keeps them in memory."""
        return [rows.shortcode_of(row) for row in await self._database.fetch("shortcodes_all")]

    async def data_keys(self) -> list[str]:
        """Of all whose secrets are sealed here, whatever the schema."""
        return [str(row[0]) for row in await self._database.fetch("data_keys")]

    async def apps(self) -> list[App]:
        """All apps of all organisations: the directory keeps them in memory."""
        return [rows.app_of(row) for row in await self._database.fetch("apps_all")]

    async def old_secrets(self) -> list[AppSecret]:
        """Those that newer ones have replaced, of all apps; some may have ended."""
        return [rows.secret_of(row) for row in await self._database.fetch("old_secrets_all")]


def _listed(moments_us: Collection[int]) -> str:
    """As the claims compare them: each between two commas."""
    return "".join([",", *(f"{moment_us}," for moment_us in moments_us)])


def after_restore(now_us: int) -> tuple[Write, ...]:
    """What is written to a database that is as it was at an earlier moment; the rows are numbers alone."""
    return (
        Write("restored_events", (now_us,)),
        Write("restored_payments", (now_us, now_us, now_us)),
        Write("payments_release", (now_us, now_us)),
        Write("notifications_release", ()),
    )


def _told_of(payment: Payment, before: Payment | None) -> tuple[Write, ...]:
    """An alert, where the payment has come by a flag."""
    alert = alerts.of_payment(payment, before)
    return () if alert is None else (alert_write(alert),)


def _answer_write(answer: ApiAnswer) -> Write:
    body = kept(answer.body)
    row = (answer.status, rows.headers_text(answer.headers), body, answer.duration_us, answer.exchange_id)
    return Write("exchange_answer", row)


def _first_payment(found: Sequence[Row]) -> Payment | None:
    return rows.payment_of(found[0]) if found else None


__all__ = ["LAST_ID", "NO_END_US", "ApiAnswer", "Claim", "Confirmation", "Event", "Journal", "Scope", "after_restore"]
