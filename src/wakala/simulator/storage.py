"""The world in a file: written now and then and at the end, each time whole, and read at the start.

It is one JSON document. What hung between two events goes on where it can: prompts stay open until their time is
over, queued commands are carried out, approvals are asked again. A callback that was on its way is lost, as with
M-Pesa. Faults and the call log belong to a run and are not kept.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections import OrderedDict, deque
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from wakala.simulator.bills import Biller, Invoice
from wakala.simulator.checkouts import Checkout
from wakala.simulator.commands import Command
from wakala.simulator.initiators import Initiator
from wakala.simulator.lines import Line
from wakala.simulator.machine import Simulator, Start
from wakala.simulator.reading import decode
from wakala.simulator.standing_orders import StandingOrder
from wakala.simulator.world import (
    MESSAGES_MAX,
    App,
    Autopilot,
    Counts,
    Message,
    Payment,
    Phone,
    Rules,
    Shortcode,
    Token,
    World,
)

logger = logging.getLogger(__name__)

VERSION = 1
SAVE_PAUSE_SECONDS = 30.0
"""Between two saves: what a crash may cost of a pretended world."""

SAVE_SHARE_MAX = 20
"""A save that took a second is followed by twenty of rest, so that a huge world does not spend its time on saving."""

FILE_MODE = 0o600
"""The file has passkeys, secrets and the private key in it, even if they are pretended."""

LIVES = frozenset({"alarms", "errand", "live"})
"""What belongs to a running program and is worked out anew."""

Record = TypeVar("Record")


class StateFileError(Exception):
    """The file cannot be read or written; it is left as it is. The text says what to do."""


def check(file: Path) -> None:
    """Raise StateFileError, before anything runs, when a file is no state file or could not be written anew."""
    if not file.parent.is_dir():
        raise StateFileError(f"There is no folder {file.parent} for the state file {file.name}.")
    if file.exists():
        _load(Simulator(Start()), _read(file))  # into a world of its own, which is thrown away
    if not os.access(file.parent, os.W_OK):
        raise StateFileError(f"The folder {file.parent} of the state file {file.name} cannot be written to.")


class Keeper:
    """Keeps one simulator in one file."""

    def __init__(self, simulator: Simulator, file: Path) -> None:
        self._simulator = simulator
        self._file = file
        self._saving: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Read the file if it is there, make sure that it can be written, and save it now and then."""
        if self._file.exists():
            restore(self._simulator, _read(self._file))
        self.save()
        self._saving = asyncio.create_task(self._save_now_and_then())

    async def stop(self) -> None:
        """Save a last time."""
        if self._saving is not None:
            self._saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._saving
        await self.save_now()

    async def save_now(self) -> None:
        """Save after a save that is under way, for two would write into one file; nothing happens after it."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self.save()

    def save(self) -> None:
        """Write the whole world; a reader sees the old file or the new one, never a part."""
        _write(self._file, snapshot(self._simulator))

    async def _save_now_and_then(self) -> None:
        pause_seconds = SAVE_PAUSE_SECONDS
        while True:
            await asyncio.sleep(pause_seconds)
            started = time.monotonic()
            document = snapshot(self._simulator)
            took_seconds = time.monotonic() - started
            self._writing = asyncio.ensure_future(asyncio.to_thread(_write, self._file, document))
            try:
                await asyncio.shield(self._writing)
            except StateFileError as failed:  # a full disk may be empty again in half a minute
                logger.warning("%s The simulator goes on and tries again.", failed)
            pause_seconds = max(SAVE_PAUSE_SECONDS, SAVE_SHARE_MAX * took_seconds)


class Versioned(msgspec.Struct):
    """What every version of the file has."""

    version: int


class ClockKept(msgspec.Struct):
    """How far the clock was moved, and where it stands still, if it does."""

    ahead_seconds: float
    stopped_at: float | None


Plain = dict[str, Any]
"""The fields of a record that is bound to others, to be read when these are there."""


class Document(msgspec.Struct):
    """The whole file."""

    version: int
    clock: ClockKept
    random: tuple[int, tuple[int, ...], float | None]
    counts: Counts
    rules: Rules
    autopilot: Autopilot
    certificate: str  # its private key; empty while nobody has asked for it
    apps: list[App]
    tokens: dict[str, tuple[str, float]]  # to the app's key and the moment at which it dies
    shortcodes: list[Shortcode]
    initiators: list[Initiator]
    phones: list[Plain]
    payments: list[Plain]
    commands: list[Plain]
    billers: list[Biller]
    invoices: list[Invoice]
    standing_orders: list[StandingOrder]
    checkouts: list[Checkout]
    nominated: dict[str, str]
    pulling: list[str]
    lines: dict[str, Line]


def snapshot(simulator: Simulator) -> bytes:
    """The world as a document."""
    world, services = simulator.world, simulator.services
    version, state, gauss = simulator.random.getstate()
    document = Document(
        version=VERSION,
        clock=ClockKept(simulator.clock.ahead_seconds, _stopped_at(simulator)),
        random=(version, state, gauss),
        counts=world.counts(),
        rules=world.rules,
        autopilot=world.autopilot,
        certificate=simulator.certificate.private_pem().decode() if simulator.certificate.exists else "",
        apps=[*world.apps.values()],
        tokens={token: (held.app.key, held.expires_seconds) for token, held in world.tokens.items()},
        shortcodes=[*world.shortcodes.values()],
        initiators=[*world.initiators.values()],
        phones=[_plain(phone, messages=[*phone.messages]) for phone in world.phones.values()],
        payments=[_plain_payment(payment) for payment in world.payments.values() if _lasts(payment)],
        commands=[_plain(command) for command in world.commands.values()],
        billers=[*services.bills.billers.values()],
        invoices=[*services.bills.invoices.values()],
        standing_orders=[*services.standing_orders.orders.values()],
        checkouts=[*services.checkouts.checkouts.values()],
        nominated=services.checkouts.nominated,
        pulling=sorted(services.pulling),
        lines=services.lines,
    )
    return msgspec.json.encode(document)


def restore(simulator: Simulator, document: Document) -> None:
    """Put the world of a document in the place of the one that was populated; inside a running event loop."""
    _load(simulator, document)
    _resume(simulator)


def _load(simulator: Simulator, document: Document) -> None:
    try:
        _restore_clock(simulator, document)
        _restore_world(simulator, document)
        _restore_services(simulator, document)
    except (msgspec.ValidationError, KeyError, TypeError, ValueError, OverflowError, OSError) as wrong:
        raise StateFileError(
            f"The state file does not fit this program: {wrong!r}. Move it away to start anew."
        ) from None


def _restore_clock(simulator: Simulator, document: Document) -> None:
    clock, kept = simulator.clock, document.clock
    clock.advance(kept.ahead_seconds)
    if kept.stopped_at is not None:
        clock.stop()
        clock.advance(kept.stopped_at - clock.seconds())
    clock.now()  # raises when the calendar does not reach so far
    simulator.random.setstate(document.random)


def _restore_world(simulator: Simulator, document: Document) -> None:
    world = simulator.world
    world.rules = document.rules
    if not simulator.start_with.autopilot:  # one that was named at this start goes before the one of the file
        world.autopilot = document.autopilot
    if document.certificate:
        simulator.certificate.take(document.certificate.encode())
    world.apps = {app.key: app for app in document.apps}
    tokens = {token: Token(world.apps[key], seconds) for token, (key, seconds) in document.tokens.items()}
    world.tokens = OrderedDict(tokens)
    world.shortcodes = {each.number: each for each in document.shortcodes}
    world.initiators = {(each.shortcode, each.name): each for each in document.initiators}
    world.phones = OrderedDict((phone.msisdn, phone) for phone in map(_phone, document.phones))
    for plain in document.payments:
        payment = _payment(world, plain)
        world.remember(payment)
        if payment.paid:
            world.file_receipt(payment)
    for plain in document.commands:
        command = _record(plain, Command)
        world.remember_command(command)
        if command.receipt:
            world.file_receipt(command)
    world.go_on_from(document.counts)


def _restore_services(simulator: Simulator, document: Document) -> None:
    services = simulator.services
    services.bills.billers.update({each.app_key: each for each in document.billers})
    for invoice in document.invoices:
        services.bills.book(invoice)
    services.standing_orders.orders.update({order.number: order for order in document.standing_orders})
    services.checkouts.checkouts.update({each.number: each for each in document.checkouts})
    services.checkouts.nominated.clear()
    services.checkouts.nominated.update(document.nominated)
    services.pulling.update(document.pulling)
    services.lines.update(document.lines)


def _resume(simulator: Simulator) -> None:
    for payment in simulator.world.payments.values():
        if payment.result is None:
            simulator.prompts.resume(payment)
    for command in simulator.world.commands.values():
        if command.result is None and not command.timed_out:
            simulator.office.start(command)
    simulator.services.resume()


def _lasts(payment: Payment) -> bool:
    """A payment from the menu that still waits for the merchant's validation moved no money and is forgotten."""
    return payment.origin == "stk" or payment.result is not None


def _stopped_at(simulator: Simulator) -> float | None:
    return simulator.clock.seconds() if simulator.clock.stopped else None


def _plain(record: Any, **instead: Any) -> Plain:
    """The fields of a record that last, those named in the spelling given."""
    names = record.__struct_fields__ if isinstance(record, msgspec.Struct) else [each.name for each in fields(record)]
    lasting = {name: getattr(record, name) for name in names if name not in LIVES}
    return lasting | instead


def _plain_payment(payment: Payment) -> Plain:
    return _plain(payment, shortcode=payment.shortcode.number, phone=payment.phone.msisdn)


def _record(plain: Plain, shape: type[Record], **instead: Any) -> Record:
    """A record from its fields; those that a newer program has and the file lacks get their defaults."""
    hints = get_type_hints(shape)
    given = {
        name: msgspec.convert(value, hints[name], str_keys=True)
        for name, value in plain.items()
        if name in hints and name not in instead
    }
    return shape(**given, **instead)


def _phone(plain: Plain) -> Phone:
    messages: deque[Message] = deque(msgspec.convert(plain["messages"], list[Message]), maxlen=MESSAGES_MAX)
    return _record(plain, Phone, messages=messages)


def _payment(world: World, plain: Plain) -> Payment:
    shortcode, phone = world.shortcodes[plain["shortcode"]], world.phone(plain["phone"])
    return _record(plain, Payment, shortcode=shortcode, phone=phone)


def _read(file: Path) -> Document:
    try:
        content = file.read_bytes()
        version = decode(content, Versioned).version
        if version != VERSION:
            raise StateFileError(f"The state file {file} has version {version}; this program reads {VERSION}.")
        return decode(content, Document)
    except (OSError, msgspec.DecodeError) as broken:
        raise StateFileError(f"The state file {file} cannot be read: {broken}. Move it away to start anew.") from None


def _write(file: Path, document: bytes) -> None:
    new = file.with_name(f"{file.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as writer:
            os.fchmod(descriptor, FILE_MODE)  # one that a killed program left behind may have another mode
            writer.write(document)
            writer.flush()
            os.fsync(writer.fileno())
        new.replace(file)
    except OSError as failed:
        raise StateFileError(f"The state file {file} cannot be written: {failed}.") from None
