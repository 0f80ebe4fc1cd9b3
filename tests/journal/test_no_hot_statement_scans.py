"""Cost stays flat: every statement that runs for a request, a callback or a worker's turn goes through an index."""

import re
from importlib.resources import files

import pytest

from wakala.journal.database import Database, numbered, sql
from wakala.journal.postgres import PAYMENT_BY_ID, PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.journal.together import for_many

# Read whole on purpose: a few rows each, kept in memory by the directory, or the one-row ledger of migrations.
SMALL = {"apps_all", "shortcodes_all", "organisations_all", "directory_version", "migrations_newest", "directory_moved"}
SMALL |= {"endpoints_all", "signing_keys_all", "endpoint_health_all", "old_secrets_all", "data_keys"}
# Once at a start, over the partial index of open work or a few rows.
AT_START = {
    "duties_release",
    "payments_release",
    "notifications_release",
    "app_active",
    "app_bind",
    "app_callback_url",
    "shortcode_collector",
    "shortcode_registered",
}
# At a start, and while the clock relives a time that was: over the partial indexes of open work, or few rows.
AT_START |= {"payments_pull_in", "notifications_pull_in", "consumers_pull_in"}
# Once, by a person's command: `wakala restore`.
AT_START |= {"restored_events", "restored_payments", "store_is_used", "store_tables"}

STATEMENTS = sorted(file.name.removesuffix(".sql") for file in files("wakala.journal").joinpath("queries").iterdir())
HOT = [name for name in STATEMENTS if name not in SMALL | AT_START]


def test_no_statement_has_a_question_mark_that_is_not_a_placeholder() -> None:
    for name in STATEMENTS:
        text = sql(name, "sqlite")
        assert not any("?" in literal for literal in re.findall(r"'([^']*)'", text)), name
        assert numbered(text).count("$") == text.count("?"), name


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", HOT)
async def test_a_hot_statement_searches_by_an_index_on_sqlite(database: Database, name: str) -> None:
    assert isinstance(database, SqliteDatabase)
    text = sql(name, "sqlite")
    plan = database._reader.execute("EXPLAIN QUERY PLAN " + text, [None] * text.count("?")).fetchall()
    steps = [str(step[3]) for step in plan]
    scans = [
        s
        for s in steps
        if s.startswith("SCAN") and not re.match(r"SCAN (lanes|newest|page|CONSTANT ROW|\d+ CONSTANT)", s)
    ]
    assert scans == [], steps


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("name", HOT)
async def test_a_hot_statement_searches_by_an_index_on_postgres(database: Database, name: str) -> None:
    assert isinstance(database, PostgresDatabase)
    text = for_many(PAYMENT_BY_ID) if name == PAYMENT_BY_ID else sql(name, "postgres")
    values = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", text))))
    async with database._pool.acquire() as connection:
        await connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE hot AS {text}")
        plan = await connection.fetch(f"EXPLAIN EXECUTE hot({values})" if values else "EXPLAIN EXECUTE hot")
        await connection.execute("DEALLOCATE hot; RESET enable_seqscan; RESET plan_cache_mode")
    assert not [row[0] for row in plan if "Seq Scan" in row[0]], plan
