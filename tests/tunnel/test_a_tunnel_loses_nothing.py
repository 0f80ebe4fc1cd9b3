"""The tunnel against any course of events: late commits, breaks of either side, a local program that refuses."""

import asyncio
import itertools
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.errors import NotFoundError
from wakala.tunnel import tunnel as module
from wakala.tunnel.feed import DownError, Note, Page
from wakala.tunnel.tunnel import OLDEST, Took, Tunnel, begin

SETTLED_AFTER = 5


def note(number: int) -> Note:
    return Note(f"ntf_{number:04d}", "pay", "payment.succeeded", msgspec.Raw(b"{}"))


@dataclass
class Town:
    """A gateway, a person's program and his terminal. ``visible`` says from which turn on a note is committed."""

    visible: dict[str, int]
    outcomes: list[int] = field(default_factory=list)
    downs: list[bool] = field(default_factory=list)
    turn: int = 0
    cursor_kept: str = ""
    got: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    # the gateway

    async def cursor(self) -> str:
        return self.cursor_kept

    async def now(self) -> str:
        return f"ntf_{self.turn:04d}"

    async def page(self, after: str, seen: int) -> Page:
        self.turn += 1
        self._break()
        found = [one for one in sorted(self.visible) if one > after and self.visible[one] <= self.turn]
        if len(found) <= seen and self.turn < 300:
            return Page([], after, self._settled(found, after))
        return Page([note(int(one[4:])) for one in found], after, self._settled(found, after))

    def _settled(self, found: list[str], after: str) -> str:
        horizon = f"ntf_{max(0, self.turn - SETTLED_AFTER):04d}"
        return max([one for one in found if one < horizon], default=after) if found else after

    async def signed_anew(self, old: Note) -> Note:
        return old

    async def acknowledge(self, cursor: str) -> None:
        self._break()
        self.cursor_kept = max(self.cursor_kept, cursor)

    def _break(self) -> None:
        if self.downs and self.downs.pop():
            raise DownError("away")

    # the program, and the terminal

    async def take(self, one: Note, attempt: int) -> Took:
        status = self.outcomes.pop() if self.outcomes else 200
        if status == 200:
            self.got.append(one.NotificationID)
        return Took(one, attempt, status or None, "", 1.0)

    def took(self, took: Took) -> None:
        self.said.append(f"{took.note.NotificationID} {took.status}")

    def down(self, reason: str) -> None:
        self.said.append(f"down: {reason}")

    def up(self) -> None:
        self.said.append("up")


LATE = st.dictionaries(st.integers(1, 60), st.integers(0, SETTLED_AFTER - 1), max_size=15)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_MIN_S", 0.0)
    monkeypatch.setattr(module, "PAUSE_MAX_S", 0.0)


@given(
    LATE,
    st.lists(st.sampled_from([200, 500, 0]), max_size=20),
    st.lists(st.booleans(), max_size=30),
    st.lists(st.integers(1, 30), max_size=4),
)
def test_every_note_arrives_in_spite_of_breaks(
    late: dict[int, int], outcomes: list[int], downs: list[bool], breaks: list[int]
) -> None:
    visible = {f"ntf_{staged:04d}": staged + delay for staged, delay in late.items()}
    town = Town(visible, outcomes, downs)

    async def live() -> None:
        pieces = iter(breaks)
        while town.turn < 80:  # each life of the tunnel begins where the gateway's cursor stands
            tunnel = Tunnel(town, town, town, town.cursor_kept)
            for _ in range(next(pieces, 100)):
                await tunnel.step()
        again = Tunnel(town, town, town, town.cursor_kept)
        await again.step()

    asyncio.run(live())
    assert set(town.got) == set(visible)
    firsts = list(dict.fromkeys(town.got))
    for earlier, later in itertools.pairwise(firsts):
        assert earlier < later or visible[earlier] <= visible[later], "only what was committed late comes late"
    if not breaks:
        assert len(town.got) == len(set(town.got)), "without a break, none comes twice"


async def test_a_note_that_is_refused_holds_up_the_next_until_it_is_taken() -> None:
    town = Town({"ntf_0001": 0, "ntf_0002": 0}, outcomes=[200, 200, 0, 500])
    await Tunnel(town, town, town, "").step()
    assert town.said == ["ntf_0001 500", "ntf_0001 None", "ntf_0001 200", "ntf_0002 200"]


async def test_a_note_may_be_passed_over_after_so_many_attempts() -> None:
    town = Town({"ntf_0001": 0, "ntf_0002": 0}, outcomes=[200, 500, 500])
    await Tunnel(town, town, town, "", attempts_limit=2).step()
    assert town.said == ["ntf_0001 500", "ntf_0001 500", "ntf_0002 200"]


async def test_a_new_reader_begins_with_what_comes_and_a_known_one_where_it_stopped() -> None:
    town = Town({}, turn=7, downs=[False, True])
    assert await begin(town, town, "") == "ntf_0007"
    assert town.cursor_kept == "ntf_0007", "so that a break before the first notification is none"
    town.turn = 50
    assert await begin(town, town, "") == "ntf_0007"
    assert await begin(town, town, "now") == "ntf_0050"
    assert await begin(town, town, "start") == OLDEST
    assert await begin(town, town, "ntf_0003") == "ntf_0003"
    assert town.said == ["down: away", "up"]


class Forgetful(Town):
    """Its oldest note became old enough to be forgotten."""

    async def signed_anew(self, old: Note) -> Note:
        if old.NotificationID == min(self.visible):
            raise NotFoundError("This app was never owed a notification of that ID here.")
        return old


async def test_a_note_that_the_gateway_has_forgotten_meanwhile_holds_up_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FRESH_S", -1.0)  # each try wants fresh headers
    town = Forgetful({"ntf_0001": 0, "ntf_0002": 0})
    await Tunnel(town, town, town, OLDEST).step()
    assert town.got == ["ntf_0002"]
    assert town.said == ["ntf_0001 None", "ntf_0002 200"]
