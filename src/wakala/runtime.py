"""The front door: settings become running objects. The only place with the real clock, real IDs and real clients."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from starlette.types import ASGIApp

from wakala.config import Settings, master_key
from wakala.confirmations import Confirmations
from wakala.deliveries import Deliveries, Standing, Validations
from wakala.deliveries.alerting import Alerting
from wakala.deliveries.bell import Bell
from wakala.deliveries.desk import Desk
from wakala.deliveries.probing import Prober
from wakala.directory import Directory
from wakala.errors import DatabaseAwayError, StoppingError, WakalaError
from wakala.identity import Source, common_clock, system_source
from wakala.journal.database import Database
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate, require_newest
from wakala.journal.partitions import Partitions
from wakala.journal.postgres import READ_ONLY, PostgresDatabase
from wakala.journal.spill import SPILL_NAME, Spill
from wakala.outgoing import Outgoing
from wakala.payments import Payments, Terms
from wakala.pulling import Patience, Pulling
from wakala.rules.accounts import Environment
from wakala.rules.addresses import networks
from wakala.rules.endpoints import STEP_LIMIT_S, By
from wakala.store import database, hear, require_its_key
from wakala.upstream.broker import Broker
from wakala.upstream.daraja import Daraja
from wakala.upstream.sides import Sides
from wakala.web.api import Api
from wakala.web.app import build
from wakala.web.dialects import BROKER, DARAJA
from wakala.web.endpoints import Endpoints
from wakala.web.facade import Facade
from wakala.web.inbound import Inbound
from wakala.web.notifications import Notifications
from wakala.web.pages import Pages
from wakala.web.plumbing import Surroundings
from wakala.web.shelter import Shelter
from wakala.wire.endpoint_view import Defaults
from wakala.workers.alerter import Alerter
from wakala.workers.courier import Courier
from wakala.workers.doubts import FIRST_REST_S, Doubts
from wakala.workers.finisher import Finisher
from wakala.workers.loop import Loop
from wakala.workers.outage import Outage
from wakala.workers.outbox import LeasedOutbox
from wakala.workers.pruner import Ages, Pruner
from wakala.workers.puller import Puller
from wakala.workers.timekeeper import Horizon, Timekeeper

log = logging.getLogger("wakala")

CLOCK_REST_S = 5.0  # how soon it is seen that the database's clock was set; between, this machine's carries it on
CLOCK_APART_S = 2  # what time synchronisation leaves between two machines is milliseconds
DIRECTORY_REST_S = 1.0  # how soon a changed callback URL or a new app is seen
STANDING_REST_S = 5.0  # how much of an endpoint's account a killed process may forget
COURIER_REST_S = 0.5  # how soon a retry that has become due is noticed
ALERTER_REST_S = 5.0  # how soon an operator is told
TIMEKEEPER_REST_S = 5.0  # a clock that leapt back is seen this soon
SHELTER_REST_S = 1.0  # how soon callbacks that came while the database was away are handled once it is back
SPILL_REST_S = 60.0  # how soon the spill file is tried again where the disk had no room; each try fills it for a moment
READINESS = "ready"  # the duty that is taken to see whether the database takes a commit
RETRY_REST_S = 1.0  # how soon it is seen that a database is there which was away at the start
STOP_LIMIT_S = 10.0  # for the workers, where nobody sends a signal
FINISH_SHARE = 0.5  # of the workers' time: attempts and questions that are under way
LAST_WORDS_SHARE = 0.15  # of the workers' time: giving back, and closing connections
HEARD_LIMIT_S = 2.0  # for what M-Pesa and merchants said to be written, also in a hurry; a commit takes milliseconds
CUT_SHORT_LIMIT_S = 1.0  # for what is cut short to end; a client of a database that hangs says goodbye to it first
SECOND_US = 1_000_000
MIB_BYTES = 1_048_576


def horizon(settings: Settings) -> Horizon:
    """Twice the longest that anything is put off by the settings; an endpoint's own waits have a limit."""
    finisher = settings.finisher
    check_s = max(finisher.expire_s, finisher.send_lease_s, finisher.confirmation_wait_s)
    due_s = max((STEP_LIMIT_S, *settings.deliveries.schedule_s))
    return Horizon(
        int(2 * check_s * SECOND_US), int(2 * settings.deliveries.lease_s * SECOND_US), int(2 * due_s * SECOND_US)
    )


def pruner(settings: Settings, store: Database, source: Source) -> Pruner:
    """What forgets, by the settings' ages."""
    retention = settings.retention
    ages = Ages(retention.exchanges_days, retention.notifications_days, retention.undelivered_days)
    partitions = Partitions(store) if isinstance(store, PostgresDatabase) else None
    return Pruner(Journal(store), source, ages, partitions)


class Gateway:
    """One gateway process: the API, the callbacks, the pages, the courier and the finisher.

    ``source``, ``store`` and ``client`` are the machine's own unless they are given: the simulation gives others.
    """

    def __init__(
        self,
        settings: Settings,
        source: Source | None = None,
        *,
        store: Database | None = None,
        client: Callable[..., Outgoing] = Outgoing,
    ) -> None:
        self.settings = settings
        self._clock = common_clock()
        self.source = source or system_source(self._clock if settings.sqlite_path is None else None)
        self._master = master = master_key(settings)
        finisher = settings.finisher
        terms = Terms(
            schedule=settings.schedule,
            public_url=settings.public_url,
            hold_limit_us=int(finisher.hold_limit_s * SECOND_US),
            match_window_us=int(finisher.match_window_s * SECOND_US),
            confirmation_wait_us=int(finisher.confirmation_wait_s * SECOND_US),
        )
        base_urls = {Environment.SANDBOX: settings.daraja.sandbox_url, Environment.LIVE: settings.daraja.live_url}
        self._is_leaving = False
        self._is_open = self._has_begun = self._is_apart = False
        self._beginning: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self.database = store or database(settings, exclusive=True)
        self.journal = Journal(self.database)
        self.directory = Directory(self.journal, master, base_urls, self.source.now_us)
        self.to_mpesa = client(guarded=False)  # its addresses come from the configuration, not from callers
        self.to_operator = client(guarded=False)  # one address, the configuration's too
        self.to_merchants = client(guarded=True, allowed=settings.deliveries.private_targets)
        self.daraja = Daraja(
            self.to_mpesa,
            self.source,
            answer_limit_s=settings.daraja.answer_limit_s,
            bill_prefix=settings.daraja.bill_manager_prefix,
        )
        self.standing = Standing(
            self.journal, self.directory, self.source, disable_after_s=settings.deliveries.disable_after_s
        )
        broker = Broker(self.to_mpesa, self.source, answer_limit_s=settings.daraja.answer_limit_s)
        self.deliveries = Deliveries(
            self.journal,
            self.directory,
            self.to_merchants,
            self.source,
            self.standing,
            settings.deliveries.schedule_s,
            answer_limit_s=settings.deliveries.answer_limit_s,
            lease_s=settings.deliveries.lease_s,
        )
        validations = Validations(
            self.journal,
            self.directory,
            self.to_merchants,
            self.source,
            self.standing,
            limit_s=settings.deliveries.validation_limit_s,
        )
        self.doubts = Doubts(self.journal, self.source)
        self.courier = Courier(
            self.journal,
            self.deliveries,
            self.standing,
            self.source,
            self.doubts,
            lane_limit=settings.deliveries.lane_limit,
            backlog_limit_per_s=settings.deliveries.backlog_limit_per_s,
        )
        self.bell = Bell()
        self.outbox = LeasedOutbox(self.deliveries, self.courier, self.bell, self.doubts)
        self.payments = Payments(
            self.journal,
            self.directory,
            Sides(self.daraja, broker),
            self.source,
            terms,
            master.derive("callback"),
            self.outbox,
        )
        self.confirmations = Confirmations(
            self.journal,
            self.directory,
            self.payments,
            self.source,
            terms,
            self.outbox,
        )
        trace_key = master.derive("trace")
        desk = Desk(self.journal, master, self.source, By.APP)
        self.api = Api(
            self.journal,
            self.directory,
            self.payments,
            self.source,
            settings.public_url,
            trace_key,
            Notifications(self.journal, self.directory, desk, self.bell, self.source.now_us),
            Endpoints(
                self.directory,
                desk,
                self.standing,
                Prober(self.to_merchants, self.source, discreet=True),
                Defaults(
                    settings.deliveries.schedule_s,
                    settings.deliveries.answer_limit_s,
                    settings.deliveries.lane_limit,
                ),
            ),
        )
        sources = {
            Environment.SANDBOX: networks(settings.callbacks.sandbox_sources),
            Environment.LIVE: networks(settings.callbacks.live_sources),
        }
        self.inbound, self.by_soap = [
            Inbound(
                self.journal,
                self.directory,
                self.payments,
                self.confirmations,
                validations,
                self.source,
                sources,
                dialect=dialect,
            )
            for dialect in (DARAJA, BROKER)
        ]
        limit_bytes = int(settings.callbacks.spill_limit_mib * MIB_BYTES)
        spill_key = master.derive("spill")
        self.spill = Spill(settings.spill_path, limit_bytes, spill_key, self.source.random_bytes, name=SPILL_NAME)
        self.shelter = Shelter(self.spill, self.inbound, self.by_soap)
        self.facade = Facade(self.journal, self.directory, self.payments, self.source)
        self.pages = Pages(self.journal, self.directory, trace_key)
        pull = settings.pull
        patience = Patience(
            interval_us=int(pull.interval_s * SECOND_US),
            look_back_us=int(pull.look_back_s * SECOND_US),
            overlap_us=int(pull.overlap_s * SECOND_US),
            settle_us=int(pull.settle_s * SECOND_US),
        )
        pulling = Pulling(self.journal, self.directory, self.daraja, self.confirmations, self.source, patience)
        self.finisher = Finisher(self.journal, self.payments, self.confirmations, self.source)
        self._loops = [
            Loop("directory", self._refresh, DIRECTORY_REST_S),
            Loop("standing", self.standing.step, STANDING_REST_S),
            Loop("shelter", self.shelter.step, SHELTER_REST_S),
            Loop("spill", self.spill.reopen, SPILL_REST_S),
            Loop("courier", self.courier.step, COURIER_REST_S),
            Loop("doubts", self.doubts.step, FIRST_REST_S),
            Loop("finisher", self.finisher.step, finisher.poll_s),
            Loop("puller", Puller(self.directory, pulling, self.journal, self.source).step, pull.poll_s),
            Loop("timekeeper", Timekeeper(self.journal, self.source, horizon(settings)).step, TIMEKEEPER_REST_S),
            Loop("pruner", pruner(settings, self.database, self.source).step, settings.retention.pause_s),
        ]
        alerting = Alerting(
            self.journal,
            self.directory,
            self.to_operator,
            self.source,
            master,
            url=settings.alerts.url,
            limit_s=settings.alerts.answer_limit_s,
        )
        self.alerter = Alerter(self.journal, alerting, self.source, self._require_database, settings.public_url)
        if settings.alerts.url:
            self._loops.append(Loop("alerter", self.alerter.step, ALERTER_REST_S))
        if isinstance(self.database, PostgresDatabase):
            self._loops.append(Loop("clock", self._set_clock, CLOCK_REST_S))

    @property
    def app(self) -> ASGIApp:
        """The ASGI application over the running parts."""
        surroundings = Surroundings(
            public_url=self.settings.public_url,
            trusted_proxies=networks(self.settings.server.trusted_proxies),
            forwarded_header=self.settings.server.forwarded_header.lower(),
            now_us=self.source.now_us,
        )
        return build(
            self.api, self.facade, self.inbound, self.by_soap, self.pages, surroundings, self._ready, self.shelter
        )

    async def start(self) -> None:
        """Open everything, take back what a process before left behind, start the workers.

        Where PostgreSQL is away that is done once it is back. Until then M-Pesa's callbacks are kept, and whatever else
        is asked is refused.
        """
        await self._unless_the_database_is_away(self._open_database())  # a second process on one file touches nothing
        self.spill.open()
        await self.to_mpesa.open()
        await self.to_merchants.open()
        await self.to_operator.open()
        if self._beginning is None:
            await self._unless_the_database_is_away(self._begin())

    async def _unless_the_database_is_away(self, step: Coroutine[Any, Any, None]) -> None:
        try:
            await step
        except DatabaseAwayError as away:
            if self.database.dialect == "sqlite":  # a file that cannot be opened is no outage: a person has to look
                raise
            reason = away.__cause__ or away.code
            log.error("the database is away (%s): M-Pesa's callbacks are kept until it is back", reason)  # noqa: TRY400
            self._beginning = asyncio.create_task(self._begin_once_the_database_is_back())

    async def _begin_once_the_database_is_back(self) -> None:
        said = ""
        while not self._has_begun:
            await asyncio.sleep(RETRY_REST_S)
            try:
                await self._open_database()
                await self._begin()
            except WakalaError as fault:  # also one that a person has to mend: then it goes on from here
                if fault.sentence != said:
                    log.warning("not yet begun: %s", fault.sentence)
                said = fault.sentence
            except Exception:
                log.exception("not yet begun")

    async def _open_database(self) -> None:
        if not self._is_open:
            await self.database.open()
            self._is_open = True

    async def _begin(self) -> None:
        await require_its_key(self.database, self._master)  # with another one no callback's path is ours
        if self.database.dialect == "sqlite":
            await migrate(self.database)
        await require_newest(self.database)
        await self._set_clock()
        if isinstance(self.database, PostgresDatabase):
            for trouble in await self.database.troubles():
                log.error(trouble)
            await Partitions(self.database).withdraw_overdue(self.source.now_us() // 1000)
        self.source.begin_anew()
        self.source.go_on_after(await self.journal.newest_notification_id())
        await self.directory.refresh()
        await self.standing.load()
        if self.database.dialect == "sqlite":  # one process: whatever was under way stopped with the one before
            await self.journal.release_leases(self.source.now_us())
        outage = Outage()
        for loop in self._loops:
            loop.start(outage)
        self._has_begun = True

    def leave(self) -> None:
        """Readiness says no from now on, and who waits for news is answered; everything else goes on."""
        self._is_leaving = True
        self.bell.close()

    def hurry(self) -> None:
        """A stop that is under way, or comes, waits for nobody any more."""
        self._hurry.set()

    async def stop(self, limit_s: float = STOP_LIMIT_S) -> None:
        """End the workers, finish or give back what is under way, close everything; in ``limit_s`` whatever hangs."""
        ends_s = asyncio.get_running_loop().time() + limit_s
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.wait({self._beginning})
        works = [self.courier.stop(), self.finisher.stop(), *(loop.stop() for loop in self._loops)]
        await self._finish(works, limit_s * FINISH_SHARE)
        await self.courier.cut_short()
        if self._has_begun:  # also what was cut short just now
            self._has_begun = False
            heard = [self.payments.write_late(), self.deliveries.write_late(), self.shelter.step()]
            await self._finish(heard, min(HEARD_LIMIT_S, limit_s * LAST_WORDS_SHARE), in_any_case=True)
        last = [self.courier.hand_back(), self.payments.hand_back(), self.standing.step()]
        await self._finish(last, limit_s * LAST_WORDS_SHARE)
        lines = (self.to_merchants, self.to_mpesa, self.to_operator)
        await self._finish([line.close() for line in lines], limit_s * LAST_WORDS_SHARE)
        await self.spill.close()
        await self.database.close(max(1.0, ends_s - asyncio.get_running_loop().time()))

    async def _finish(
        self, works: Sequence[Coroutine[Any, Any, object]], limit_s: float, *, in_any_case: bool = False
    ) -> None:
        """Side by side, until all is done, its time is over or somebody is in a hurry; then it is cut short.

        ``in_any_case``: a hurry waits for it.
        """
        tasks = [asyncio.create_task(work) for work in works]
        hurry = asyncio.create_task(self._hurry.wait())
        everything = asyncio.gather(*tasks, return_exceptions=True)
        waiting: set[asyncio.Future[Any]] = {everything} if in_any_case else {everything, hurry}
        await asyncio.wait(waiting, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        for fault in await _ended(tasks):
            log.warning("while stopping: %s", fault)

    async def _set_clock(self) -> bool:
        if isinstance(self.database, PostgresDatabase):
            await hear(self._clock, self.database)
            self._say_whose_clock_counts()
        return False

    def _say_whose_clock_counts(self) -> None:
        ahead_s = round(self._clock.own_is_ahead_us / SECOND_US)
        was_apart, self._is_apart = self._is_apart, abs(ahead_s) >= CLOCK_APART_S
        if self._is_apart and not was_apart:
            how = f"{abs(ahead_s)} s {'ahead of' if ahead_s > 0 else 'behind'} the database's"
            log.warning("this machine's clock is %s, which counts here: turn on time synchronisation", how)

    async def _refresh(self) -> bool:
        await self.directory.refresh()
        return False

    async def _ready(self) -> None:
        """Serving needs a database that takes writes; its own error says what is wrong.

        Who is told to stop wants no new callers.
        """
        if self._is_leaving:
            raise StoppingError
        await self._require_database()

    async def _require_database(self) -> None:
        if not self._has_begun:
            raise DatabaseAwayError
        await self.journal.directory_version()
        if isinstance(self.database, PostgresDatabase) and not await self.database.takes_writes():
            raise DatabaseAwayError(READ_ONLY)
        if self.database.has_failed_lately():  # reading says nothing of a disk that is full
            await self.journal.retention.claim_duty(READINESS, self.source.now_us(), 0)


async def _ended(tasks: list[asyncio.Task[Any]]) -> list[BaseException]:
    """What is still under way is cut short; the faults of what ended. What hangs even so ends with the process."""
    for task in tasks:
        task.cancel()
    ended, _ = await asyncio.wait(tasks, timeout=CUT_SHORT_LIMIT_S)
    found = [None if task.cancelled() else task.exception() for task in ended]
    return [one for one in found if one is not None]
