"""When the tunnel tries again, and how old a signature is when it arrives; in virtual time."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest

from virtual.time import VirtualLoop
from wakala.tunnel.feed import DownError, Note, Page
from wakala.tunnel.tunnel import FRESH_S, PAUSE_MAX_S, PAUSE_MIN_S, Took, Tunnel

TAKES_S = 0.1  # the program, to say no
HOUR_S = 3_600.0
PAUSES_S = [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


@dataclass
class Room:
    """A gateway, a program and a terminal, and when each was spoken to."""

    loop: VirtualLoop
    waiting: list[str] = field(default_factory=list)
    is_down: bool = False
    is_settled: bool = True  # the cursor may pass what waits
    holds_s: float = 0.0  # how long the gateway holds its answer back where there is nothing new
    takes_from_s: float = 0.0
    asked_s: list[float] = field(default_factory=list)
    tried_s: list[float] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)
    signed: int = 0
    said: list[str] = field(default_factory=list)

    def _note(self, name: str) -> Note:
        return Note(name, "pay", "payment.succeeded", msgspec.Raw(b"{}"), {"webhook-timestamp": str(self.loop.time())})

    async def cursor(self) -> str:
        return ""

    async def now(self) -> str:
        return ""

    async def page(self, after: str, seen: int) -> Page:
        self.asked_s.append(self.loop.time())
        if self.is_down:
            raise DownError("away")
        found = [one for one in self.waiting if one > after]
        if len(found) <= seen:
            await asyncio.sleep(self.holds_s)
            return Page([], after, after)
        return Page([self._note(one) for one in found], after, max(found) if self.is_settled else after)

    async def signed_anew(self, note: Note) -> Note:
        self.signed += 1
        return self._note(note.NotificationID)

    async def acknowledge(self, cursor: str) -> None:
        self.said.append(f"acknowledged {cursor}")

    async def take(self, note: Note, attempt: int) -> Took:
        self.tried_s.append(self.loop.time())
        self.ages_s.append(self.loop.time() - float(note.Headers["webhook-timestamp"]))
        await asyncio.sleep(TAKES_S)
        return Took(note, attempt, 200 if self.loop.time() >= self.takes_from_s else 503, "", TAKES_S * 1_000)

    def took(self, took: Took) -> None:
        self.said.append(f"{took.note.NotificationID} {took.status}")

    def down(self, reason: str) -> None:
        self.said.append(f"down: {reason}")

    def up(self) -> None:
        self.said.append("up")

    def live(self, until_s: float) -> None:
        """The tunnel, until that moment."""

        async def life() -> None:
            running = asyncio.ensure_future(Tunnel(self, self, self, "0").run())
            await asyncio.sleep(until_s - self.loop.time())
            running.cancel()
            await asyncio.wait({running})

        self.loop.run_until_complete(life())


@pytest.fixture
def room() -> Iterator[Room]:
    loop = VirtualLoop()
    yield Room(loop)
    loop.bury()


def pauses(moments_s: list[float], work_s: float = 0.0) -> list[float]:
    return [round(later - earlier - work_s, 6) for earlier, later in itertools.pairwise(moments_s)]


def test_a_program_that_refuses_is_tried_less_and_less_often_and_not_seldom(room: Room) -> None:
    room.waiting, room.takes_from_s = ["ntf_1"], HOUR_S
    room.live(HOUR_S + 2 * PAUSE_MAX_S)
    given = pauses(room.tried_s, TAKES_S)
    assert given[: len(PAUSES_S)] == PAUSES_S
    assert set(given[len(PAUSES_S) :]) == {PAUSE_MAX_S}
    assert room.said[-2:] == ["ntf_1 200", "acknowledged ntf_1"]


def test_what_is_tried_again_bears_a_signature_of_the_last_minute_and_is_signed_no_oftener(room: Room) -> None:
    room.waiting, room.takes_from_s = ["ntf_1", "ntf_2"], HOUR_S
    room.live(HOUR_S + 2 * PAUSE_MAX_S)
    assert max(room.ages_s) <= FRESH_S
    assert HOUR_S / (FRESH_S + PAUSE_MAX_S + TAKES_S) - 1 <= room.signed <= HOUR_S / FRESH_S + 1


def test_what_is_fresh_is_brought_as_it_came(room: Room) -> None:
    room.waiting = [f"ntf_{number}" for number in range(5)]
    room.live(FRESH_S)
    assert (len(room.tried_s), room.signed) == (5, 0)
    assert pauses(room.asked_s)[0] == 5 * TAKES_S, "the next page is asked for at once"


def test_what_has_been_brought_and_is_younger_than_the_cursor_is_not_asked_for_again(room: Room) -> None:
    room.waiting, room.is_settled, room.holds_s = ["ntf_1"], False, 20.0
    room.live(HOUR_S)
    assert len(room.tried_s) == 1
    assert pauses(room.asked_s)[0] == TAKES_S
    assert set(pauses(room.asked_s)[1:]) == {room.holds_s}


@pytest.mark.parametrize(("status", "is_taken"), [(None, False), (199, False), (200, True), (299, True), (300, False)])
def test_only_2xx_is_taken(status: int | None, is_taken: bool) -> None:
    took = Took(Note("ntf_1", "pay_1", "t", msgspec.Raw(b"{}")), 1, status, "", 1.0)
    assert took.is_taken is is_taken


def test_a_gateway_that_is_away_is_asked_less_and_less_often_and_it_is_said_once(room: Room) -> None:
    room.is_down = True
    room.live(HOUR_S)
    given = pauses(room.asked_s)
    assert given[: len(PAUSES_S)] == PAUSES_S
    assert set(given[len(PAUSES_S) :]) == {PAUSE_MAX_S}
    assert room.said == ["down: away"]


def test_a_gateway_that_answers_at_once_that_there_is_nothing_is_not_hammered(room: Room) -> None:
    room.live(60.0)
    assert set(pauses(room.asked_s)) == {PAUSE_MIN_S}
