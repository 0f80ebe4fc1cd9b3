"""What retention takes, seen by a witness in the store: a trigger notes each row as it was when it went.

Ages are a minute here, and an operator has what is old forgotten again and again, in the midst of everything.
"""

import asyncio
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import apsw
from msgspec.structs import replace

from evidence import Gone
from wakala.config import Settings

if TYPE_CHECKING:
    from virtual.world import World

EXCHANGES_S, NOTIFICATIONS_S = 30.0, 45.0
PAUSE_S = 40.0  # between two sweeps at most
DAY_S = 86_400.0

_WITNESS = """
CREATE TABLE gone (
    what TEXT, id TEXT, payment_id TEXT, sequence INTEGER, kind TEXT, state TEXT, app_id TEXT, settled_us INTEGER,
    body BLOB, at_us INTEGER, is_wanted INTEGER
);
CREATE TRIGGER notification_gone BEFORE DELETE ON notifications BEGIN
    INSERT INTO gone VALUES (
        'notification', OLD.id, OLD.payment_id, OLD.sequence, OLD.type, OLD.state, OLD.app_id, OLD.settled_us, NULL,
        virtual_now_us(), 0
    );
END;
CREATE TRIGGER exchange_gone BEFORE DELETE ON exchanges BEGIN
    INSERT INTO gone VALUES (
        'exchange', OLD.id, OLD.payment_id, 0, OLD.direction, OLD.verdict, OLD.app_id, OLD.started_us, OLD.request_body,
        virtual_now_us(),
        EXISTS (SELECT 1 FROM payments WHERE next_check_us > 0 AND created_us <= OLD.started_us)
    );
END;
"""


def watch(path: Path) -> None:
    """Set the witness into a store."""
    database = apsw.Connection(str(path))
    database.execute(_WITNESS)
    database.close()


def forgetful(settings: Settings) -> Settings:
    """With ages of less than a minute."""
    ages = replace(settings.retention, exchanges_days=EXCHANGES_S / DAY_S, notifications_days=NOTIFICATIONS_S / DAY_S)
    return replace(settings, retention=ages)


async def forget(world: "World", chance: Random) -> None:
    """An operator has it done on one machine or another until the storm is over, and once after it."""
    while world.loop.now_s < world.plan.storm_s:
        await asyncio.sleep(chance.random() * PAUSE_S)
        chance.choice(world.nodes).forget()


def read_gone(reader: apsw.Connection) -> list[Gone]:
    """What has gone, in order."""
    rows: list[tuple[Any, ...]] = reader.execute("SELECT * FROM gone ORDER BY rowid").fetchall()
    least_us = {"exchange": int(EXCHANGES_S * 1_000_000), "notification": int(NOTIFICATIONS_S * 1_000_000)}
    return [
        Gone(
            what,
            identity,
            payment_id or "",
            sequence,
            kind,
            state,
            app_id or "",
            settled_us,
            at_us,
            least_us[what],
            is_wanted=bool(is_wanted),
            body=body,
        )
        for what, identity, payment_id, sequence, kind, state, app_id, settled_us, body, at_us, is_wanted in rows
    ]
