"""`wakala doctor`: what could keep a payment from working, checked in the order in which it would be met."""

import os
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

import typer

from wakala.cli.context import CONTEXT, Json, moment, print_json, print_table, run
from wakala.config import Settings, master_key
from wakala.errors import WakalaError
from wakala.identity import Source
from wakala.journal.journal import NO_END_US, Journal
from wakala.outgoing import NoReply, Outgoing, Reply, refusal, resolve
from wakala.rules.accounts import App, Environment, Shortcode, Side
from wakala.rules.naming import told_names, typed_names
from wakala.rules.payment import Scope
from wakala.rules.vault import require_its_key
from wakala.upstream.broker import Broker
from wakala.upstream.door import Credentials

FREE_DISK_BYTES = 1 << 30  # a gigabyte is some two hundred thousand payments with all their bytes
CLOCK_LIMIT_S = 5  # M-Pesa's timestamps and webhook signatures both suffer from a wrong clock
ASK_LIMIT_S = 5.0
ALERTS_ROWS = 200  # of those that wait to be told


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, whether it is well, and what to do if not."""

    check: str
    state: str
    finding: str


def doctor(json_output: Json = False) -> None:
    """Check keys, files, database, clock, tokens and callback reachability, and say what to do."""
    findings = run(_all())
    if json_output:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {"ok": "✓ ok", "warning": "! look", "wrong": "✗ wrong"}
        rows = [[f.check, marks[f.state], f.finding] for f in findings]
        print_table("wakala doctor", ["Check", "", "Finding"], rows, "")
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


async def _all() -> list[Finding]:
    try:
        settings = CONTEXT.settings()
    except WakalaError as error:
        return [Finding("configuration", "wrong", error.spoken)]
    found = [Finding("configuration", "ok", f"read; public address {settings.public_url}")]
    found.append(_key(settings))
    for check, look in (("disk", _disk), ("spill folder", _shelter)):
        try:
            found.append(look(settings))
        except OSError as error:
            found.append(_barred(check, error))
    found += [finding async for finding in _database_and_mpesa(settings)]
    found.append(await _reachable(settings))
    found += _public_url(settings)
    return found


def _barred(check: str, error: WakalaError | OSError) -> Finding:
    """What could not be looked at: where the system does not let us, it lets no gateway of this account either."""
    if isinstance(error, WakalaError):
        return Finding(check, "wrong", error.spoken)
    advice = "this account must be able to read and write there, and the disk to take writes"
    return Finding(check, "wrong", f"{error.filename or 'The system'}: {error.strerror or error}: {advice}.")


def _key(settings: Settings) -> Finding:
    try:
        return Finding("key file", "ok", f"{settings.key_path}, key {master_key(settings).id}, mode 0600")
    except WakalaError as error:
        return Finding("key file", "wrong", error.spoken)


def _disk(settings: Settings) -> Finding:
    places = (
        Path(settings.home),
        settings.spill_path,
        *([settings.sqlite_path.parent] if settings.sqlite_path else []),
    )
    free, place = min((shutil.disk_usage(place).free, place) for place in places if place.is_dir())
    if free < FREE_DISK_BYTES:
        advice = f"only {free >> 20} MiB are free at {place}: make room before they are needed."
        return Finding("disk", "warning", advice)
    return Finding("disk", "ok", f"{free >> 30} GiB free")


def _shelter(settings: Settings) -> Finding:
    """Where callbacks are kept while the database is away; and those that were, and could not be handled."""
    from wakala.journal.spill import (  # noqa: PLC0415 - keeps --help quick
        SPILL_NAME,
        names_of_files,
        set_aside_in,
    )

    folder, check = settings.spill_path, "spill folder"
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        advice = "no folder that we may write to, so M-Pesa's callbacks are not kept while the database is away"
        return Finding(check, "wrong", f"{folder} is {advice}: make it, or correct callbacks.spill_folder.")
    refused = set_aside_in(folder, SPILL_NAME)
    if refused.exists():
        advice = f"callbacks that M-Pesa thinks we have are set aside in {refused}; the log says why"
        again = f"mv {refused} {folder / names_of_files(SPILL_NAME)[-1]}"
        return Finding(check, "wrong", f"{advice}. Once that is mended: `{again}`, and a running gateway handles them.")
    for path in [folder / name for name in names_of_files(SPILL_NAME)]:
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            advice = "is another account's, as of a start by root, and may hold callbacks that M-Pesa thinks we have"
            again = "give it to the account of the gateway with `chown`, and a running one handles them"
            return Finding(check, "wrong", f"{path} {advice}: {again}.")
    return Finding(check, "ok", f"{folder} can be written to")


async def _database_and_mpesa(settings: Settings) -> AsyncIterator[Finding]:
    from wakala.cli.visits import connected, opened, server_troubles  # noqa: PLC0415 - keeps --help quick

    try:
        async with opened(settings) as (journal, source):
            yield Finding("database", "ok", f"{_engine(settings)}, schema is current")
            for sentence in await server_troubles(settings):
                yield Finding("database", "wrong", sentence)
            shortcodes, apps = await journal.shortcodes(), await journal.apps()
            for finding in (*_missing(shortcodes, apps), *await _clocks(settings, source)):
                yield finding
            require_its_key(master_key(settings), await journal.data_keys())
            async with connected(settings, journal, source) as (directory, daraja, broker):
                for shortcode in shortcodes:
                    name = f"token {shortcode.number} ({shortcode.environment})"
                    trouble, _ = await daraja.prepare(directory.credentials(shortcode.id))
                    if trouble is None:
                        yield Finding(name, "ok", "M-Pesa granted a token")
                    else:
                        reason = getattr(trouble, "description", "") or getattr(trouble, "reason", "")
                        yield Finding(name, "wrong", f"{reason} Check key and secret at the Daraja portal.")
                    if shortcode.side is Side.BROKER:
                        for finding in await _broker(shortcode, directory.credentials(shortcode.id), broker):
                            yield finding
                    if shortcode.registered_us is None:
                        advice = f"C2B URLs not registered: run `wakala shortcode register {shortcode.number}`."
                        yield Finding(f"C2B {shortcode.number}", "warning", advice)
            told, typed = told_names(apps, await journal.organisations()), typed_names(apps)
            for app in apps:
                yield await _target(told[app.id], typed[app.id], app.callback_url, settings)
            for finding in await _endpoints(settings, told, typed):
                yield finding
            for finding in await _alerts(settings, journal, shortcodes):
                yield finding
    except (WakalaError, OSError) as error:
        yield _barred("database", error)


async def _broker(shortcode: Shortcode, credentials: Credentials, broker: Broker) -> list[Finding]:
    """Certificate first, for it explains what the Broker will not."""
    from wakala.cli.broker_checks import certificate_faults  # noqa: PLC0415 - keeps --help quick

    check = f"Broker {shortcode.number} ({shortcode.environment})"
    wrong, soon = certificate_faults(credentials.broker, datetime.now(UTC)) if credentials.broker else ([], [])
    found = [Finding(check, "wrong", fault) for fault in wrong] + [Finding(check, "warning", fault) for fault in soon]
    scope = Scope(shortcode.organisation_id, "", shortcode.id, shortcode.environment)
    refused, _ = await broker.prove(credentials, scope)
    if refused is not None:
        return [*found, Finding(check, "wrong", refused)]
    return [*found, Finding(check, "ok", "the Broker knows us: certificate, spId and spPassword hold")]


def _engine(settings: Settings) -> str:
    if settings.sqlite_path is None:
        return "PostgreSQL"
    import apsw  # noqa: PLC0415 - only where SQLite is used

    return f"SQLite {apsw.sqlite_lib_version()} at {settings.sqlite_path}, WAL with full sync"


def _missing(shortcodes: list[Shortcode], apps: list[App]) -> list[Finding]:
    wanted = (("shortcodes", shortcodes, "shortcode add"), ("apps", apps, "app create"))
    return [Finding(what, "warning", f"none yet: run `wakala {make}`.") for what, known, make in wanted if not known]


async def _clocks(settings: Settings, source: Source) -> list[Finding]:
    own = [_own_clock(source)] if settings.sqlite_path is None else []
    return [*own, await _clock(settings, source)]


def _own_clock(source: Source) -> Finding:
    """Gateways go by their database's, so one on a machine that is wrong is only hard to compare with other logs."""
    check, off_s = "clock of this machine", time.time() - source.now_us() / 1_000_000
    if abs(off_s) > CLOCK_LIMIT_S:
        which = "ahead of" if off_s > 0 else "behind"
        advice = f"{abs(off_s):,.0f} s {which} the database's, which counts: turn on time synchronisation."
        return Finding(check, "warning", advice)
    return Finding(check, "ok", f"within {CLOCK_LIMIT_S} s of the database's")


async def _clock(settings: Settings, source: Source) -> Finding:
    """The one that counts, against the Date header of M-Pesa's own server, where it sends one."""
    reply = await _get(settings.daraja.sandbox_url)
    if isinstance(reply, NoReply):
        return Finding("M-Pesa (sandbox)", "wrong", f"{settings.daraja.sandbox_url} cannot be reached: {reply.reason}.")
    date = next((value for name, value in reply.headers if name.lower() == "date"), None)
    now_s = source.now_us() / 1_000_000
    shown_s = None if date is None else _seconds(date)
    if shown_s is None:
        now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now_s))
        return Finding("clock", "ok", f"{now} UTC; M-Pesa's server names no time to compare it with")
    off_s = abs(shown_s - now_s)
    if off_s > CLOCK_LIMIT_S:
        whose = "" if settings.sqlite_path else "the database's is "
        return Finding("clock", "wrong", f"{whose}{off_s:.0f} s away from M-Pesa's: turn on time synchronisation.")
    return Finding("clock", "ok", f"within {CLOCK_LIMIT_S} s of M-Pesa's")


def _seconds(date: str) -> float | None:
    """A Date header since 1970; None where it is no date."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


async def _reachable(settings: Settings) -> Finding:
    """Our own public address, asked from here: it must lead back to a running gateway."""
    url = settings.public_url + "/livez"
    reply = await _get(url)
    if isinstance(reply, Reply) and reply.status == 200 and b"Alive" in reply.body:
        return Finding("callback address", "ok", f"{url} leads to a running gateway")
    what = reply.reason if isinstance(reply, NoReply) else f"HTTP {reply.status}"
    advice = f"{url} does not lead to a running gateway ({what}): start `wakala serve`, or mend DNS or proxy."
    return Finding("callback address", "warning", advice)


def _public_url(settings: Settings) -> list[Finding]:
    from wakala.wire.daraja import lint_callback_url  # noqa: PLC0415 - keeps --help quick

    faults = lint_callback_url(settings.public_url + "/callbacks/stk/x/y")
    return [Finding("callback address", "warning", f"in production M-Pesa will refuse it: {fault}") for fault in faults]


async def _endpoints(settings: Settings, told: dict[str, str], typed: dict[str, str]) -> list[Finding]:
    """Endpoints that are not called, or fail: somebody waits for news there."""
    from wakala.cli.endpoint_visits import read_endpoints  # noqa: PLC0415 - keeps --help quick

    found = []
    for one in await read_endpoints(settings):
        branch = f" --shortcode {one['Shortcode']}" if one["Shortcode"] else ""
        branch += " --environment live" if one["Environment"] == Environment.LIVE else ""
        app_id = one["AppID"]
        which = quote(typed.get(app_id, app_id)) + branch
        check, health = f"endpoint {told.get(app_id, one['App'])}{branch}", one["Health"]
        last = health["LastError"] or f"status {health['LastStatus']}"
        if one["State"] == "disabled":
            advice = (
                f"disabled, its notifications wait. {one['Reason']} Then: `wakala endpoint resume {which}`. "
                "What was given up before is sent by a replay only."
            )
            found.append(Finding(check, "wrong", advice))
        elif one["State"] == "paused":
            advice = f"paused ({one['Reason']}), its notifications wait: `wakala endpoint resume {which}`."
            found.append(Finding(check, "warning", advice))
        elif health["FailingSince"] is not None:
            since = moment(health["FailingSince"])
            advice = f"only failures since {since} UTC, the last: {last}: `wakala endpoint test {which}`."
            found.append(Finding(check, "warning", advice))
    return found


async def _alerts(settings: Settings, journal: Journal, shortcodes: Sequence[Shortcode]) -> list[Finding]:
    """Whether somebody is told of what cannot wait."""
    if not settings.alerts.url:
        if all(shortcode.environment != Environment.LIVE for shortcode in shortcodes):
            return []
        advice = "nobody is told when an endpoint is disabled or a payment needs a look: set alerts.url, then run"
        return [Finding("alerts", "warning", f"{advice} `wakala alert test`. Until then: `wakala alert list`.")]
    waiting = [alert for alert in await journal.alerts.due(NO_END_US, ALERTS_ROWS) if alert.last_error]
    if waiting:
        advice = f"{len(waiting)} could not be told so far, the last time: {waiting[-1].last_error}"
        return [Finding("alerts", "wrong", f"{advice}. Correct alerts.url, then run `wakala alert test`.")]
    return [Finding("alerts", "ok", "alerts.url is set; `wakala alert test` shows whether it works")]


async def _target(told: str, typed: str, url: str | None, settings: Settings) -> Finding:
    """An app's callback URL: does its name resolve, and may it be called."""
    check = f"app {told}"
    if url is None:
        advice = f"no callback URL, notifications are kept: `wakala app callback-url {quote(typed)} URL`."
        return Finding(check, "warning", advice)
    parts = urlsplit(url)
    try:
        addresses = await resolve(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    except OSError:
        return Finding(check, "wrong", f"{parts.hostname} does not resolve: correct the callback URL.")
    allowed = Outgoing(guarded=True, allowed=settings.deliveries.private_targets).allowed
    refused = [reason for address in addresses if (reason := refusal(address, allowed))]
    return Finding(check, "wrong", refused[0]) if refused else Finding(check, "ok", f"{url} may be called")


async def _get(url: str) -> Reply | NoReply:
    outgoing = Outgoing(guarded=False)
    await outgoing.open()
    try:
        return await outgoing.send("GET", url, (("User-Agent", "Wakala/1"),), b"", total_s=ASK_LIMIT_S)
    finally:
        await outgoing.close()
