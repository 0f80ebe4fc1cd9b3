"""The front door: settings become running objects. The only place with the real clock, real IDs and real clients."""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from wakala.config import Settings, master_key
from wakala.deliveries import Deliveries, Standing, Validations
from wakala.deliveries.desk import Desk
from wakala.directory import Directory
from wakala.identity import Source, system_source
from wakala.journal.database import Database
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate, require_newest
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.outgoing import Outgoing
from wakala.payments import Payments, Terms
from wakala.pulling import Patience, Pulling
from wakala.rules.accounts import Environment
from wakala.rules.addresses import networks
from wakala.rules.delivery import Notification
from wakala.rules.payment import Change
from wakala.upstream.broker import Broker
from wakala.upstream.daraja import Daraja
from wakala.upstream.sides import Sides
from wakala.web.api import Api
from wakala.web.app import build
from wakala.web.dialects import BROKER, DARAJA
from wakala.web.facade import Facade
from wakala.web.inbound import Inbound
from wakala.web.notifications import Notifications
from wakala.web.pages import Pages
from wakala.web.plumbing import Surroundings
from wakala.workers.courier import Courier
from wakala.workers.finisher import Finisher
from wakala.workers.loop import Loop
from wakala.workers.puller import Puller

log = logging.getLogger("wakala")

DIRECTORY_REST_S = 1.0  # how soon a changed callback URL or a new app is seen
STANDING_REST_S = 5.0  # how much of an endpoint's account a killed process may forget
COURIER_REST_S = 0.5  # how soon a retry that has become due is noticed
SECOND_US = 1_000_000
COLLECT_AFTER = (50_000, 20, 50)  # our records hold no cycles, so looking for them seldom is enough


def database(settings: Settings, *, exclusive: bool = False) -> Database:
    """The database that the settings name, not yet open."""
    path = settings.sqlite_path
    return SqliteDatabase(path, exclusive=exclusive) if path else PostgresDatabase(settings.database.url)


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
        self.source = source or system_source()
        master = master_key(settings)
        finisher = settings.finisher
        terms = Terms(
            schedule=settings.schedule,
            public_url=settings.public_url,
            hold_limit_us=int(finisher.hold_limit_s * SECOND_US),
            match_window_us=int(finisher.match_window_s * SECOND_US),
            confirmation_wait_us=int(finisher.confirmation_wait_s * SECOND_US),
        )
        base_urls = {Environment.SANDBOX: settings.daraja.sandbox_url, Environment.LIVE: settings.daraja.live_url}
        self.database = store or database(settings, exclusive=True)
        self.journal = Journal(self.database)
        self.directory = Directory(self.journal, master, base_urls)
        self.to_mpesa = client(guarded=False)  # its addresses come from the configuration, not from callers
        self.to_merchants = client(guarded=True, allowed=settings.deliveries.private_targets)
        self.daraja = Daraja(self.to_mpesa, self.source, answer_limit_s=settings.daraja.answer_limit_s)
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
        self.courier = Courier(
            self.journal, self.deliveries, self.standing, self.source, settings.deliveries.lane_limit
        )
        self.payments = Payments(
            self.journal,
            self.directory,
            Sides(self.daraja, broker),
            self.source,
            terms,
            master.derive("callback"),
            stage=self._stage,
            offer=self._offer,
        )
        trace_key = master.derive("trace")
        self.api = Api(
            self.journal,
            self.directory,
            self.payments,
            self.source,
            settings.public_url,
            trace_key,
            Notifications(self.journal, self.directory, Desk(self.journal, master, self.source)),
        )
        sources = {
            Environment.SANDBOX: networks(settings.callbacks.sandbox_sources),
            Environment.LIVE: networks(settings.callbacks.live_sources),
        }
        self.inbound, self.by_soap = [
            Inbound(self.journal, self.directory, self.payments, validations, self.source, sources, dialect=dialect)
            for dialect in (DARAJA, BROKER)
        ]
        self.facade = Facade(self.journal, self.directory, self.payments, self.source)
        self.pages = Pages(self.journal, self.directory, trace_key)
        pull = settings.pull
        patience = Patience(
            interval_us=int(pull.interval_s * SECOND_US),
            look_back_us=int(pull.look_back_s * SECOND_US),
            overlap_us=int(pull.overlap_s * SECOND_US),
            settle_us=int(pull.settle_s * SECOND_US),
        )
        pulling = Pulling(self.journal, self.directory, self.daraja, self.payments, self.source, patience)
        self._loops = [
            Loop("directory", self._refresh, DIRECTORY_REST_S),
            Loop("standing", self.standing.step, STANDING_REST_S),
            Loop("courier", self.courier.step, COURIER_REST_S),
            Loop("finisher", Finisher(self.journal, self.payments, self.source).step, finisher.poll_s),
            Loop("puller", Puller(self.directory, pulling).step, pull.poll_s),
        ]

    @property
    def app(self) -> ASGIApp:
        """The ASGI application over the running parts."""
        surroundings = Surroundings(
            public_url=self.settings.public_url,
            trusted_proxies=networks(self.settings.server.trusted_proxies),
            forwarded_header=self.settings.server.forwarded_header.lower(),
            now_us=self.source.now_us,
        )
        return build(self.api, self.facade, self.inbound, self.by_soap, self.pages, surroundings, self._ready)

    async def start(self) -> None:
        """Open everything, take back what a process before left behind, start the workers."""
        await self.database.open()
        await migrate(self.database) if self.database.dialect == "sqlite" else await require_newest(self.database)
        await self.to_mpesa.open()
        await self.to_merchants.open()
        await self.directory.refresh()
        await self.standing.load()
        if self.database.dialect == "sqlite":  # one process: whatever was under way stopped with the one before
            await self.journal.release_leases(self.source.now_us())
        for loop in self._loops:
            loop.start()

    async def stop(self) -> None:
        """End the workers, finish the running attempts, close everything."""
        await asyncio.gather(*(loop.stop() for loop in self._loops))
        await self.courier.stop()
        await self.standing.step()
        await self.to_merchants.close()
        await self.to_mpesa.close()
        await self.database.close()

    async def _refresh(self) -> bool:
        if await self.directory.refresh():
            self.standing.look_again()
        return False

    async def _ready(self) -> None:
        """Serving needs the database; its own error says what is wrong."""
        await self.journal.directory_version()

    def _stage(self, change: Change, now_us: int) -> Notification:
        return self.courier.reserve(self.deliveries.stage(change, now_us), now_us)

    def _offer(self, notification: Notification) -> None:
        self.courier.offer(notification)


class _Server(uvicorn.Server):
    """uvicorn raises a caught signal again at its end, which would kill us before the workers have stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the intake; what follows is ours."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def serve(settings: Settings) -> None:
    """Run one gateway until SIGTERM or SIGINT, then stop in order: intake, workers, attempts, database."""
    with asyncio.Runner(loop_factory=_fast_loop) as runner:
        runner.run(_serve(settings))


def _fast_loop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415 - the command line's other commands start faster without it

    return uvloop.new_event_loop()


async def _serve(settings: Settings) -> None:
    gc.freeze()  # what was imported never becomes garbage
    gc.set_threshold(*COLLECT_AFTER)
    gateway = Gateway(settings)
    await gateway.start()
    config = uvicorn.Config(
        gateway.app,
        host=settings.server.host,
        port=settings.server.port,
        loop="none",
        http="httptools",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        backlog=2048,
        timeout_graceful_shutdown=int(settings.server.graceful_stop_s),
    )
    server = _Server(config)
    log.info("Wakala listens on http://%s:%s", settings.server.host, settings.server.port)
    try:
        await server.serve()
    finally:
        await gateway.stop()
        log.info("Wakala stopped")
