"""Calls all witnesses at the end of a run, and lays what they say before the judge."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evidence import Evidence, Told
from processes.books import Books
from processes.ends import Outage, bad_ends, tracebacks
from processes.shops import Shops
from processes.store import Store
from processes.town import MERCHANTS, Town


async def gather_evidence(
    town: Town, shops: Shops, store: Store, books: Books, outages: Sequence[Outage], unfinished: tuple[str, ...]
) -> Evidence:
    """After the gateways have ended: clients, M-Pesa, journal and merchants; and the gateways' own ends and logs."""
    told = tuple(each for name in MERCHANTS for each in read_told(town.folder / f"{name}.told.jsonl"))
    return Evidence(
        asked=tuple(shops.asked),
        mpesa=books.testimony(town.acknowledged),
        journal=await store.journal(),
        told=told,
        broke=tuple(_broken(town, outages)),
        unfinished=unfinished,
        unanswered=frozenset(shops.waiting),
    )


def _broken(town: Town, outages: Sequence[Outage]) -> Iterator[str]:
    for gateway in town.gateways:
        yield from bad_ends(gateway.ends, outages)
        yield from tracebacks(gateway.name, town.folder / f"{gateway.name}.log")


def read_told(file: Path) -> list[Told]:
    """What a merchant took, in the order of arrival; a line is whole or not there, for it is one write."""
    if not file.exists():
        return []
    lines = (json.loads(line) for line in file.read_text().splitlines() if line.endswith("}"))
    return [Told(line["id"], line["payment"], line["type"], line["body"], line["is_signed"]) for line in lines]


def write_evidence(evidence: Evidence, books: Books, folder: Path) -> None:
    """All of it as JSON, for whoever studies a breach."""
    document = {"evidence": dataclasses.asdict(evidence), "payments": books.payments, "commands": books.commands}
    (folder / "evidence.json").write_text(json.dumps(document, default=_plain, indent=1))


def _plain(value: object) -> Any:
    return sorted(value) if isinstance(value, frozenset | set) else str(value)
