"""Settings: one TOML file, then the environment (``WAKALA__SERVER__PORT=8080``), into one frozen record.

Secrets are not settings: they live in the key file and, sealed by it, in the database. A file that others may read
stops the start.
"""

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from wakala.errors import CallerError, ConfigurationError, LooseSecretError
from wakala.rules.addresses import networks, require_web_address
from wakala.rules.commands import BILL_PREFIX
from wakala.rules.decisions import Schedule
from wakala.rules.delivery import SCHEDULE_S
from wakala.rules.endpoints import DISABLE_AFTER_S
from wakala.rules.vault import KEY_LENGTH_BYTES, MasterKey

ENVIRONMENT_PREFIX = "WAKALA__"
PORT_MAX = 65_535
NUMBER_MAX = 1_000_000_000  # thirty years of seconds; a moment much later than that is no number for a database

# M-Pesa's documented callback sources (daraja.md 7.1); the list drifts, so it is a setting.
MPESA_SOURCES = tuple(
    f"196.201.{tail}/32"
    for tail in (
        *("214.200", "214.206", "213.114", "214.207", "214.208", "213.44"),
        *("212.127", "212.138", "212.129", "212.136", "212.74", "212.69"),
    )
)
LOOPBACK = ("127.0.0.0/8", "::1/128")
MPESA_VALIDATION_LIMIT_S = 8  # "wait ~8 seconds" (daraja.md 2.5)


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where we listen and what we are called from outside."""

    host: str = "127.0.0.1"  # the address to listen on; 0.0.0.0 is every one of this machine's
    port: int = 8080  # 1 to 65535
    public_url: str = ""  # as M-Pesa and merchants reach us; empty: http://host:port
    trusted_proxies: tuple[str, ...] = ()  # networks whose forwarding header is believed; nobody by default
    forwarded_header: str = "x-forwarded-for"  # or "forwarded"; exactly one is read
    graceful_stop_s: float = 30  # the whole stop, leaving included; service managers kill after 30 to 90 s
    leave_s: float = 0  # how long /readyz says no before the intake ends: as often as your load balancer looks


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``sqlite:///path`` (relative to the configuration file) or ``postgresql://...``."""

    url: str = "sqlite:///wakala.db"  # with a password in it, wakala.toml must be readable by its owner only


class DarajaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """M-Pesa's REST side."""

    sandbox_url: str = "https://sandbox.safaricom.co.ke"  # who answers sandbox requests; a simulator too
    live_url: str = "https://api.safaricom.co.ke"  # who answers the others
    answer_limit_s: float = 30  # M-Pesa answers in under a second or not at all; past this the outcome is unknown
    bill_manager_prefix: str = BILL_PREFIX  # of its paths; some are told to write it twice (daraja.md 2.16)


class Callbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose callbacks are believed."""

    live_sources: tuple[str, ...] = MPESA_SOURCES  # from where M-Pesa calls; the list drifts
    sandbox_sources: tuple[str, ...] = (*MPESA_SOURCES, *LOOPBACK)  # the same, with a simulator on this machine
    spill_folder: str = "."  # where callbacks are kept while the database is away; better on another disk
    spill_limit_mib: float = 16  # some 7,000 callbacks: a minute without database at a hundred a second


class Deliveries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How merchants are notified."""

    schedule_s: tuple[float, ...] = SCHEDULE_S  # how long after each failed attempt the next one is made
    answer_limit_s: float = 15  # a merchant writes down and answers; shorter than lease_s
    validation_limit_s: float = 5  # less than the 8 s that M-Pesa waits (daraja.md 2.5); then its default decides
    private_targets: tuple[str, ...] = ()  # private networks that may be called; by configuration only
    lane_limit: int = 32  # attempts at once to one endpoint
    backlog_limit_per_s: float = 1_500  # attempts at what has waited, by one process; fewer while it is busy
    disable_after_s: float = DISABLE_AFTER_S  # of nothing but failures; 0 is never; notifications are kept all the same
    lease_s: float = 180  # an attempt takes 15 s at most; the rest is waiting for its turn in the lane


class Finisher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When M-Pesa is asked about an open payment, in seconds after it was sent (daraja.md 7.5)."""

    schedule_s: tuple[float, ...] = (20, 40, 70, 100, 150, 240, 480, 900)  # when it is asked about
    expire_s: float = 1800  # when nobody expects an outcome any more
    hold_limit_s: float = 120  # a shopper who waited longer for the prompt has left
    send_lease_s: float = 60  # after so long, what a process that died had in hand is somebody else's
    match_window_s: float = 900  # how far a C2B confirmation may lie from its push
    confirmation_wait_s: float = 180  # how long an ambiguous confirmation waits for the callback to name its push
    poll_s: float = 1  # the rest between two looks at what is due


class Pull(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often M-Pesa's list of payments is read, for shortcodes that have Pull (daraja.md 2.19)."""

    interval_s: float = 600  # from one reading of a shortcode's list to the next
    look_back_s: float = 172_800  # M-Pesa keeps 48 hours
    overlap_s: float = 3_600  # read again before the end of the last reading, for what M-Pesa listed late
    settle_s: float = 120  # the youngest payments are left to their confirmations
    poll_s: float = 15  # the rest between two looks at whose turn it is


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After how many days raw bytes and notifications are forgotten; 0 is never. Payments and their events stay."""

    exchanges_days: float = 90  # a quarter: M-Pesa takes up disputes within weeks, auditors ask by the quarter
    notifications_days: float = 90  # delivered or acknowledged; the same, so that a trace is whole or gone
    undelivered_days: float = 0  # given up, or kept because there was no URL; never, unless you say so. Waiting: never
    pause_s: float = 0.2  # between two pages of 200: a thousand rows a second, more than any gateway writes


class Alerts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told, without asking, that an endpoint fails or was disabled, or that a payment needs a look."""

    url: str = ""  # where alerts are posted, a chat's incoming webhook say; with one, wakala.toml must be private
    answer_limit_s: float = 10  # a chat answers within a second; one alert after another is told


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key file: 32 random bytes as hex, mode 0600."""

    file: str = "wakala.key"  # back it up, apart from the database


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set, with its default."""

    server: Server = Server()
    database: DatabaseSettings = DatabaseSettings()
    daraja: DarajaSettings = DarajaSettings()
    callbacks: Callbacks = Callbacks()
    deliveries: Deliveries = Deliveries()
    finisher: Finisher = Finisher()
    pull: Pull = Pull()
    retention: Retention = Retention()
    alerts: Alerts = Alerts()
    keys: Keys = Keys()
    home: str = "."  # where relative paths begin: the folder of wakala.toml, where there is one

    @property
    def public_url(self) -> str:
        """Our address as others know it, without a trailing slash."""
        return (self.server.public_url or f"http://{self.server.host}:{self.server.port}").rstrip("/")

    @property
    def schedule(self) -> Schedule:
        """The finisher's schedule as the rules want it."""
        return Schedule(self.finisher.schedule_s, self.finisher.expire_s, self.finisher.send_lease_s)

    @property
    def sqlite_path(self) -> Path | None:
        """The SQLite file, or None for PostgreSQL; where a link leads, for its lock and its log lie beside the file."""
        if not self.database.url.startswith("sqlite:///"):
            return None
        return (Path(self.home) / self.database.url.removeprefix("sqlite:///")).resolve()

    @property
    def spill_path(self) -> Path:
        """The folder of the spill files."""
        return Path(self.home) / self.callbacks.spill_folder

    @property
    def key_path(self) -> Path:
        """The key file."""
        return Path(self.home) / self.keys.file


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the file, lay the environment over it, check every name and type."""
    given: dict[str, Any] = {}
    if path is not None:
        if not path.is_file():
            raise ConfigurationError(f"There is no configuration at {path}: run `wakala init {path.parent}` first.")
        try:
            given = tomllib.loads(_content(path))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} is not valid TOML: {error}.") from error
        given["home"] = str(path.parent.resolve())
    _overlay(given, environment)
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path or 'The environment'}: {_with_suggestion(str(error))}") from error
    _check_numbers(settings)
    _check_port(settings.server.port)
    _check_addresses(settings)
    _check_networks(settings)
    _check_bill_manager_prefix(settings.daraja.bill_manager_prefix)
    _check_times(settings)
    if path is not None and ("@" in settings.database.url or "password=" in settings.database.url):
        refuse_loose(path, "it holds the database's password")
    if path is not None and settings.alerts.url:
        refuse_loose(path, "it holds alerts.url, which lets everybody who knows it write to your chat")
    _check_database(settings.database.url)
    return settings


def _content(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}): use the account that it belongs to, or give it to yours."
        ) from error


def _check_numbers(settings: Settings) -> None:
    """None is negative or beyond all use. Many write -1 for "never"; taken for an age, it would leave nothing."""
    for table, held in msgspec.structs.asdict(settings).items():
        if not isinstance(held, msgspec.Struct):
            continue
        for field, value in msgspec.structs.asdict(held).items():
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, int | float) and not 0 <= one <= NUMBER_MAX:
                    never = " 0 is never." if field.endswith("_days") else ""
                    limits = f"must be a number from 0 to {NUMBER_MAX:,}"
                    raise ConfigurationError(f"{table}.{field} ({one:g}) {limits}.{never}")


def _check_database(url: str) -> None:
    """Which kind it is, and whether it can be taken apart; what is wrong in its parts is told by who connects."""
    if not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise ConfigurationError("database.url must begin with sqlite:/// or postgresql://.")
    try:
        urlsplit(url)
    except ValueError:  # which may show the password
        raise ConfigurationError(
            "database.url is no URL: write it as postgresql://user:password@host:5432/name."
        ) from None


def _check_port(port: int) -> None:
    """The system takes any number, and listens on what is left of it after division by 65,536."""
    if not 1 <= port <= PORT_MAX:
        raise ConfigurationError(f"server.port ({port}) must be a number from 1 to {PORT_MAX}.")


def _check_addresses(settings: Settings) -> None:
    """Without its scheme an address leads nowhere: not for M-Pesa, which is given ours, nor for our calls to it."""
    own, daraja = settings.server, settings.daraja
    addresses = (
        ("server.public_url", own.public_url),
        ("daraja.sandbox_url", daraja.sandbox_url),
        ("daraja.live_url", daraja.live_url),
        ("alerts.url", settings.alerts.url),
    )
    for name, url in addresses:
        try:
            if url:
                require_web_address(url)
        except CallerError as error:
            raise ConfigurationError(f"{name}: {error.sentence}") from error


def _check_networks(settings: Settings) -> None:
    """Networks are read where they are used; a wrong one is told here, by its name."""
    for table, name in _NETWORKS:
        for text in getattr(getattr(settings, table), name):
            try:
                networks([text])
            except ValueError:
                sentence = f"{table}.{name}: {text!r} is no network. Write it as 10.0.0.0/8 or 196.201.214.200."
                raise ConfigurationError(sentence) from None


def _check_bill_manager_prefix(prefix: str) -> None:
    """What stands between M-Pesa's host and an API's name. Unchecked, M-Pesa would tell of it at the first invoice."""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", prefix):
        sentence = (
            f"daraja.bill_manager_prefix: {prefix!r} is no path. Write it as {BILL_PREFIX}, without a last slash."
        )
        raise ConfigurationError(sentence)


def _check_times(settings: Settings) -> None:
    """What must be shorter than what, and the one count that may not be nothing."""
    server, deliveries = settings.server, settings.deliveries
    if server.leave_s >= server.graceful_stop_s:
        raise ConfigurationError(
            f"server.leave_s ({server.leave_s:g}) is part of server.graceful_stop_s ({server.graceful_stop_s:g}): "
            "make it shorter, so that time is left for what is under way."
        )
    if deliveries.answer_limit_s >= deliveries.lease_s:
        raise ConfigurationError(
            f"deliveries.answer_limit_s ({deliveries.answer_limit_s:g}) must be shorter than deliveries.lease_s "
            f"({deliveries.lease_s:g}), or an attempt that is under way is made a second time."
        )
    if deliveries.validation_limit_s >= MPESA_VALIDATION_LIMIT_S:
        raise ConfigurationError(
            f"deliveries.validation_limit_s ({deliveries.validation_limit_s:g}) must be shorter than the "
            f"{MPESA_VALIDATION_LIMIT_S:g} s that M-Pesa waits, or it decides before your answer is in."
        )
    if deliveries.lane_limit < 1:
        raise ConfigurationError("deliveries.lane_limit must be 1 or more, or nobody is notified.")
    _check_times_of_m_pesa(settings)


def _check_times_of_m_pesa(settings: Settings) -> None:
    daraja, finisher, pull = settings.daraja, settings.finisher, settings.pull
    if daraja.answer_limit_s >= finisher.send_lease_s:
        raise ConfigurationError(
            f"daraja.answer_limit_s ({daraja.answer_limit_s:g}) must be shorter than finisher.send_lease_s "
            f"({finisher.send_lease_s:g}), or what M-Pesa refuses late is taken for unknown before, and stays open."
        )
    moments_s = (0.0, *finisher.schedule_s, finisher.expire_s)
    if any(later <= sooner for sooner, later in pairwise(moments_s)):
        raise ConfigurationError(
            f"finisher.schedule_s must rise from question to question, and finisher.expire_s ({finisher.expire_s:g}) "
            "must lie after the last of them, or a payment expires before M-Pesa was asked."
        )
    if pull.interval_s + pull.settle_s >= pull.look_back_s:
        raise ConfigurationError(
            f"pull.interval_s ({pull.interval_s:g}) and pull.settle_s ({pull.settle_s:g}) together must be shorter "
            f"than pull.look_back_s ({pull.look_back_s:g}), or payments between two readings are never seen."
        )


_NETWORKS = (
    ("server", "trusted_proxies"),
    ("callbacks", "live_sources"),
    ("callbacks", "sandbox_sources"),
    ("deliveries", "private_targets"),
)


def _overlay(given: dict[str, Any], environment: Mapping[str, str]) -> None:
    """``WAKALA__SERVER__PORT`` sets ``server.port``; lists are written with commas."""
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        *parents, leaf = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        table = given
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise ConfigurationError(f"{name} sets something below {parent}, which is not a table.")
        table[leaf] = [one.strip() for one in value.split(",") if one.strip()] if leaf in _LISTS else value


_LISTS = {
    field.name
    for table in (Server, Callbacks, Deliveries, Finisher)
    for field in msgspec.structs.fields(table)
    if isinstance(field.default, tuple)
}


def _with_suggestion(message: str) -> str:
    known = {field.name for table in _TABLES for field in msgspec.structs.fields(table)}
    unknown = message.partition("unknown field `")[2].partition("`")[0]
    close = difflib.get_close_matches(unknown, known, n=1) if unknown else []
    return f"{message}. Did you mean {close[0]}?" if close else f"{message}."


_TABLES: tuple[type[msgspec.Struct], ...] = (Settings, Server, DatabaseSettings, DarajaSettings, Callbacks, Deliveries)
_TABLES += (Finisher, Pull, Retention, Alerts, Keys)


def refuse_loose(path: Path, why: str) -> None:
    """Refuse a file that group or others may touch."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise LooseSecretError(f"{path} has mode {mode:04o} and {why}: run `chmod 600 {path}`, then start again.")


def master_key(settings: Settings) -> MasterKey:
    """The key from the key file."""
    path = settings.key_path
    if not path.is_file():
        raise ConfigurationError(f"There is no key file at {path}: run `wakala init` or restore it from your backup.")
    refuse_loose(path, "it holds the key to every secret")
    try:
        value = bytes.fromhex(_content(path).strip())
    except ValueError:
        value = b""
    if len(value) != KEY_LENGTH_BYTES:
        raise ConfigurationError(f"{path} must hold {KEY_LENGTH_BYTES} bytes as {2 * KEY_LENGTH_BYTES} hex digits.")
    return MasterKey(value)


def write_private(path: Path, text: str) -> None:
    """Create a file that only its owner may read, whole and on the disk; an existing one is never overwritten."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except BaseException as error:
        path.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
