"""Sending to the merchant: each callback once, as M-Pesa does, unless a fault was ordered (daraja.md 7.4).

Only this machine is called, unless a host was allowed by name: a simulator must never surprise a stranger.
"""

import asyncio
import ipaddress
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from wakala.simulator.calls import Calls
from wakala.simulator.clock import Clock
from wakala.simulator.faults import Fault, Faults
from wakala.simulator.messages import JSON_TYPE
from wakala.simulator.posting import Poster, Reply

POST_LIMIT_SECONDS = 10.0
"""M-Pesa's own limit is unknown; 30 s was claimed once (daraja.md 7.3). A merchant that needs ten is broken."""

REORDER_HOLD_SECONDS = 5.0
"""A callback that is held for the next one goes out after this time even when there is no next one."""


class NotLoopbackError(OSError):
    """The target is another machine."""


class Letter(msgspec.Struct, frozen=True):
    """A callback to be sent. ``write`` takes the amount, because a fault may ask for a false one."""

    kind: str
    url: str
    msisdn: str
    amount_cents: int
    write: Callable[[int], bytes]
    headers: dict[str, str]
    answered: Callable[[], None]
    reason: str = ""  # our sentence on what it tells, for the call log
    also: str = ""  # a second kind whose faults strike it
    judge: Callable[[Reply], str] | None = None  # what is wrong with the answer; an empty text is an acknowledgement
    variants: Mapping[str, Callable[[int], bytes]] = {}  # by the name of the fault that asks for another body


CONTRADICTED = "contradicted"
"""The fault whose body follows the right one instead of taking its place."""


class Courier:
    """Carries letters, obeys the faults, and writes every attempt down."""

    def __init__(self, clock: Clock, faults: Faults, calls: Calls, allowed_hosts: frozenset[str]) -> None:
        self._clock = clock
        self._faults = faults
        self._calls = calls
        self._allowed_hosts = allowed_hosts
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._guarded = Poster(must_be_loopback)  # reaches this machine only
        self._open = Poster(_anyone)  # for hosts allowed by name

    def close(self) -> None:
        """Drop what is under way and hang up."""
        self.drop_all()
        self._guarded.close()
        self._open.close()

    def show(self, certificate: ssl.SSLContext) -> None:
        """Call back over TLS with this certificate, where the merchant asks for one."""
        self._guarded.trust(certificate)
        self._open.trust(certificate)

    def drop_all(self) -> None:
        """Forget the letters under way, for a reset."""
        for task in self._tasks:
            task.cancel()
        self._held.clear()

    def dispatch(self, letter: Letter) -> asyncio.Task[None]:
        """Send in the background. The task may be awaited to see the letter delivered."""
        task = asyncio.create_task(self._deliver(letter))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def ask(
        self, kind: str, url: str, body: bytes, limit_seconds: float, headers: dict[str, str] | None = None
    ) -> Reply | None:
        """Post a question and wait for its answer at most that long on the simulator's clock; None is no answer."""
        question = asyncio.create_task(self._post(kind, url, body, headers or {}, limit_seconds=None))
        patience = asyncio.create_task(self._clock.sleep(limit_seconds))
        try:
            await asyncio.wait((question, patience), return_when=asyncio.FIRST_COMPLETED)
            if question.done():
                return question.result()
            self._note(kind, url, body, f"No answer within {limit_seconds:g} s.", took_ms=int(limit_seconds * 1000))
            return None
        finally:
            question.cancel()
            patience.cancel()

    def note_lost(self, kind: str, url: str, body: bytes) -> None:
        """Write down a question that a fault kept from being asked."""
        self._note(kind, url, body, "Lost on purpose.", faults=("lost",))

    async def _deliver(self, letter: Letter) -> None:
        struck = self._faults.take(letter.kind, letter.msisdn)
        if letter.also:
            struck |= self._faults.take(letter.also, letter.msisdn)
        names = tuple(struck)
        if "lost" in struck:
            self._note(letter.kind, letter.url, letter.write(letter.amount_cents), "Lost on purpose.", faults=names)
            return
        body = _body(letter, struck)
        if "late" in struck:
            await self._clock.sleep(struck["late"].delay_ms / 1000)
        if "reordered" in struck:
            await self._wait_for_another(letter.kind)
        overtaken = self._held.pop(letter.kind, [])
        bodies = [body] * (2 if "doubled" in struck else 1)
        if CONTRADICTED in struck:
            bodies.append(letter.variants[CONTRADICTED](letter.amount_cents))
        for each in bodies:
            reply = await self._post(
                letter.kind, letter.url, each, letter.headers, faults=names, about=letter.reason, judge=letter.judge
            )
            if reply is not None and (letter.judge is None or not letter.judge(reply)):
                letter.answered()
        for held in overtaken:
            held.set()

    async def _wait_for_another(self, kind: str) -> None:
        overtaken = asyncio.Event()
        self._held[kind].append(overtaken)
        alarm = self._clock.after(REORDER_HOLD_SECONDS, overtaken.set)
        await overtaken.wait()
        alarm.cancel()
        if overtaken in self._held[kind]:
            self._held[kind].remove(overtaken)

    async def _post(
        self,
        kind: str,
        url: str,
        body: bytes,
        headers: dict[str, str],
        *,
        faults: tuple[str, ...] = (),
        limit_seconds: float | None = POST_LIMIT_SECONDS,
        about: str = "",
        judge: Callable[[Reply], str] | None = None,
    ) -> Reply | None:
        started = time.monotonic()
        try:
            reply = await self._poster_for(url).post(url, body, {"Content-Type": JSON_TYPE, **headers}, limit_seconds)
        except NotLoopbackError as refused:
            self._note(kind, url, body, f"Not sent: {refused}", faults=faults)
            return None
        except (OSError, ValueError) as failed:
            reason = f"No answer: {str(failed) or type(failed).__name__}."
            self._note(kind, url, body, reason, faults=faults, took_ms=_since_ms(started))
            return None
        reason = about if reply.status == 200 else f"The merchant answered {reply.status}; M-Pesa does not try again."
        reason = (judge(reply) if judge is not None else "") or reason
        self._note(kind, url, body, reason, faults=faults, took_ms=_since_ms(started), reply=reply)
        return reply

    def _poster_for(self, url: str) -> Poster:
        if not self._allowed_hosts:
            return self._guarded
        host = urlsplit(url).hostname or ""
        return self._open if "*" in self._allowed_hosts or host in self._allowed_hosts else self._guarded

    def _note(
        self,
        kind: str,
        url: str,
        body: bytes,
        reason: str,
        *,
        faults: tuple[str, ...] = (),
        took_ms: int = 0,
        reply: Reply | None = None,
    ) -> None:
        self._calls.add(
            at=self._clock.now(),
            direction="out",
            kind=kind,
            method="POST",
            target=url,
            request=body,
            status=reply.status if reply else 0,
            answer=reply.body if reply else b"",
            reason=reason,
            took_ms=took_ms,
            faults=faults,
        )


def must_be_loopback(address: str) -> None:
    """Nothing for an address of this machine; raises NotLoopbackError for any other.

    Asked at connect time, after names were resolved, so no spelling of a URL gets past it.
    """
    if not ipaddress.ip_address(address).is_loopback:
        raise NotLoopbackError(f"{address} is not this machine; start with --allow-callback-host {address} to call it.")


def _anyone(_: str) -> None:
    """Hosts that were allowed by name may have any address."""


def _body(letter: Letter, struck: dict[str, Fault]) -> bytes:
    amount_cents = letter.amount_cents
    if "empty" in struck:
        return b""
    if "other_amount" in struck:
        amount_cents = 100 if amount_cents != 100 else 200
    variant = next((letter.variants[name] for name in struck if name != CONTRADICTED and name in letter.variants), None)
    body = (variant or letter.write)(amount_cents)
    return body[: len(body) // 2] if "malformed" in struck else body


def _since_ms(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
