"""An app's secret is replaced once by whoever saw it; those before it let the app in no longer than was said."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from journal.making import NOW_US, app, new_id
from wakala.administration import Administration, NewApp
from wakala.directory import Directory
from wakala.errors import CallerError, UnauthenticatedError
from wakala.identity import Source
from wakala.journal.database import Database
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.accounts import OLD_SECRETS_LIMIT, App, AppSecret, BodyFormat
from wakala.rules.overlap import OVERLAP_MAX_S
from wakala.rules.signing import access_token, app_digest, stored_digest
from wakala.rules.vault import MasterKey

MASTER = MasterKey(b"m" * 32)
HOUR_S = 3_600
HOUR_US = HOUR_S * 1_000_000
_numbers = itertools.count(1)


class Clock:
    """Stands still until it is moved."""

    us = NOW_US

    def now_us(self) -> int:
        return self.us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(journal: Journal, clock: Clock) -> Administration:
    return Administration(journal, MASTER, Source(clock.now_us, lambda length: next(_numbers).to_bytes(length)))


@pytest.fixture
def directory(journal: Journal, clock: Clock) -> Directory:
    return Directory(journal, MASTER, {}, clock.now_us)


# ── what is written ──


async def two_organisations(journal: Journal) -> list[App]:
    """Two apps of one, and an app of another."""
    made = [app(), app(), app("org_2")]
    for organisation in ("org_1", "org_2"):
        await journal.add_organisation(organisation, organisation, NOW_US)
    for each in made:
        await journal.add_app(each)
    return made


def secret(of: App) -> AppSecret:
    return AppSecret(new_id("sec"), of.organisation_id, of.id, next(_numbers).to_bytes(32))


async def replaced(journal: Journal, of: App, until_us: int, at_us: int = NOW_US) -> App:
    """The app with another secret, which the one that it had stays beside until then."""
    new = secret(of)
    assert await journal.replace_secret(replace(of.secret, until_us=until_us), new, at_us)
    return replace(of, secret_id=new.id, digest=new.digest)


async def ends(journal: Journal) -> dict[str, int | None]:
    return {one.id: one.until_us for one in await journal.old_secrets()}


async def test_a_secret_is_replaced_in_one_app_and_kept_beside_the_new_one(journal: Journal) -> None:
    mine, other, theirs = await two_organisations(journal)
    version = await journal.directory_version()
    changed = await replaced(journal, mine, NOW_US + 9)
    assert await journal.apps() == [changed, other, theirs]
    assert await journal.old_secrets() == [replace(mine.secret, until_us=NOW_US + 9)]
    assert await journal.directory_version() > version, "or no gateway would look"


async def test_who_saw_a_secret_that_is_in_force_no_more_changes_nothing(journal: Journal) -> None:
    mine, other, theirs = await two_organisations(journal)
    changed = await replaced(journal, mine, NOW_US + 9)
    known, version = await ends(journal), await journal.directory_version()
    late = replace(mine.secret, until_us=NOW_US + 1)
    assert not await journal.replace_secret(late, secret(mine), NOW_US)
    seen = replace(changed.secret, until_us=NOW_US + 1)
    for stranger in (replace(secret(mine), organisation_id="org_2"), secret(other)):
        assert not await journal.replace_secret(seen, stranger, NOW_US)
    assert await journal.apps() == [changed, other, theirs]
    assert (await ends(journal), await journal.directory_version()) == (known, version)


async def test_none_lets_in_for_longer_than_the_last_that_was_replaced(journal: Journal) -> None:
    mine, _, _ = await two_organisations(journal)
    second = await replaced(journal, mine, NOW_US + 9)
    third = await replaced(journal, second, NOW_US + 20)
    assert await ends(journal) == {mine.secret_id: NOW_US + 9, second.secret_id: NOW_US + 20}
    await replaced(journal, third, NOW_US + 5)
    assert set((await ends(journal)).values()) == {NOW_US + 5}
    assert len(await ends(journal)) == 3


async def test_those_that_have_ended_are_forgotten_and_those_of_others_are_not_touched(journal: Journal) -> None:
    made = await two_organisations(journal)
    changed = [await replaced(journal, each, NOW_US + end) for each, end in zip(made, (9, 9, 50), strict=True)]
    again = await replaced(journal, changed[0], NOW_US + 30, at_us=NOW_US + 9)
    others = {made[1].secret_id: NOW_US + 9, made[2].secret_id: NOW_US + 50}
    assert await ends(journal) == {changed[0].secret_id: NOW_US + 30, **others}
    await replaced(journal, changed[1], NOW_US + 60)
    others[changed[1].secret_id] = NOW_US + 60
    await replaced(journal, again, NOW_US + 10, at_us=NOW_US + 10)
    assert await ends(journal) == others, "without an overlap nothing of it is left"


# ── what a gateway makes of it ──


async def added(desk: Administration, organisation: str = "Duka", name: str = "shop") -> NewApp:
    return await desk.add_app(organisation, name, None, BodyFormat.WAKALA)


async def rotated(desk: Administration, of: NewApp, overlap_s: float) -> str:
    """The new secret; the app is looked up anew, as the command line does."""
    return (await desk.rotate(await desk.app(of.app.id), overlap_s)).consumer_secret


class Door:
    """Who gets in: with a secret, and with a token that it bought while it let in."""

    def __init__(self, directory: Directory, of: App, consumer_secret: str, now_us: int) -> None:
        self.directory = directory
        self.app_id = of.id
        self.digest = app_digest(of.consumer_key, consumer_secret)
        bought_by = directory.secret_of_digest(self.digest, now_us)
        self.token = access_token(directory.token_key, bought_by.id, (now_us + 10 * HOUR_US) // 1_000_000)

    def is_open(self, now_us: int) -> bool:
        ways: list[Callable[[], App]] = [
            lambda: self.directory.app_of_digest(self.digest, now_us),
            lambda: self.directory.app_of_token(self.token, now_us),
        ]
        found = [_let_in(way) for way in ways]
        assert found in ([self.app_id] * 2, [None] * 2), "a token is as good as its secret"
        return found[0] is not None


def _let_in(way: Callable[[], App]) -> str | None:
    try:
        return way().id
    except UnauthenticatedError:
        return None


async def test_old_and_new_secret_let_in_until_the_overlap_is_over(
    desk: Administration, directory: Directory, clock: Clock
) -> None:
    made = await added(desk)
    other = await added(desk, name="other")
    await directory.refresh()
    old, others = [Door(directory, one.app, one.consumer_secret, clock.us) for one in (made, other)]
    secret_2 = await rotated(desk, made, HOUR_S)
    assert await directory.refresh()
    new = Door(directory, made.app, secret_2, clock.us)
    end_us = clock.us + HOUR_US
    for now_us, is_old_open in ((clock.us, True), (end_us - 1, True), (end_us, False), (end_us + HOUR_US, False)):
        assert (old.is_open(now_us), new.is_open(now_us)) == (is_old_open, True)
        assert others.is_open(now_us)


async def test_two_changes_in_an_overlap_leave_three_secrets_each_with_its_end(
    desk: Administration, directory: Directory, clock: Clock
) -> None:
    made = await added(desk)
    began_us, secrets = clock.us, [made.consumer_secret]
    for later_us in (0, HOUR_US // 2):
        clock.us = began_us + later_us
        secrets.append(await rotated(desk, made, HOUR_S))
    await directory.refresh()
    doors = [Door(directory, made.app, one, clock.us) for one in secrets]
    for halves, is_open in ((1, [True, True, True]), (2, [False, True, True]), (3, [False, False, True])):
        assert [door.is_open(began_us + halves * HOUR_US // 2) for door in doors] == is_open


async def test_without_an_overlap_all_before_it_end_and_no_clock_brings_them_back(
    desk: Administration, directory: Directory, clock: Clock
) -> None:
    made = await added(desk)
    secrets = [made.consumer_secret, await rotated(desk, made, HOUR_S)]
    await directory.refresh()
    doors = [Door(directory, made.app, one, clock.us) for one in secrets]
    last = await rotated(desk, made, 0)
    await directory.refresh()
    new = Door(directory, made.app, last, clock.us)
    for now_us in (clock.us, clock.us - 1, clock.us - HOUR_US):
        assert [door.is_open(now_us) for door in (*doors, new)] == [False, False, True]


async def test_a_disabled_app_is_let_in_by_none_of_its_secrets_and_is_given_new_ones(
    desk: Administration, directory: Directory, clock: Clock
) -> None:
    made = await added(desk)
    await directory.refresh()
    old = Door(directory, made.app, made.consumer_secret, clock.us)
    secret_2 = await rotated(desk, made, HOUR_S)
    await directory.refresh()
    new = Door(directory, made.app, secret_2, clock.us)
    for is_active in (False, True):
        await desk.set_active(made.app, is_active=is_active)
        await directory.refresh()
        assert [door.is_open(clock.us) for door in (old, new)] == [is_active] * 2
    await desk.set_active(made.app, is_active=False)
    await rotated(desk, made, 0)
    assert [one.is_active for one in await desk._journal.apps()] == [False], "a new secret lets nobody in by itself"


async def test_of_two_who_replace_a_secret_at_once_one_is_told(desk: Administration, journal: Journal) -> None:
    made = await added(desk)
    outcomes = await asyncio.gather(*(desk.rotate(made.app) for _ in range(2)), return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, CallerError)]
    assert len(refused) == 1
    assert "somebody else" in refused[0].sentence
    assert await ends(journal) == {made.app.secret_id: NOW_US + 24 * HOUR_US}


@pytest.mark.parametrize("overlap_s", [-1, OVERLAP_MAX_S + 1, float("inf"), float("nan")])
async def test_an_overlap_is_a_week_at_most(desk: Administration, journal: Journal, overlap_s: float) -> None:
    made = await added(desk)
    with pytest.raises(CallerError, match="The overlap is 0 to 604800 seconds"):
        await desk.rotate(made.app, overlap_s)
    assert await journal.apps() == [made.app]
    assert (await desk.rotate(made.app, OVERLAP_MAX_S)).old_until_us == NOW_US + 7 * 24 * HOUR_US


async def test_so_many_old_secrets_let_an_app_in_and_no_more(desk: Administration, clock: Clock) -> None:
    made, other = await added(desk), await added(desk, name="other")
    for _ in range(OLD_SECRETS_LIMIT):
        await rotated(desk, made, HOUR_S)
    with pytest.raises(CallerError, match="that is the limit"):
        await rotated(desk, made, HOUR_S)
    assert await rotated(desk, other, HOUR_S)
    assert await rotated(desk, made, 0), "it ends all of them"
    for _ in range(OLD_SECRETS_LIMIT):
        await rotated(desk, made, HOUR_S)
    clock.us += HOUR_US
    assert await rotated(desk, made, HOUR_S), "those have ended by themselves"


# ── an installation from before ──

BEFORE = 10
ROWS = """
INSERT INTO organisations (id, name, created_us) VALUES ('org_1', 'Duka', 1);
INSERT INTO apps (id, organisation_id, name, consumer_key, digest, data_key, webhook_secret, callback_url, body_format,
    live_shortcode_id, is_active, created_us)
VALUES ('app_1', 'org_1', 'shop', 'key', {digest}, 'sealed', 'sealed', NULL, 'wakala', NULL, 1, 1);
"""


@pytest.fixture(params=["sqlite", "postgres"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    store: Database
    if request.param == "sqlite":
        store = SqliteDatabase(tmp_path / "journal.db")
    else:
        store = PostgresDatabase(request.getfixturevalue("empty_postgres_url"))
    await store.open()
    yield store
    await store.close()


async def test_key_secret_and_token_of_an_older_version_go_on_letting_in(empty: Database) -> None:
    await migrate(empty, up_to=BEFORE)
    digest = app_digest("key", "secret")
    stored = stored_digest(digest).hex()
    literal = {"sqlite": f"x'{stored}'", "postgres": f"'\\x{stored}'"}[empty.dialect]
    await empty.script(ROWS.format(digest=literal))
    await migrate(empty)
    directory = Directory(Journal(empty), MASTER, {}, lambda: NOW_US)
    await directory.refresh()
    token = access_token(directory.token_key, "app_1", NOW_US // 1_000_000 + HOUR_S)
    assert directory.app_of_token(token, NOW_US) == directory.app_of_digest(digest, NOW_US)
    assert directory.secret_of_digest(digest, NOW_US).app_id == "app_1"
