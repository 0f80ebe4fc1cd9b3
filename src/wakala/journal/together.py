"""On PostgreSQL a batch is one statement: an array a column, guards first, and the writes of those whose guard won.

A statement for each row costs the gateway a message and the server a portal, several times what the row itself costs.
The statement is made of the same query files; it is pure text, and `postgres` carries it out.

Its parts see the database as it was before the batch. That holds only where no two operations of a batch meet in one
row, so a batch has one operation a key, and only statements whose rows belong to that key alone are joined.

Every batch takes its rows in the order of their keys: two gateways that want the same rows wait one for the other, and
not in a circle until PostgreSQL ends one of them.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from operator import attrgetter
from typing import Any, NamedTuple

from wakala.journal.database import BATCH_LIMIT_OPERATIONS, Operation, Row, sql

GUARDS = ("payment_open", "payment_advance", "payment_claim", "notification_attempted", "notification_hand_back")
WRITES = ("event_add", "exchange_add", "exchange_answer", "notification_stage", "confirmation_claim")
_INSERT = re.compile(r"(INSERT INTO \w+ \(.*?\)) VALUES \([$\d, ]*\)(.*)")
_UPDATE = re.compile(r"(UPDATE .*? SET .*?) WHERE (.*?)( RETURNING .*)?")
_key = attrgetter("key")

Types = tuple[str, ...]
"""The types of a statement's parameters, as PostgreSQL names them."""

Waiting = tuple[Operation, "asyncio.Future[bool]"]
"""An operation, and who waits for it."""


class Plan(NamedTuple):
    """The kinds of a batch that are present, in order; the statement's text depends on nothing else."""

    guards: tuple[str, ...]
    writes: tuple[str, ...]


def take(waiting: deque[Waiting], under_way: AbstractSet[str] = frozenset()) -> tuple[list[Waiting], bool]:
    """The next batch, taken off the queue, and whether it can be one statement.

    What concerns a key that is in it already, or in another that is ``under_way``, keeps its place in the queue.
    """
    batch: list[Waiting] = []
    later: list[Waiting] = []
    keys: set[str] = set(under_way)
    is_one = False
    while waiting and len(batch) < BATCH_LIMIT_OPERATIONS:
        operation, future = one = waiting.popleft()
        if future.done():  # who gave up was told that nothing is done
            continue
        joins = is_joinable(operation)
        if not batch:
            is_one = joins
        if operation.key in keys or joins is not is_one:
            later.append(one)
        else:
            batch.append(one)
        keys.add(operation.key)
    waiting.extendleft(reversed(later))
    return batch, is_one


def is_joinable(operation: Operation) -> bool:
    """True where all of its statements may stand in one with those of others."""
    guard = operation.guard
    return (guard is None or guard.statement in GUARDS) and all(write.statement in WRITES for write in operation.writes)


def columns(operations: Sequence[Operation]) -> tuple[Plan, list[list[Any]]]:
    """What is present, and its rows as one list a column, in the order of the statement's parameters."""
    rows: dict[str, list[Row]] = {}
    for operation in sorted(operations, key=_key):
        guard, key = operation.guard, None
        if guard is not None:
            key = operation.key
            rows.setdefault(guard.statement, []).append(guard.row)
        for write in operation.writes:
            rows.setdefault(write.statement, []).append((*write.row, key))
    plan = Plan(tuple([name for name in GUARDS if name in rows]), tuple([name for name in WRITES if name in rows]))
    return plan, [list(column) for name in (*plan.guards, *plan.writes) for column in zip(*rows[name], strict=True)]


def statement(plan: Plan, types: dict[str, Types]) -> str:
    """The one statement; it returns the keys of the operations whose guard won."""
    parts, place = [], 1
    for name in plan.guards:
        parts.append(f"{name} AS ({_spread(name, types[name], place)})")
        place += len(types[name])
    won = " UNION ALL ".join(f"TABLE {name}" for name in plan.guards) or "SELECT NULL::text WHERE false"
    parts.append(f"won (key) AS ({won})")
    for name in plan.writes:
        parts.append(f"{name} AS ({_spread(name, types[name], place, keyed=True)})")
        place += len(types[name]) + 1
    return f"WITH {', '.join(parts)} TABLE won"


def _spread(name: str, types: Types, place: int, *, keyed: bool = False) -> str:
    """A statement for one row becomes one for many; with ``keyed``, for those whose operation won."""
    names = [f"c{number}" for number in range(len(types))]
    arrays = [f"${place + number}::{type_name}[]" for number, type_name in enumerate(types)]
    condition = ""
    if keyed:
        names, arrays = [*names, "key"], [*arrays, f"${place + len(types)}::text[]"]
        condition = "(v.key IS NULL OR v.key IN (TABLE won))"
    source = f"FROM unnest({', '.join(arrays)}) AS v ({', '.join(names)})"
    text = " ".join(sql(name, "postgres").split())
    if insert := _INSERT.fullmatch(text):
        chosen = ", ".join(f"v.c{number}" for number in range(len(types)))
        return f"{insert[1]} SELECT {chosen} {source}{_where(condition)}{insert[2]}"
    if update := _UPDATE.fullmatch(text):
        places = iter(range(len(types)))
        change, where = (re.sub(r"\$\d+", lambda _: f"v.c{next(places)}", piece) for piece in (update[1], update[2]))
        return f"{change} {source}{_where(where, condition)}{update[3] or ''}"
    raise ValueError(f"{name} is no statement that can be joined")


def _where(*conditions: str) -> str:
    given = [condition for condition in conditions if condition]
    return f" WHERE {' AND '.join(given)}" if given else ""
