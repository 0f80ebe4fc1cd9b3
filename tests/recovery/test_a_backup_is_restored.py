"""A backup taken under load, restored into another installation: what was acknowledged before it began is there."""

import asyncio
import errno
import itertools
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from journal.making import app
from journal.test_a_spill_keeps_what_it_acknowledged import no_file_longer_than
from recovery.troubles import can_mount, read_only, small_disk
from services.ports import free_port
from services.postgres import PostgresServer
from services.programs import Done, command
from services.town import FINAL, QUICK, Gateway, Town
from services.waiting import until
from wakala.cli import safekeeping
from wakala.config import DatabaseSettings, Settings, load
from wakala.errors import DatabaseAwayError, DatabaseBusyError, DatabaseFaultError
from wakala.journal import archive
from wakala.journal.journal import Journal
from wakala.journal.migrations import applied, known, migrate
from wakala.journal.postgres import GATEWAY_NAME, PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.store import database

pytestmark = pytest.mark.timeout(300)  # a dozen programs are started in turn, on a machine that may be busy

# The restored gateway lives as long as the test: the first one's questions are long over by then.
ENOUGH = 40
HANDS = 4


@pytest.fixture
def other_database_url(database_url: str, postgres_server: PostgresServer) -> Iterator[str]:
    if database_url.startswith("sqlite"):
        yield "sqlite:///wakala.db"
        return
    with postgres_server.database() as url:
        yield url


class Shop:
    """Sends orders one after another from several hands, and remembers which were acknowledged."""

    def __init__(self, town: Town, gateway: Gateway) -> None:
        self.town = town
        self.gateway = gateway
        self.acknowledged: list[str] = []
        self.number = 0
        self.closed = False

    async def open(self) -> None:
        await asyncio.gather(*(self._hand() for _ in range(HANDS)))

    async def _hand(self) -> None:
        while not self.closed:
            n, self.number = self.number, self.number + 1
            order: dict[str, Any] = {"SenderMSISDN": f"2547{n:08d}", "AccountReference": f"A{n}", "Amount": 10 + n % 90}
            answer = await self.town.pay(self.gateway, f"ORDER-{n}", **order)
            assert answer.status == 202, answer
            self.acknowledged.append(f"ORDER-{n}")


async def another_installation(town: Town, folder: Path, database_url: str) -> Town:
    """As an operator makes it: init, the key file of the first one, nothing else."""
    port = free_port()
    made = await command(
        *("init", str(folder), "--port", str(port), "--sandbox-url", town.simulator_url),
        *("--database-url", database_url),
    )
    assert made.code == 0, made.err
    (folder / "wakala.key").write_text((town.folder / "wakala.key").read_text())
    other = Town(folder, town.session, town.merchant, town.simulator_url, port)
    other.credentials = town.credentials
    return other


async def test_a_backup_under_load_brings_back_what_was_acknowledged_and_asks_about_the_rest(
    town: Town, tmp_path: Path, other_database_url: str
) -> None:
    gateway = await town.serve()
    await town.autopilot(answer_after_ms=700, pay=4, cancel=1)  # so that some are open at any moment
    shop = Shop(town, gateway)
    open_for_business = asyncio.create_task(shop.open())
    await until(lambda: len(shop.acknowledged) >= ENOUGH, "orders that come in")
    before = set(shop.acknowledged)
    file = tmp_path / "backup"
    done = await town.run("backup", str(file))
    assert done.code == 0, done.err
    assert "NOT in it" in done.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    at_backup = set(shop.acknowledged)
    await until(lambda: len(shop.acknowledged) >= len(at_backup) + 5, "orders after the backup")
    shop.closed = True
    await open_for_business
    await gateway.program.kill()
    prompts_before = {prompt["account"] for prompt in await town.prompts()}

    other = await another_installation(town, tmp_path / "other", other_database_url)
    restored = await other.run("restore", str(file))
    assert restored.code == 0, restored.err
    after = await other.serve(finisher__schedule_s="0.4,0.8,1.5,3,6,12", finisher__expire_s="20")
    try:
        payments = await other.all_payments(after)
        assert before <= set(payments)
        await until(lambda: all_final(other, after), "every payment at its end")
        await _ended_right(other, after, prompts_before)
    finally:
        await after.program.terminate()


async def all_final(town: Town, gateway: Gateway) -> bool:
    return all(payment["State"] in FINAL for payment in (await town.all_payments(gateway)).values())


async def _ended_right(town: Town, gateway: Gateway, prompts_before: set[str]) -> None:
    """Money here is money at M-Pesa, nothing was prompted for again, and each outcome was told as one."""
    prompts = {prompt["account"]: prompt for prompt in await town.prompts()}
    assert set(prompts) == prompts_before
    assert len(prompts) == len(await town.prompts())
    states = set()
    in_doubt = 0
    for request_id, payment in (await town.all_payments(gateway)).items():
        prompt = prompts[payment["AccountReference"]]
        states.add(payment["State"])
        told = {note.payment["State"] for note in town.merchant.by_request[request_id]}
        if payment["CheckoutRequestID"]:
            assert (payment["State"] == "succeeded") == (prompt["state"] == "paid"), (payment, prompt)
            assert told == {payment["State"]}
        else:  # the backup fell between the intent and M-Pesa's answer: nobody can ask, so it is not called failed
            in_doubt += 1
            assert payment["State"] == "expired"
    assert "succeeded" in states
    assert in_doubt <= HANDS


async def backed_up(town: Town, file: Path) -> Done:
    gateway = await town.serve()
    await town.autopilot(pay=1)
    await town.pay(gateway, "ORDER-1")
    await town.is_told("ORDER-1")
    await town.is_delivered(gateway, "ORDER-1")
    done = await town.run("backup", str(file), "--json")
    assert done.code == 0, done.err
    return done


async def test_restoring_refuses_what_would_do_harm(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    await backed_up(town, file)

    there = await town.run("backup", str(file))
    assert there.code == 1
    assert "--force" in there.err
    running = await town.run("restore", str(file), "--force")
    assert running.code == 1
    assert "stop" in running.err
    assert await town.gateways[0].program.terminate() == 0
    used = await town.run("restore", str(file))
    assert used.code == 1
    assert "--force" in used.err

    torn = tmp_path / "torn"
    torn.write_bytes(file.read_bytes()[:-4_096] if town_is_sqlite(town) else file.read_bytes()[:200])
    damaged = await town.run("restore", str(torn), "--force")
    assert damaged.code == 1, damaged.err
    assert "Traceback" not in damaged.err
    foreign = tmp_path / "foreign"
    foreign.write_text("ORDER-1 was paid, I swear")
    assert "no backup of Wakala's" in (await town.run("restore", str(foreign), "--force")).err

    key = town.folder / "wakala.key"
    right, wrong = key.read_text(), "f" * 64 + "\n"
    key.write_text(wrong)
    refused = await town.run("restore", str(file), "--force")
    assert refused.code == 1
    assert "Put the key file" in refused.err
    key.write_text(right)

    again = await town.serve()  # all those refusals have changed nothing
    assert (await town.payment(again, "ORDER-1"))["State"] == "succeeded"


def town_is_sqlite(town: Town) -> bool:
    return (town.folder / "wakala.db").exists()


def files_in(folder: Path) -> set[Path]:
    return set(folder.iterdir())


async def alter(town: Town, statement: str) -> None:
    """Somebody's hand in the database, while no gateway runs."""
    store = database(load(town.folder / "wakala.toml"))
    await store.open()
    try:
        await store.script(statement)
    finally:
        await store.close()


async def test_a_restore_that_fails_at_its_last_step_leaves_the_database_as_it_was(town: Town, tmp_path: Path) -> None:
    """The last step sees to it that nothing is sent again: a backup in place without it would pay twice."""
    file = tmp_path / "backup"
    gateway = await town.serve()
    await town.autopilot(pay=1)
    await town.fault("token", "error_503", times=1_000)
    assert (await town.pay(gateway, "ORDER-1")).body["State"] == "held"
    assert await gateway.program.terminate() == 0
    await alter(town, "UPDATE payments SET version = version - 1")  # the number of the event to come is taken
    assert (await town.run("backup", str(file))).code == 0
    await alter(town, "UPDATE payments SET version = version + 1")
    (await town.session.delete(f"{town.simulator_url}/simulator/faults")).raise_for_status()
    gateway = await town.serve()
    await town.is_told("ORDER-1")
    assert await gateway.program.terminate() == 0

    failed = await town.run("restore", str(file), "--force")
    assert failed.code == 1, failed.out
    assert "Traceback" not in failed.err
    after = await town.serve()
    assert (await town.payment(after, "ORDER-1"))["State"] == "succeeded"
    assert len(await town.prompts()) == 1


async def test_a_used_database_that_does_not_answer_is_not_taken_for_an_unused_one(postgres_url: str) -> None:
    store = PostgresDatabase(postgres_url)
    await store.open()
    await migrate(store)
    await Journal(store).add_organisation("org_1", "Duka", 1)
    await store.close()
    other = await asyncpg.connect(postgres_url)
    async with other.transaction():  # a VACUUM FULL, say, or another restore
        await other.execute("LOCK TABLE organisations IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseAwayError):
            await safekeeping._refuse_used(PostgresDatabase(postgres_url), "here")
    await other.close()


async def test_tables_in_a_schema_that_bears_the_roles_name_are_restored(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    name = "wakala_" + secrets.token_hex(6)
    postgres_server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
    postgres_server.execute(f"CREATE DATABASE {name}")  # by somebody else, as a provider gives it
    postgres_server.execute(f"CREATE SCHEMA {name} AUTHORIZATION {name}", database=name)
    url = f"postgresql://{name}:secret@127.0.0.1:{postgres_server.port}/{name}"
    newest, file = known("postgres")[-1].number, tmp_path / "backup"
    store = PostgresDatabase(url)
    await store.open()
    await migrate(store)
    await Journal(store).add_organisation("org_1", "Duka", 1)
    archive.dump_postgres(url, file)
    await Journal(store).add_organisation("org_2", "Later", 1)
    await store.close()
    for place in ("the same server", "another, where nobody has made the schema yet"):
        archive.load_postgres(url, file, newest, 2)
        store = PostgresDatabase(url)
        await store.open()
        assert await Journal(store).organisations() == {"org_1": "Duka"}, place
        assert await applied(store) == newest
        await store.close()
        postgres_server.execute(f"DROP SCHEMA {name} CASCADE", database=name)
        postgres_server.execute(f"ALTER DATABASE {name} OWNER TO {name}")
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    postgres_server.execute(f"DROP ROLE {name}")


async def test_what_lies_beside_a_backup_is_left_alone(tmp_path: Path, postgres_url: str) -> None:
    file, neighbour = tmp_path / "backup", tmp_path / "backup.sql"
    neighbour.write_text("-- pg_dump of last night")
    before = files_in(tmp_path)
    store = PostgresDatabase(postgres_url)
    await store.open()
    await migrate(store)
    await Journal(store).add_organisation("org_1", "Duka", 1)
    await store.close()
    archive.dump_postgres(postgres_url, file)
    archive.load_postgres(postgres_url, file, known("postgres")[-1].number, 2)
    assert neighbour.read_text() == "-- pg_dump of last night"
    assert files_in(tmp_path) == before | {file}


@pytest.mark.skipif(not can_mount(), reason="only root may mount a disk")
async def test_a_backup_on_a_disk_that_takes_no_writes_is_restored(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot, a disk of backups that is mounted for the occasion; and its name may begin like an option."""
    store = PostgresDatabase(postgres_url)
    await store.open()
    await migrate(store)
    await Journal(store).add_organisation("org_1", "Duka", 1)
    with small_disk(tmp_path / "disk") as disk:
        archive.dump_postgres(postgres_url, disk / "--backup")
        await Journal(store).add_organisation("org_2", "Later", 1)
        await store.close()
        monkeypatch.chdir(disk)
        with read_only(disk):
            assert archive.contents(Path("--backup")).dialect == "postgres"
            archive.load_postgres(postgres_url, Path("--backup"), known("postgres")[-1].number, 2)
        monkeypatch.chdir(tmp_path)
    store = PostgresDatabase(postgres_url)
    await store.open()
    assert await Journal(store).organisations() == {"org_1": "Duka"}
    await store.close()


async def test_what_a_backup_holds_is_read_whatever_an_app_is_called(tmp_path: Path, postgres_url: str) -> None:
    file, shop = tmp_path / "backup", app(name="Duka\u2028la\x85Juma\x1c\t\\na \\. wana")
    store = PostgresDatabase(postgres_url)
    await store.open()
    await migrate(store)
    await Journal(store).add_organisation("org_1", "Duka", 1)
    await Journal(store).add_app(shop)
    await store.close()
    archive.dump_postgres(postgres_url, file)
    sealed = ("apps.webhook_secret", shop.id, shop.data_key, shop.webhook_secret)
    assert archive.contents(file) == archive.Contents("postgres", known("postgres")[-1].number, (sealed,))


async def test_a_gateway_that_connects_before_the_backup_is_in_place_stops_the_restore(
    tmp_path: Path, postgres_url: str
) -> None:
    file, newest = tmp_path / "backup", known("postgres")[-1].number
    store = PostgresDatabase(postgres_url, name=GATEWAY_NAME)
    await store.open()
    try:
        await migrate(store)
        archive.dump_postgres(postgres_url, file)
        await Journal(store).add_organisation("shop", "Shop", 1)
        with pytest.raises(DatabaseFaultError, match="a gateway has connected meanwhile"):
            archive.load_postgres(postgres_url, file, newest, 1)
        assert "shop" in await Journal(store).organisations()
    finally:
        await store.close()
    archive.load_postgres(postgres_url, file, newest, 1)


async def test_a_backup_of_an_older_schema_is_brought_to_the_newest(
    tmp_path: Path, database_url: str, town: Town, other_database_url: str
) -> None:
    old = await another_installation(town, tmp_path / "old", other_database_url)
    file = tmp_path / "backup"
    store = database(load(old.folder / "wakala.toml"))
    await store.open()
    await migrate(store, up_to=1)
    await store.close()
    assert (await old.run("backup", str(file))).code == 0
    restored = await town.run("restore", str(file), "--force")
    assert restored.code == 0, restored.err
    store = database(load(town.folder / "wakala.toml"))
    await store.open()
    assert await applied(store) == known(store.dialect)[-1].number
    await store.close()


async def test_a_restore_in_place_goes_back_to_the_backup_and_sends_nothing_that_was_waiting(
    town: Town, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    gateway = await town.serve(finisher__schedule_s="600", finisher__expire_s="900")
    await town.autopilot(pay=1)
    await town.fault("token", "error_503", times=3)  # so that the request is held, and sent a little later
    assert (await town.pay(gateway, "ORDER-1")).body["State"] == "held"
    done = await town.run("backup", str(file))
    assert done.code == 0, done.err
    await town.is_told("ORDER-1")
    assert await gateway.program.terminate() == 0
    assert len(await town.prompts()) == 1

    restored = await town.run("restore", str(file), "--force")
    assert restored.code == 0, restored.err
    short = QUICK | {"finisher__expire_s": "2", "finisher__schedule_s": "0.3,0.6"}
    after = await town.serve(**short)
    await until(lambda: all_final(town, after), "the payment at its end")
    trace = await town.trace(after, "ORDER-1")
    assert "restored" in [entry["Name"] for entry in trace["Entries"]]
    assert len(await town.prompts()) == 1  # the prompt that went out after the backup stays the only one
    again = await town.pay(after, "ORDER-1")
    assert again.status == 202
    assert len(await town.prompts()) == 1


# ── SQLite: two files in turn under one name ──

FILE_CALLS = ("fsync", "link", "rename", "replace", "unlink")


class KilledError(BaseException):
    """The process ends here."""


def killed_at(planted: pytest.MonkeyPatch, point: int) -> None:
    """The process ends at that call to the system's functions for files, which then does not happen."""
    calls = itertools.count()

    def ends(function: Callable[..., None]) -> Callable[..., None]:
        def call(*given: Any, **more: Any) -> None:
            if next(calls) == point:
                raise KilledError
            function(*given, **more)

        return call

    for name in FILE_CALLS:
        planted.setattr(os, name, ends(getattr(os, name)))


async def organisations(path: Path) -> set[str]:
    """Of the store as the next start finds it."""
    store = SqliteDatabase(path)
    await store.open()
    try:
        return set(await Journal(store).organisations())
    finally:
        await store.close()


async def left_by_a_killed_gateway(folder: Path, *names: str) -> Path:
    """A database whose last commits are in its log."""
    store = SqliteDatabase(folder / "running" / "wakala.db")
    await store.open()
    try:
        await migrate(store)
        for name in names:
            await Journal(store).add_organisation(name, name, 1)
        path = Path(shutil.copytree(folder / "running", folder / "killed")) / "wakala.db"
        assert path.with_name("wakala.db-wal").stat().st_size > 0
    finally:
        await store.close()
        shutil.rmtree(folder / "running")
    return path


async def test_whenever_a_restore_is_killed_the_old_or_the_new_database_is_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await left_by_a_killed_gateway(tmp_path, "shop")
    backup = tmp_path / "backup"
    archive.copy_sqlite(before, backup)
    shutil.rmtree(before.parent)
    was = await left_by_a_killed_gateway(tmp_path, "shop", "late")
    found = []
    for point in itertools.count():
        path = Path(shutil.copytree(was.parent, tmp_path / str(point))) / "wakala.db"
        path.with_name("wakala.db.replaced-wal").write_bytes(b"of an earlier restore")
        try:
            with monkeypatch.context() as planted:
                killed_at(planted, point)
                await safekeeping._restored_sqlite(path, backup, force=True)
        except KilledError:
            assert path.exists(), point
            found.append("late" in await organisations(path))
            continue
        break
    assert found == sorted(found, reverse=True)
    assert set(found) == {True, False}
    assert await organisations(path) == {"shop"}
    assert await organisations(path.with_name("wakala.db.replaced")) == {"shop", "late"}


async def test_a_database_that_cannot_be_read_gives_way_to_the_backup(tmp_path: Path) -> None:
    path = await left_by_a_killed_gateway(tmp_path, "shop")
    backup = tmp_path / "backup"
    archive.copy_sqlite(path, backup)
    broken = b"no database any more" * 500
    path.write_bytes(broken)
    await safekeeping._restored_sqlite(path, backup, force=True)
    assert await organisations(path) == {"shop"}
    assert path.with_name("wakala.db.replaced").read_bytes() == broken


async def test_a_database_that_is_not_replaced_after_all_keeps_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that fails, say. Without its log it would have lost its last commits, and nobody was told."""
    backup, limit_bytes = tmp_path / "backup", 400_000
    archive.copy_sqlite(await left_by_a_killed_gateway(tmp_path / "small", "shop"), backup)
    path = await left_by_a_killed_gateway(tmp_path, *(f"{number:05d}" * 2_000 for number in range(60)))
    log = path.with_name("wakala.db-wal")
    assert backup.stat().st_size < limit_bytes < log.stat().st_size  # which so does not go into its file
    before = log.read_bytes()

    def failing(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as planted, no_file_longer_than(limit_bytes):
        planted.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="Input/output"):
            await safekeeping._restored_sqlite(path, backup, force=True)
    assert log.read_bytes() == before
    assert len(await organisations(path)) == 60


async def test_a_database_that_another_program_has_open_is_not_replaced(tmp_path: Path) -> None:
    """When it ended it would take the log of the new one for its own."""
    path = await left_by_a_killed_gateway(tmp_path, "shop", "late")
    backup = tmp_path / "backup"
    archive.copy_sqlite(path, backup)
    reader = SqliteDatabase(path)
    await reader.open()
    try:
        with pytest.raises(DatabaseBusyError, match="end it first"):
            await safekeeping._restored_sqlite(path, backup, force=True)
    finally:
        await reader.close()
    assert await organisations(path) == {"shop", "late"}


@pytest.mark.parametrize("limit_bytes", [4_096, 65_536])
async def test_a_disk_that_is_full_half_way_is_left_as_it_was(tmp_path: Path, limit_bytes: int) -> None:
    """What is left of a restore there would keep the gateway from writing, and lie about in the open."""
    path = await left_by_a_killed_gateway(tmp_path, "shop", "late")
    backup = tmp_path / "backups" / "backup"
    backup.parent.mkdir()
    archive.copy_sqlite(path, backup)
    assert backup.stat().st_size > limit_bytes
    before = files_in(path.parent)
    with no_file_longer_than(limit_bytes), pytest.raises(DatabaseFaultError):
        await safekeeping._restored_sqlite(path, backup, force=True)
    assert files_in(path.parent) - before == {path.with_name("wakala.db.lock")}
    with no_file_longer_than(limit_bytes), pytest.raises(DatabaseFaultError):
        safekeeping._copied(settings_of(path), backup.with_name("next.partial"), backup.with_name("next"))
    assert files_in(backup.parent) == {backup}
    assert await organisations(path) == {"shop", "late"}


def settings_of(path: Path) -> Settings:
    return Settings(database=DatabaseSettings(f"sqlite:///{path}"))
