"""One installation, made once and copied for every run: schema, organisation, paybill, apps, keys.

Made by the gateway's own migrations and administration, with randomness that is the same in every process, so that a
seed means the same everywhere.
"""

import asyncio
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import apsw
import msgspec

from virtual.network import GATEWAY
from virtual.time import START_US
from wakala.administration import Administration, NewApp, ShortcodeDetails
from wakala.config import Settings, write_private
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.accounts import BodyFormat, Environment, Product, ShortcodeKind
from wakala.rules.vault import MasterKey
from wakala.simulator.certificate import Certificate

PAYBILL = "600100"
SHOPS = 3  # apps, each with a merchant of its own
HEARD_URL = "http://shop-0.test/confirmations"
"""Where the caller of Daraja's paths is told of confirmations, in M-Pesa's words."""
VALIDATION_URL = "http://shop-1.test/validations"
"""Where a merchant is asked whether a customer may pay."""


def shop_url(number: int, version: int = 1) -> str:
    """Where a shop is told."""
    return f"http://shop-{number}.test/hook-{version}"


@dataclass(frozen=True)
class House:
    """The installation: a folder on a RAM disk, the bytes of its database, its settings, and what only clients know."""

    folder: Path
    database: bytes
    settings: Settings
    apps: tuple[NewApp, ...]
    shortcode_id: str
    master: MasterKey

    def at(self, name: str, schedule_s: tuple[float, ...]) -> Settings:
        """The settings of one run, with its copy of the database in place."""
        path = self.folder / name
        for left in self.folder.glob(f"{name}*"):
            left.unlink()
        path.write_bytes(self.database)
        path.chmod(0o600)
        replace = msgspec.structs.replace
        return replace(
            self.settings,
            database=replace(self.settings.database, url=f"sqlite:///{name}"),
            deliveries=replace(self.settings.deliveries, schedule_s=schedule_s),
        )


def register(path: Path) -> None:
    """What a caller of Daraja's paths had M-Pesa do, and M-Pesa has done."""
    database = apsw.Connection(str(path))
    database.execute("UPDATE shortcodes SET confirmation_url = ?", (HEARD_URL,))
    database.close()


def switch_validation_on(path: Path, response_type: str) -> None:
    """A merchant is asked before a customer pays; who gets no word from it goes by the type."""
    database = apsw.Connection(str(path))
    database.execute("UPDATE shortcodes SET validation_url = ?, response_type = ?", (VALIDATION_URL, response_type))
    database.close()


def grant_pull(path: Path) -> None:
    """Safaricom lets the shortcode read the list of what was paid to it."""
    database = apsw.Connection(str(path))
    database.execute("UPDATE shortcodes SET products = 'b2c,b2b,pull'")
    database.close()


@cache
def house() -> House:
    """The installation of this process."""
    ram = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="wakala-simulation-", dir=ram if ram.is_dir() else None))
    _forget_at_exit(folder)
    return asyncio.run(_build(folder))


def _forget_at_exit(folder: Path) -> None:
    import atexit  # noqa: PLC0415 - the one place that leaves something behind

    owner = os.getpid()

    def forget() -> None:
        if os.getpid() == owner:  # a forked worker has it from its parent
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(forget)


async def _build(folder: Path) -> House:
    chance = Random("the installation")
    key = chance.randbytes(32)
    write_private(folder / "wakala.key", key.hex() + "\n")
    settings = msgspec.convert(
        {
            "home": str(folder),
            "server": {"public_url": GATEWAY},
            "daraja": {"sandbox_url": "http://mpesa.test", "live_url": "http://mpesa.test"},
            "finisher": {"poll_s": 3},
            "pull": {"interval_s": 120, "settle_s": 15, "overlap_s": 300},
            "callbacks": {"spill_limit_mib": 0.25},  # its whole place is taken at each start
        },
        Settings,
    )
    database = SqliteDatabase(folder / "template.db")
    await database.open()
    await migrate(database)
    source = Source(lambda: START_US - 1_000_000, chance.randbytes)
    admin = Administration(Journal(database), MasterKey(key), source)
    details = ShortcodeDetails(
        number=PAYBILL,
        kind=ShortcodeKind.PAYBILL,
        environment=Environment.SANDBOX,
        till=None,
        consumer_key="key",
        consumer_secret="secret",
        passkey="passkey",
        products=(Product.B2C, Product.B2B),
    )
    shortcode = await admin.add_shortcode("market", details)
    await admin.set_initiator(shortcode, "operator", "password", Certificate().pem())
    apps = [
        await admin.add_app("market", f"shop-{number}", shop_url(number), BodyFormat.WAKALA) for number in range(SHOPS)
    ]
    await database.close()
    content = (folder / "template.db").read_bytes()
    return House(folder, content, settings, tuple(apps), shortcode.id, MasterKey(key))
