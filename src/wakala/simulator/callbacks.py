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


Outcome = Reply | OSError | ValueError
"""What became of a letter: the merchant's answer, or why there is none."""


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
        self._under_way: set[asyncio.Future[None]] = set()
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
        for letter in self._under_way:
            letter.cancel()
        self._guarded.drop_posted()
        self._open.drop_posted()
        self._under_way.clear()
        self._held.clear()

    def dispatch(self, letter: Letter) -> asyncio.Future[None]:
        """Send in the background. What is returned may be awaited to see the letter delivered."""
        if not (self._faults.any_waiting or any(self._held.values())):
            posted = self._post_at_once(letter)
            if posted is not None:
                return posted
        task = asyncio.create_task(self._deliver(letter))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def ask(
        self, kind: str, url: str, body: bytes, limit_seconds: float, headers: dict[str, str] | None = None
    ) -> Reply | None:
        """Post a question and wait for its answer at most that long on the simulator's clock; None is no answer."""
        reply, _ = await self.ask_and_tell(kind, url, body, limit_seconds, headers)
        return reply

    async def ask_and_tell(
        self, kind: str, url: str, body: bytes, limit_seconds: float, headers: dict[str, str] | None = None
    ) -> tuple[Reply | None, str]:
        """The same, with our sentence on why there is no answer or one that is no 200; else an empty text."""
        started = time.monotonic()
        question = asyncio.create_task(self._post(url, body, headers or {}, limit_seconds=None))
        patience = asyncio.create_task(self._clock.sleep(limit_seconds))
        try:
            await asyncio.wait((question, patience), return_when=asyncio.FIRST_COMPLETED)
            if not question.done():
                reason = f"No answer within {limit_seconds:g} s."
                self._note(kind, url, body, reason, started=started)
                return None, reason
            outcome = question.result()
            reason = _reason(outcome, "")
            self._note(kind, url, body, reason, started=started, outcome=outcome)
            return outcome if isinstance(outcome, Reply) else None, reason
        finally:
            question.cancel()
            patience.cancel()

    def note_lost(self, kind: str, url: str, body: bytes) -> None:
        """Write down a question that a fault kept from being asked."""
        self._note(kind, url, body, "Lost on purpose.", faults=("lost",))

    def _post_at_once(self, letter: Letter) -> asyncio.Future[None] | None:
        """What nearly all letters need: no fault, a line that is open, and no task of their own."""
        poster = self._poster_for(letter.url)
        ready = poster.ready(letter.url)
        if ready is None:
            return None
        self._faults.begin(letter.kind)
        if letter.also:
            self._faults.begin(letter.also)
        body, started = letter.write(letter.amount_cents), time.monotonic()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def tell(outcome: Reply | OSError) -> None:
            self._under_way.discard(done)
            self._take_in(letter, body, outcome, started=started)
            if not done.done():  # whoever waited for it may have been cancelled
                done.set_result(None)

        poster.post_at_once(ready, body, {"Content-Type": JSON_TYPE, **letter.headers}, POST_LIMIT_SECONDS, tell)
        self._under_way.add(done)
        return done

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
            started = time.monotonic()
            outcome = await self._post(letter.url, each, letter.headers, POST_LIMIT_SECONDS)
            self._take_in(letter, each, outcome, started=started, faults=names)
        for held in overtaken:
            held.set()

    def _take_in(
        self, letter: Letter, body: bytes, outcome: Outcome, *, started: float, faults: tuple[str, ...] = ()
    ) -> None:
        """Write down what became of a letter; tell its sender when it was acknowledged."""
        objection = ""
        if isinstance(outcome, Reply):
            objection = letter.judge(outcome) if letter.judge is not None else ""
            if not objection:
                letter.answered()
        reason = objection or _reason(outcome, letter.reason)
        self._note(letter.kind, letter.url, body, reason, faults=faults, started=started, outcome=outcome)

    async def _wait_for_another(self, kind: str) -> None:
        overtaken = asyncio.Event()
        self._held[kind].append(overtaken)
        alarm = self._clock.after(REORDER_HOLD_SECONDS, overtaken.set)
        await overtaken.wait()
        alarm.cancel()
        if overtaken in self._held[kind]:
            self._held[kind].remove(overtaken)

    async def _post(self, url: str, body: bytes, headers: dict[str, str], limit_seconds: float | None) -> Outcome:
        try:
            return await self._poster_for(url).post(url, body, {"Content-Type": JSON_TYPE, **headers}, limit_seconds)
        except (OSError, ValueError) as failed:
            return failed

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
        started: float = 0.0,  # 0 is never
        outcome: Outcome | None = None,
    ) -> None:
        reply = outcome if isinstance(outcome, Reply) else None
        took_seconds = time.monotonic() - started if started and not isinstance(outcome, NotLoopbackError) else 0.0
        self._calls.add(
            at_seconds=self._clock.seconds(),
            direction="out",
            kind=kind,
            method="POST",
            target=url,
            request=body,
            status=reply.status if reply else 0,
            answer=reply.body if reply else b"",
            reason=reason,
            took_ms=int(took_seconds * 1000),
            faults=faults,
        )


def _reason(outcome: Outcome, about: str) -> str:
    """Our sentence on what the merchant answered, or on why nothing came."""
    if isinstance(outcome, NotLoopbackError):
        return f"Not sent: {outcome}"
    if not isinstance(outcome, Reply):
        return f"No answer: {str(outcome) or type(outcome).__name__}."
    return about if outcome.status == 200 else f"The merchant answered {outcome.status}; M-Pesa does not try again."


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
