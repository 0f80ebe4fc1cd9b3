"""Short visits to an installation: open the journal, do one thing, leave. A gateway may be running meanwhile."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from msgspec.structs import replace

from wakala.administration import Administration, shortcode_named
from wakala.config import Settings, master_key
from wakala.directory import Directory
from wakala.errors import CallerError, ConfigurationError, NotAllowedHereError, NotFoundError, UpstreamError
from wakala.identity import Source
from wakala.journal.database import Database
from wakala.journal.journal import Journal
from wakala.journal.migrations import is_behind, migrate, require_newest
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import gateway_lock
from wakala.outgoing import Outgoing
from wakala.rules.accounts import App, Environment, Registration, Shortcode, Side
from wakala.rules.addresses import require_web_address
from wakala.rules.payment import Scope
from wakala.rules.signing import mac
from wakala.store import database, require_its_key, source_at
from wakala.upstream.broker import Broker
from wakala.upstream.daraja import Daraja
from wakala.wire.trace import trace_view
from wakala.wire.view import time_text


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Journal, Source]]:
    """The journal as long as the visit lasts, and the time by which its gateways go."""
    async with opened_store(settings) as store:
        yield Journal(store), await source_at(store)


@asynccontextmanager
async def opened_journal(settings: Settings) -> AsyncIterator[Journal]:
    """The journal, for who asks for no time and makes no ID."""
    async with opened_store(settings) as store:
        yield Journal(store)


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Database]:
    """The database, which must be there: who asks in the wrong folder is not to leave an empty one in it."""
    path = settings.sqlite_path
    if path is not None and not path.exists():
        raise ConfigurationError(
            f"There is no database at {path}. Run this where your wakala.toml is, or name that file with `wakala -c`; "
            "`wakala init` makes a new installation."
        )
    store = database(settings)
    await store.open()
    try:
        await require_newest(store)
        yield store
    finally:
        await store.close()


async def server_troubles(settings: Settings) -> list[str]:
    """Why PostgreSQL, though it answers, does not keep what it is given. SQLite is told by us."""
    store = database(settings)
    if not isinstance(store, PostgresDatabase):
        return []
    await store.open()
    try:
        return await store.troubles()
    finally:
        await store.close()


@asynccontextmanager
async def administration(settings: Settings) -> AsyncIterator[Administration]:
    """The administrator's desk."""
    async with opened(settings) as (journal, source):
        yield Administration(journal, master_key(settings), source)


@asynccontextmanager
async def connected(
    settings: Settings, journal: Journal, source: Source
) -> AsyncIterator[tuple[Directory, Daraja, Broker]]:
    """The directory and a line to each of M-Pesa's sides."""
    base_urls = {Environment.SANDBOX: settings.daraja.sandbox_url, Environment.LIVE: settings.daraja.live_url}
    directory = Directory(journal, master_key(settings), base_urls, source.now_us)
    await directory.refresh()
    outgoing = Outgoing(guarded=False)
    await outgoing.open()
    try:
        limit_s = settings.daraja.answer_limit_s
        daraja = Daraja(outgoing, source, answer_limit_s=limit_s)
        yield directory, daraja, Broker(outgoing, source, answer_limit_s=limit_s)
    finally:
        await outgoing.close()


async def prepare(settings: Settings, *, with_its_key: bool = False) -> list[str]:
    """Bring the schema to this program's version; the names of what was applied. No gateway may be at work on it.

    ``with_its_key`` where the key file must be the one that belongs to the database, if that has been worked with.
    """
    store = database(settings)
    await store.open()
    try:
        if with_its_key:
            await require_its_key(store, master_key(settings))
        async with _alone(settings, store) if await is_behind(store) else nullcontext():
            done = await migrate(store)
        await require_newest(store)
        return [f"{migration.number:04d}_{migration.name}" for migration in done]
    finally:
        await store.close()


@asynccontextmanager
async def _alone(settings: Settings, store: Database) -> AsyncIterator[None]:
    if isinstance(store, PostgresDatabase):
        await store.require_alone()
    with gateway_lock(settings.sqlite_path) if settings.sqlite_path else nullcontext():
        yield


async def register_urls(
    settings: Settings, number: str, environment: Environment, validation_url: str = ""
) -> dict[str, str]:
    """Tell M-Pesa our C2B URLs for a shortcode, and remember that it took them.

    ``validation_url`` is where the merchant is asked whether a payment may go through; M-Pesa never learns it.
    """
    if validation_url:
        require_web_address(validation_url)
    async with (
        opened(settings) as (journal, source),
        connected(settings, journal, source) as (directory, daraja, broker),
    ):
        shortcode = await find_shortcode(journal, number, environment)
        key = master_key(settings).derive("callback")

        def url(kind: str) -> str:
            secret = mac(key, f"callback {kind}", shortcode.id)
            return f"{settings.public_url}/callbacks/{kind}/{shortcode.id}/{secret}"

        scope = Scope(shortcode.organisation_id, shortcode.collector_app_id or "", shortcode.id, environment)
        by_broker = shortcode.side is Side.BROKER
        door = "soap_" if by_broker else ""
        refusal, exchanges = await (broker if by_broker else daraja).register(
            directory.credentials(shortcode.id),
            scope,
            shortcode.response_type,
            url(f"{door}c2b_confirmation"),
            url(f"{door}c2b_validation"),
        )
        for exchange in exchanges:
            await journal.record_exchange(exchange)
        if refusal is not None:
            raise UpstreamError(f"M-Pesa did not take the URLs. {refusal}")
        registered = Registration(
            shortcode.response_type, validation_url=validation_url, app_id=shortcode.collector_app_id
        )
        await journal.mark_registered(shortcode.id, registered, source.now_us())
        return {"Shortcode": number, "ConfirmationPath": "/callbacks/c2b_confirmation/" + shortcode.id + "/[secret]"}


async def change_broker_password(
    settings: Settings, number: str, environment: Environment, new_password: str, key: bytes, vector: bytes
) -> None:
    """Give the Broker a new spPassword, and use it from then on. The old one stays where it is not taken."""
    async with (
        opened(settings) as (journal, source),
        connected(settings, journal, source) as (directory, _, broker),
    ):
        shortcode = await find_shortcode(journal, number, environment)
        access = directory.credentials(shortcode.id).broker
        if access is None or shortcode.side != Side.BROKER:
            raise NotAllowedHereError(f"{number} does not go by the Broker: run `wakala shortcode broker` first.")
        scope = Scope(shortcode.organisation_id, shortcode.collector_app_id or "", shortcode.id, environment)
        refusal, exchanges = await broker.change_password(access, scope, new_password, key, vector)
        for exchange in exchanges:
            await journal.record_exchange(exchange)
        if refusal is not None:
            raise UpstreamError(f"The Broker did not take the new password. {refusal}")
        desk = Administration(journal, master_key(settings), source)
        await desk.use_broker(shortcode, replace(access, sp_password=new_password))


async def read_apps(settings: Settings) -> list[dict[str, Any]]:
    """The apps of all organisations, and until when an old secret lets one in; no secret."""
    async with opened(settings) as (journal, source):
        return await _app_views(journal, source, await journal.apps())


async def read_app(settings: Settings, named: str) -> dict[str, Any]:
    """One of them."""
    async with opened(settings) as (journal, source):
        app = await Administration(journal, master_key(settings), source).app(named)
        return (await _app_views(journal, source, [app]))[0]


async def _app_views(journal: Journal, source: Source, apps: Sequence[App]) -> list[dict[str, Any]]:
    names, now_us = await journal.organisations(), source.now_us()
    old = [secret for secret in await journal.old_secrets() if secret.lets_in(now_us)]
    return [
        {
            "Organisation": names[app.organisation_id],
            "Name": app.name,
            "ConsumerKey": app.consumer_key,
            "CallbackUrl": app.callback_url,
            "BodyFormat": app.body_format.value,
            "IsLive": app.live_shortcode_id is not None,
            "IsActive": app.is_active,
            "OldSecretUntil": time_text(max((s.until_us or 0 for s in old if s.app_id == app.id), default=None)),
        }
        for app in apps
    ]


async def find_shortcode(journal: Journal, number: str, environment: Environment) -> Shortcode:
    """As `shortcode_named` says."""
    return shortcode_named(await journal.shortcodes(), await journal.organisations(), number, environment)


async def read_trace(
    settings: Settings, request_id: str, environment: Environment, organisation: str | None
) -> dict[str, Any] | None:
    """The trace of a request, masked; None where nobody sent it. A RequestID is an organisation's own."""
    async with opened_journal(settings) as journal:
        numbers = {shortcode.id: shortcode.number for shortcode in await journal.shortcodes()}
        known = await journal.organisations()
        asked = [one for one, name in known.items() if organisation in {None, name, one}]
        if not asked and known:
            raise NotFoundError(
                f"There is no organisation called {organisation}: there are {', '.join(known.values())}."
            )
        payments = [await journal.payment_by_request(one, environment, request_id) for one in asked]
        found = [payment for payment in payments if payment is not None]
        if len(found) > 1:
            names = ", ".join(known[payment.scope.organisation_id] for payment in found)
            raise CallerError(f"Several organisations sent a request {request_id}: say --organisation, one of {names}.")
        for payment in found:
            events = await journal.events(payment.id)
            return trace_view(
                payment,
                numbers.get(payment.scope.shortcode_id, ""),
                [(e.at_us, e.name, e.from_state, e.to_state, e.detail) for e in events],
                await journal.exchanges(payment.id),
                await journal.notifications_of(payment.id),
                masked=True,
            )
        return None


async def read_quarantine(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """What came in and did not fit."""
    async with opened_journal(settings) as journal:
        return [
            {
                "At": time_text(exchange.started_us),
                "Name": exchange.name,
                "Peer": exchange.peer,
                "Verdict": exchange.verdict,
                "PaymentID": exchange.payment_id,
                "Body": exchange.request_body.decode(errors="replace"),
            }
            for exchange in await journal.quarantined(limit=limit)
        ]
