"""Look-ups on PostgreSQL: a crowd asks one question, nobody is given an answer that is too old, faults are told."""

import asyncio
from collections.abc import Sequence

import pytest

from journal.making import NOW_US, opening, payment
from wakala.errors import DatabaseFaultError
from wakala.journal.database import Database, Row
from wakala.journal.journal import Journal
from wakala.journal.lookups import Lookups
from wakala.journal.together import for_many


class Asked:
    """A database that answers when it is told to, from what it holds at that moment."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {"a": 1, "b": 2}
        self.questions: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self.fault: Exception | None = None

    async def ask(self, keys: list[str]) -> Sequence[Row]:
        self.questions.append(keys)
        held = {key: self.rows[key] for key in keys if key in self.rows}
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        return list(held.items())


async def begun(lookups: Lookups, *keys: str) -> list["asyncio.Task[Sequence[Row]]"]:
    """Look-ups of which the first question is under way."""
    tasks = [asyncio.create_task(lookups.find(key)) for key in keys]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_who_asks_in_one_turn_shares_a_question_and_is_given_his_own_row() -> None:
    asked = Asked()
    tasks = await begun(Lookups(asked.ask), "a", "b", "a", "nobody")
    asked.may_answer.set()
    assert await asyncio.gather(*tasks) == [[("a", 1)], [("b", 2)], [("a", 1)], []]
    assert asked.questions == [["a", "b", "nobody"]]


async def test_who_asks_while_a_question_is_under_way_is_given_a_newer_answer() -> None:
    asked = Asked()
    lookups = Lookups(asked.ask)
    early = await begun(lookups, "a")
    asked.rows["a"] = 7
    late = await begun(lookups, "a")
    asked.may_answer.set()
    assert await asyncio.gather(*early, *late) == [[("a", 1)], [("a", 7)]]
    assert asked.questions == [["a"], ["a"]]


async def test_a_fault_is_told_to_those_who_asked_and_to_nobody_later() -> None:
    asked = Asked()
    lookups = Lookups(asked.ask)
    tasks = await begun(lookups, "a", "b")
    asked.fault = DatabaseFaultError()
    asked.may_answer.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in told] == [DatabaseFaultError] * 2
    asked.fault = None
    assert await lookups.find("b") == [("b", 2)]


async def test_who_left_is_passed_over() -> None:
    asked = Asked()
    stays, leaves = await begun(Lookups(asked.ask), "a", "a")
    leaves.cancel()
    asked.may_answer.set()
    assert await stays == [("a", 1)]


async def test_a_crowd_is_given_its_own_payments(journal: Journal) -> None:
    made = [opening(payment())[-1] for _ in range(40)]
    for change in made:
        assert await journal.open_payment([change], None)
    ids = [change.payment.id for change in made]
    found = await asyncio.gather(*(journal.payment(one) for one in [*ids, "pay_nobody", *ids]))
    assert [one.id if one else None for one in found] == [*ids, None, *ids]


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_payment_is_seen_as_it_is_after_the_change_that_was_waited_for(
    database: Database, journal: Journal
) -> None:
    del database
    change = opening(payment())[-1]
    assert await journal.open_payment([change], None)
    for number in range(20):
        before = await journal.payment(change.payment.id)
        assert before is not None
        assert await journal.claim_payment(before, NOW_US + number + 2)
        after = await journal.payment(change.payment.id)
        assert after is not None
        assert after.next_check_us == NOW_US + number + 2


def test_only_what_looks_up_one_key_can_be_asked_for_many() -> None:
    assert for_many("payment_by_id").endswith("WHERE id = ANY($1)")
    with pytest.raises(ValueError, match="payments_listed"):
        for_many("payments_listed")
