"""On PostgreSQL a batch is one statement: guards first, and the writes of those whose guard won.

A statement for each row costs the gateway a message and the server a portal, several times what the row itself costs.
The rows of each kind travel as one JSON document: an array a column takes the driver four times as long to write.
The statement is made of the same query files; it is pure text, and `postgres` carries it out.

Its parts see the database as it was before the batch. That holds only where no two operations of a batch meet in one
row, so a batch has one operation a key, and only statements whose rows belong to that key alone are joined.

Every batch takes its rows in the order of their keys: two gateways that want the same rows wait one for the other, and
not in a circle until PostgreSQL ends one of them.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from wakala.journal.database import BATCH_LIMIT_OPERATIONS, Operation, sql

GUARDS = ("payment_open", "payment_advance", "payment_claim", "notification_attempted", "notification_hand_back")
WRITES = ("event_add", "exchange_add", "exchange_answer", "notification_stage", "confirmation_claim")
_INSERT = re.compile(r"(INSERT INTO \w+ \(.*?\)) VALUES \([$\d, ]*\)(.*)")
_UPDATE = re.compile(r"(UPDATE .*? SET .*?) WHERE (.*?)( RETURNING .*)?")
_key = attrgetter("key")
_encode = msgspec.json.Encoder().encode
BYTES = "bytea"

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


def documents(operations: Sequence[Operation]) -> tuple[Plan, list[str]]:
    """What is present, and its rows as one JSON document a kind, in the order of the statement's parameters."""
    records: dict[str, list[msgspec.Struct]] = {}
    for operation in sorted(operations, key=_key):
        guard, key = operation.guard, None
        if guard is not None:
            key = operation.key
            records.setdefault(guard.statement, []).append(_record(len(guard.row))(None, *guard.row))
        for write in operation.writes:
            records.setdefault(write.statement, []).append(_record(len(write.row))(key, *write.row))
    plan = Plan(
        tuple([name for name in GUARDS if name in records]), tuple([name for name in WRITES if name in records])
    )
    return plan, [_encode(records[name]).decode() for name in (*plan.guards, *plan.writes)]


@cache
def _record(length: int) -> Callable[..., msgspec.Struct]:
    """A row as JSON has it: its values under the names that the statement gives them, and the key of its guard.

    What is nothing is left out. That is a third of all values, and the server takes what is missing for NULL.
    """
    fields = [(name, Any, None) for name in ("key", *_names(length))]
    return msgspec.defstruct("Record", fields, gc=False, omit_defaults=True)


def _names(length: int) -> list[str]:
    return [f"c{number}" for number in range(length)]


def statement(plan: Plan, types: dict[str, Types]) -> str:
    """The one statement; it returns the keys of the operations whose guard won."""
    places = {name: place for place, name in enumerate((*plan.guards, *plan.writes), start=1)}
    parts = [f"{name} AS ({_spread(name, types[name], places[name])})" for name in plan.guards]
    won = " UNION ALL ".join(f"TABLE {name}" for name in plan.guards) or "SELECT NULL::text WHERE false"
    parts.append(f"won (key) AS ({won})")
    parts += [f"{name} AS ({_spread(name, types[name], places[name], keyed=True)})" for name in plan.writes]
    return f"WITH {', '.join(parts)} TABLE won"


@cache
def for_many(name: str) -> str:
    """The text of a statement that looks up one key, for a list of them."""
    text = sql(name, "postgres")
    if not text.endswith(" = $1"):
        raise ValueError(f"{name} does not look up one key")
    return f"{text.removesuffix('$1')}ANY($1)"


def _spread(name: str, types: Types, place: int, *, keyed: bool = False) -> str:
    """A statement for one row becomes one for many; with ``keyed``, for those whose operation won."""
    names = _names(len(types))
    # JSON has no bytes: they travel as base64.
    values = [f"decode(v.{c}, 'base64')" if t == BYTES else f"v.{c}" for c, t in zip(names, types, strict=True)]
    fields = [f"{c} {'text' if t == BYTES else t}" for c, t in zip(names, types, strict=True)]
    source = f"FROM json_to_recordset(${place}::json) AS v (key text, {', '.join(fields)})"
    condition = "(v.key IS NULL OR v.key IN (TABLE won))" if keyed else ""
    text = " ".join(sql(name, "postgres").split())
    if insert := _INSERT.fullmatch(text):
        return f"{insert[1]} SELECT {', '.join(values)} {source}{_where(condition)}{insert[2]}"
    if update := _UPDATE.fullmatch(text):
        rest = iter(values)
        change, where = (re.sub(r"\$\d+", lambda _: next(rest), piece) for piece in (update[1], update[2]))
        return f"{change} {source}{_where(where, _few(where), condition)}{update[3] or ''}"
    raise ValueError(f"{name} is no statement that can be joined")


def _few(where: str) -> str:
    """True of every row, and for the planner of hardly any: so it looks them up by their key, one by one.

    It takes a batch for a hundred rows and a new table for a few, which are sooner read whole. That plan is kept while
    the table grows: until PostgreSQL looks again, a minute or more later, each batch would read all that there is.
    """
    key = where.partition(" AND ")[0].rpartition(" = ")[2]
    return f"{key} = {key} || ''"


def _where(*conditions: str) -> str:
    given = [condition for condition in conditions if condition]
    return f" WHERE {' AND '.join(given)}" if given else ""
