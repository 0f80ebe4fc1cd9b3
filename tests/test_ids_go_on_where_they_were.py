"""IDs sort by the moment they were made in, and a cursor passes none that is still under way, whatever a clock does."""

import itertools
from dataclasses import dataclass, field

import pytest

from wakala.identity import DRAUGHT_BYTES, PAST_MOMENTS, RELIVED_LIMIT_US, CommonClock, Source, first_id, made_at_us
from wakala.identity import _Well as Well

START_US = 1_795_000_000_000_000
SECOND_US = 1_000_000


@dataclass
class Machine:
    """A clock that can be set, and one that nobody sets."""

    clock_us: int = START_US
    steady_us: int = 50 * SECOND_US
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def source(self) -> Source:
        return Source(lambda: self.clock_us, self.random_bytes, steady_us=lambda: self.steady_us)

    def random_bytes(self, length: int) -> bytes:
        return next(self.numbers).to_bytes(length)

    def go_on(self, seconds: float) -> None:
        self.clock_us += int(seconds * SECOND_US)
        self.steady_us += int(seconds * SECOND_US)


# ── the moment that an ID carries ──


def test_an_id_carries_its_moment_to_the_millisecond() -> None:
    machine = Machine()
    made = machine.source().new_id("pay")
    assert made == f"pay_{START_US // 1000:012x}{0:016x}"
    assert made_at_us(made) == START_US
    assert first_id("pay", START_US) <= made < first_id("pay", START_US + 1000)
    assert first_id("pay", -1) == "pay_000000000000"


@pytest.mark.parametrize("text", ["", "pay", "pay_", "pay_xyz", "_"])
def test_what_is_no_id_carries_no_moment(text: str) -> None:
    assert made_at_us(text) == 0


def test_while_a_clock_relives_a_time_ids_go_on_at_half_the_pace_until_it_has_caught_up() -> None:
    machine = Machine()
    source = machine.source()
    assert source.id_us() == START_US
    machine.clock_us -= 10 * SECOND_US
    assert source.id_us() == START_US
    machine.go_on(4)
    assert source.id_us() == START_US + 2 * SECOND_US
    machine.go_on(4)
    assert source.id_us() == START_US + 4 * SECOND_US
    machine.go_on(8)
    assert source.id_us() == machine.clock_us == START_US + 6 * SECOND_US
    machine.go_on(100)
    newest_us = source.id_us()
    machine.clock_us -= SECOND_US
    assert source.id_us() == newest_us, "the next leap is counted from where it happens"


@pytest.mark.parametrize(("back_us", "is_relived"), [(RELIVED_LIMIT_US, True), (RELIVED_LIMIT_US + 1, False)])
def test_beyond_a_day_it_was_the_clock_before_that_was_wrong(back_us: int, *, is_relived: bool) -> None:
    machine = Machine()
    source = machine.source()
    source.id_us()
    machine.clock_us -= back_us
    assert source.id_us() == (START_US if is_relived else machine.clock_us)


def test_a_process_goes_on_after_the_newest_that_the_one_before_left() -> None:
    machine = Machine()
    source = machine.source()
    newest = first_id("ntf", START_US + 5 * SECOND_US) + "f" * 16
    source.go_on_after(newest)
    after_us = source.id_us()
    assert newest < source.new_id("ntf") < first_id("ntf", START_US + 6 * SECOND_US)
    source.go_on_after(first_id("ntf", START_US + SECOND_US))
    assert source.id_us() == after_us, "an older one takes nothing back"
    source.go_on_after("")
    assert source.id_us() == after_us


def test_what_lies_more_than_a_day_ahead_was_made_by_a_clock_that_was_wrong() -> None:
    machine = Machine()
    source = machine.source()
    source.go_on_after(first_id("ntf", START_US + RELIVED_LIMIT_US))
    assert source.id_us() == START_US


@pytest.mark.parametrize("leap_us", [-10 * SECOND_US, 3_600 * SECOND_US])
def test_what_was_begun_anew_has_no_moment_before_it(leap_us: int) -> None:
    machine = Machine()
    source = machine.source()
    source.id_us()
    source.remember()
    machine.clock_us += leap_us
    source.begin_anew()
    assert source.id_us() == machine.clock_us
    assert source.settled_us(SECOND_US) == machine.clock_us - SECOND_US


# ── how far a cursor may go ──


def remembering(machine: Machine, times: int) -> Source:
    """A source that has noted the moment every five seconds, as the timekeeper does."""
    source = machine.source()
    for _ in range(times):
        source.remember()
        machine.go_on(5)
    return source


def test_what_is_settled_lies_so_far_back() -> None:
    machine = Machine()
    assert machine.source().settled_us(2 * SECOND_US) == START_US - 2 * SECOND_US
    source = remembering(machine, 4)
    assert source.settled_us(7 * SECOND_US) == machine.clock_us - 10 * SECOND_US, "as it was noted before"
    assert source.settled_us(10 * SECOND_US) == machine.clock_us - 10 * SECOND_US


def test_a_leap_ahead_takes_what_is_settled_along_when_it_is_so_far_back() -> None:
    machine = Machine()
    source = remembering(machine, 3)
    before_us = machine.clock_us
    machine.clock_us += 3_600 * SECOND_US
    source.remember()
    assert source.settled_us(5 * SECOND_US) == before_us - 5 * SECOND_US
    machine.go_on(5)
    assert source.settled_us(5 * SECOND_US) == before_us + 3_600 * SECOND_US


def test_what_is_longer_ago_than_anything_that_was_noted_is_reckoned_from_the_oldest_note() -> None:
    machine = Machine()
    source = remembering(machine, PAST_MOMENTS + 3)
    oldest_us = machine.clock_us - PAST_MOMENTS * 5 * SECOND_US
    machine.clock_us += 3_600 * SECOND_US
    assert source.settled_us(PAST_MOMENTS * 5 * SECOND_US + 60) == oldest_us - 60


def test_a_leap_back_holds_back_what_is_settled() -> None:
    machine = Machine()
    source = remembering(machine, 3)
    machine.clock_us -= 100 * SECOND_US
    assert source.settled_us(SECOND_US) <= source.id_us() - SECOND_US


def test_the_moments_that_are_noted_are_those_of_ids() -> None:
    machine = Machine()
    source = machine.source()
    source.id_us()
    machine.clock_us -= 100 * SECOND_US
    source.remember()
    machine.go_on(5)
    assert source.settled_us(5 * SECOND_US) == source.id_us() - 5 * SECOND_US


def test_without_a_steady_clock_what_is_settled_goes_by_the_clock_alone() -> None:
    machine = Machine()
    source = Source(lambda: machine.clock_us, bytes)
    source.remember()
    machine.go_on(100)
    assert source.settled_us(SECOND_US) == START_US + 99 * SECOND_US


# ── the clock of the database ──


def test_the_machines_own_clock_is_told_by_how_much_it_is_ahead() -> None:
    machine = Machine()
    common = CommonClock(lambda: machine.clock_us, lambda: machine.steady_us)
    assert (common(), common.own_is_ahead_us) == (START_US, 0)
    common.hear(START_US - 60 * SECOND_US, machine.steady_us, machine.steady_us)
    assert (common(), common.own_is_ahead_us) == (START_US - 60 * SECOND_US, 60 * SECOND_US)


# ── randomness ──


def test_no_byte_is_given_out_twice() -> None:
    well = Well()
    lengths = [8] * (DRAUGHT_BYTES // 8 + 3) + [5, DRAUGHT_BYTES + 7, 8, DRAUGHT_BYTES - 8, 1, 8]
    drawn = [well.draw(length) for length in lengths]
    assert [len(one) for one in drawn] == lengths
    long = [one for one in drawn if len(one) >= 5]
    assert len({one[:5] for one in long} | {one[-5:] for one in long}) >= len(long)
    assert len(set(drawn)) == len(drawn)
