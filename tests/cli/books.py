"""An installation whose journal is filled by hand: apps of two organisations, notifications made at set times."""

import asyncio
import datetime as dt
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.conftest import Command, Ended
from cli.test_an_installation_is_made_step_by_step import PASSKEY, SHORTCODE
from journal.making import ACCEPTED, after, exchange, notification, opening, payment
from wakala.identity import first_id
from wakala.journal.journal import Journal
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.delivery import DeliveryState, Notification
from wakala.rules.exchange import Exchange
from wakala.rules.payment import Scope

HOOK = "https://shop.example/wakala"
DAY = "2026-11-01T"
OTHER_SHORTCODE = (*SHORTCODE[:3], "600123", *SHORTCODE[4:])


def us(clock: str) -> int:
    """A time of that day, in UTC."""
    return int(dt.datetime.fromisoformat(f"{DAY}{clock}+00:00").timestamp() * 1_000_000)


def told(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


@dataclass
class Books:
    """``shop`` and ``kiosk`` of the organisation ``default`` with two shortcodes, ``duka`` of another one."""

    wakala: Command
    folder: Path
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.wakala("init").code == 0
        assert self.wakala(*SHORTCODE, *PASSKEY).code == 0
        assert self.wakala(*OTHER_SHORTCODE, *PASSKEY).code == 0
        for name, organisation in (("shop", "default"), ("kiosk", "default"), ("duka", "Mama Mboga")):
            created = ("app", "create", "--name", name, "--organisation", organisation, "--callback-url", HOOK)
            assert self.wakala(*created).code == 0

    def listed(self, *arguments: str) -> list[str]:
        """The RequestIDs of the notifications that are listed."""
        shown = told(self.wakala("notifications", *arguments, "--json"))
        return [self.names[one["NotificationID"]] for one in shown]

    def owe(
        self, name: str, clock: str, *, app: str = "shop", shortcode: str = "174379", receipt: str = "", **changes: Any
    ) -> Notification:
        """A notification made at that time, of a payment whose RequestID is ``name``; of no ``app`` where it is ""."""
        number, at_us = f"{next(self.numbers):016x}", us(clock)

        async def work(journal: Journal) -> Notification:
            owner = next(one for one in await journal.apps() if app in {"", one.name, one.consumer_key})
            known = {one.number: one.id for one in await journal.shortcodes()}
            scope = Scope(owner.organisation_id, owner.id if app else "", known[shortcode], "sandbox")
            made = payment(name, id=first_id("pay", at_us) + number, scope=scope, receipt=receipt or None)
            changed = opening(made)
            assert await journal.open_payment(changed, None)
            before = changed[-1].payment
            given = {"state": DeliveryState.DELIVERED, "due_us": at_us, "created_us": at_us, **changes}
            owed = notification(before, id=first_id("ntf", at_us) + number, **given)
            assert await journal.record_change(before, after(before, ACCEPTED), notification=owed)
            return owed

        owed = self.at(work)
        self.names[owed.id] = name
        return owed

    def attempted(self, owed: Notification, clock: str, **outcome: Any) -> Exchange:
        """One try at it, as the courier writes it down."""
        tried = exchange(
            name="delivery",
            direction="out",
            url=HOOK,
            request_body=owed.body,
            started_us=us(clock),
            payment_id=owed.payment_id,
            notification_id=owed.id,
            scope=owed.scope,
            **outcome,
        )
        self.at(lambda journal: journal.record_exchange(tried))
        return tried

    def state_of(self, owed: Notification) -> DeliveryState:
        """As it is by now."""
        found = self.at(lambda journal: journal.notification(owed.id))
        assert found is not None
        return found.state

    def at(self, work: Callable[[Journal], Awaitable[Any]]) -> Any:
        """Something that is done with the journal, beside the commands."""

        async def visit() -> Any:
            store = SqliteDatabase(self.folder / "wakala.db")
            await store.open()
            try:
                return await work(Journal(store))
            finally:
                await store.close()

        return asyncio.run(visit())
