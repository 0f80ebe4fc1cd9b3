"""The gateway's journal, read straight from the database: none of the gateway's code is believed."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from evidence import Journal, Owed, Payment
from processes.acknowledgements import digest
from services.postgres import PostgresServer, postgres_server

LOOK_LIMIT_S = 5.0
READ_LIMIT_S = 120.0
OPEN = "SELECT count(*) FROM payments WHERE state NOT IN ('succeeded', 'failed', 'expired')"
WAITING = "SELECT count(*) FROM notifications WHERE state = 'waiting'"
UNCLEAR = "SELECT count(*) FROM confirmations WHERE payment_id IS NULL"
PAID = "SELECT count(*) FROM payments WHERE state = 'succeeded'"
PULLED = "SELECT coalesce(min(pulled_us), 0) FROM shortcodes WHERE products LIKE '%pull%'"
COUNTS = f"SELECT ({OPEN}), ({WAITING}), ({UNCLEAR}), ({PAID}), ({PULLED})"
RELEASE = "UPDATE duties SET lease_us = 0 WHERE name LIKE 'pull %'"
TABLES = ("payments", "events", "notifications", "exchanges", "confirmations")


@dataclass(frozen=True, slots=True)
class Standing:
    """How much the gateway has left to do, and how far it has read M-Pesa's list (microseconds)."""

    open_payments: int
    waiting_notifications: int
    unclear_confirmations: int
    paid: int
    pulled_us: int

    @property
    def open_count(self) -> int:
        """All that is open."""
        return self.open_payments + self.waiting_notifications + self.unclear_confirmations


@contextmanager
def own_database(dialect: str) -> Iterator[tuple[PostgresServer | None, str]]:
    """An empty one for a run, by its URL; a server of its own with it, which may be killed."""
    if dialect == "sqlite":
        yield None, "sqlite:///wakala.db"
        return
    with postgres_server() as server:
        server.execute("CREATE DATABASE wakala")
        yield server, server.url("wakala")


class Store:
    """One database, whichever it is. ``url`` leads straight to it, by no line that is cut."""

    def __init__(self, url: str, home: Path) -> None:
        self._url = url
        self._file = home / url.removeprefix("sqlite:///") if url.startswith("sqlite") else None

    async def standing(self) -> Standing | None:
        """None while the database cannot be asked."""
        try:
            ((*counts,),) = await self._select(COUNTS, LOOK_LIMIT_S)
        except (OSError, TimeoutError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None
        return Standing(*counts)

    async def journal(self) -> Journal:
        """What the gateway wrote down, as the judge wants it."""
        payments = await self._select(
            "SELECT id, request_id, kind, state, amount_cents, receipt, evidence, flags, notifications, "
            "checkout_request_id FROM payments",
            READ_LIMIT_S,
        )
        owed = await self._select("SELECT id, payment_id, sequence, type, state FROM notifications", READ_LIMIT_S)
        bodies = await self._select(
            "SELECT request_body FROM exchanges WHERE direction = 'in' AND url LIKE '%/callbacks/%'",
            READ_LIMIT_S,
        )
        return Journal(
            payments=tuple(_payment(*row) for row in payments),
            owed=tuple(Owed(*row) for row in owed),
            callbacks=frozenset(digest(bytes(body)) for (body,) in bodies),
        )

    async def release_list(self) -> None:
        """A gateway that was killed while it read M-Pesa's list keeps others from it for five minutes.

        No setting shortens that, as others are shortened (`pace`), so it is done here once all is healed.
        """
        if self._file is not None:
            await asyncio.to_thread(_write_file, self._file, RELEASE)
            return
        async with asyncio.timeout(READ_LIMIT_S):
            connection = await asyncpg.connect(self._url, timeout=READ_LIMIT_S)
            try:
                await connection.execute(RELEASE)
            finally:
                await connection.close()

    async def dump(self, folder: Path) -> None:
        """Every row, for whoever studies a breach: a JSON line each."""
        for table in TABLES:
            rows = await self._select(f"SELECT * FROM {table}", READ_LIMIT_S, with_names=True)
            with (folder / f"journal-{table}.jsonl").open("w") as file:
                file.writelines(json.dumps(row, default=_text) + "\n" for row in rows)

    async def _select(self, statement: str, limit_s: float, *, with_names: bool = False) -> Sequence[Any]:
        if self._file is not None:
            return await asyncio.to_thread(_read_file, self._file, statement, with_names=with_names)
        async with asyncio.timeout(limit_s):
            connection = await asyncpg.connect(self._url, timeout=limit_s)
            try:
                found = await connection.fetch(statement)
            finally:
                connection.terminate()
        return [dict(row) if with_names else tuple(row) for row in found]


def _read_file(file: Path, statement: str, *, with_names: bool) -> Sequence[Any]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=LOOK_LIMIT_S)) as connection:
        cursor = connection.execute(statement)
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows] if with_names else rows


def _write_file(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file, timeout=READ_LIMIT_S)) as connection, connection:
        connection.execute(statement)


def _payment(
    id_: str,
    request_id: str,
    kind: str,
    state: str,
    amount_cents: int,
    receipt: str | None,
    evidence: str | None,
    flags: str,
    notifications: int,
    checkout_id: str | None,
) -> Payment:
    """A push can be asked about by M-Pesa's ID of it, a payout by our own."""
    return Payment(
        id=id_,
        request_id=request_id,
        kind=kind,
        state=state,
        amount_cents=amount_cents,
        receipt=receipt,
        evidence=evidence,
        flags=frozenset(flag for flag in flags.replace(",", " ").split() if flag),
        notifications=notifications,
        is_askable=kind != "push" or checkout_id is not None,
    )


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
