"""Who follows the exchanges sees each of them, and is told a cursor that has passed none which he has not seen."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from journal.making import NOW_US, app, counting_source, exchange, opening, payment
from services.waiting import until
from wakala.cli import tail_visits
from wakala.cli.tail_visits import PREFIX, Wanted, _filter, _Tail
from wakala.config import Settings, write_private
from wakala.errors import DatabaseAwayError
from wakala.identity import first_id
from wakala.journal.database import Row
from wakala.journal.journal import PAGE_LIMIT_ROWS, Journal
from wakala.rules.accounts import Environment
from wakala.rules.payment import Scope
from wakala.rules.tailing import Filter

HOUR_US = 3_600_000_000
LOOK_ROWS = 20
LIMIT_S = 20


class Screen:
    """What was shown, and how it is ended."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.warned: list[str] = []
        self.ended = asyncio.Event()
        self.now_us = NOW_US

    def show(self, view: dict[str, str]) -> None:
        self.shown.append(view["ID"])

    def tail(self, journal: Journal) -> _Tail:
        return _Tail(journal, Filter(), self.show, self.warned.append, lambda: self.now_us)


async def written(journal: Journal, count: int) -> list[str]:
    """So many at once, each ended; their IDs in order."""
    made = [exchange(status=200) for _ in range(count)]
    await asyncio.gather(*(journal.record_exchange(one) for one in made))
    return [one.id for one in made]


class EndedEarly(Screen):
    """Somebody presses Ctrl-C as soon as the first is there: the loop hears of it in its next turn."""

    def show(self, view: dict[str, str]) -> None:
        super().show(view)
        asyncio.get_running_loop().call_soon(self.ended.set)


async def test_who_ends_it_while_it_catches_up_goes_on_after_the_last_that_was_shown(journal: Journal) -> None:
    ids = await written(journal, 3 * PAGE_LIMIT_ROWS)
    screen, again = EndedEarly(), Screen()
    screen.now_us = again.now_us = NOW_US + 24 * HOUR_US
    cursor = await screen.tail(journal).follow(first_id(PREFIX, 0), screen.ended)
    assert len(screen.shown) < len(ids), "it ended when it was told to"
    following = asyncio.create_task(again.tail(journal).follow(cursor, again.ended))
    await until(lambda: len(screen.shown + again.shown) >= len(ids), "the rest of them", LIMIT_S)
    again.ended.set()
    await following
    assert screen.shown + again.shown == ids


async def test_what_came_while_it_stood_still_is_shown_however_much_it_is(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_visits, "WINDOW_ROWS", LOOK_ROWS)
    screen = Screen()
    following = asyncio.create_task(screen.tail(journal).follow(first_id(PREFIX, 0), screen.ended))
    first = await written(journal, 1)
    await until(lambda: screen.shown == first, "the first one")
    meanwhile = await written(journal, 5 * LOOK_ROWS)
    screen.now_us += HOUR_US
    await until(lambda: len(screen.shown) > len(meanwhile), "all that came meanwhile", LIMIT_S)
    screen.ended.set()
    await following
    assert sorted(screen.shown) == first + meanwhile


async def test_what_is_about_to_be_shown_when_the_database_goes_away_is_shown_when_it_is_back(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.add_organisation("org_1", "one", NOW_US)
    made = payment("ORDER-17")
    assert await journal.open_payment(opening(made), None)
    told = exchange(made, status=200)
    await journal.record_exchange(told)
    database, screen = journal._database, Screen()

    async def fetch(statement: str, row: Row = ()) -> Sequence[Row]:
        if statement == "payment_by_id":
            monkeypatch.delattr(database, "fetch")
            raise DatabaseAwayError
        return await type(database).fetch(database, statement, row)

    monkeypatch.setattr(database, "fetch", fetch, raising=False)
    following = asyncio.create_task(screen.tail(journal).follow(first_id(PREFIX, 0), screen.ended))
    await until(lambda: len(screen.warned) > 0, "the database goes away")
    later = await written(journal, 1)
    await until(lambda: later[0] in screen.shown, "what came later", LIMIT_S)
    screen.ended.set()
    await following
    assert screen.shown == [told.id, *later]


async def test_a_request_of_that_name_is_followed_in_each_organisation_or_in_the_apps_own(
    journal: Journal, tmp_path: Path
) -> None:
    write_private(tmp_path / "wakala.key", "f" * 64)
    ids = []
    for name in ("one", "two", "three"):
        await journal.add_organisation(f"org_{name}", name, NOW_US)
        shop = app(f"org_{name}", name=f"shop-{name}")
        await journal.add_app(shop)
        scope = Scope(f"org_{name}", shop.id, "sc_1", "sandbox")
        made = payment("ORDER-17", scope=scope)
        assert await journal.open_payment(opening(made), None)
        ids.append(exchange(made, status=200))
        await journal.record_exchange(ids[-1])
    for apps, followed in (("", ids), ("shop-one", ids[:1]), ("shop-two", ids[1:2])):
        wanted = Wanted(apps, "ORDER-17", Environment.SANDBOX, "", is_failed=False)
        found = await _filter(Settings(home=str(tmp_path)), journal, counting_source(), wanted)
        assert [one.id for one in ids if found.holds(one)] == [one.id for one in followed]
