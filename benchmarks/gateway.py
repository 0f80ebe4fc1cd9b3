"""Wakala as a user runs it: set up by its command line, started as one process on its own core."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from machine import free_port, server
from targets import Target, wakala

PROGRAM = Path(sys.executable).with_name("wakala")
COMMAND_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway under measurement, and the port on which it expects M-Pesa and the merchant."""

    pid: int
    port: int
    peer_port: int
    target: Target


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder with settings and keys, its store, and one app whose notifications go to the load driver."""

    folder: Path
    port: int
    peer_port: int
    target: Target
    log: Path

    @contextmanager
    def serve(self) -> Iterator[Running]:
        """The gateway for as long as the block lasts; it may be started again on the same store."""
        command = [str(PROGRAM), "--config", str(self.folder / "wakala.toml"), "serve"]
        with server(command, self.port, self.log) as process:
            yield Running(process.pid, self.port, self.peer_port, self.target)


def install(folder: Path, database_url: str | None) -> Installation:
    """A new installation; ``database_url`` names a PostgreSQL database, without it the store is SQLite."""
    port, peer_port = free_port(), free_port()
    own_url, peer_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    settings = ["--port", str(port), "--public-url", own_url, "--sandbox-url", peer_url]
    _wakala("init", str(folder), *settings, *(["--database-url", database_url] if database_url else []))
    config = ("--config", str(folder / "wakala.toml"))
    shortcode = ["--number", "174379", "--kind", "paybill", "--consumer-key", "bench", "--consumer-secret", "bench"]
    where = ["--organisation", "demo"]
    _wakala(*config, "shortcode", "add", *where, "--environment", "sandbox", *shortcode, "--passkey", "bench")
    notify = ["--callback-url", peer_url + "/notifications"]
    app = json.loads(_wakala(*config, "app", "create", *where, "--name", "shop", *notify, "--json"))
    target = wakala(app["ConsumerKey"], app["ConsumerSecret"])
    return Installation(folder, port, peer_port, target, folder.with_suffix(".log"))


def _wakala(*arguments: str) -> str:
    done = subprocess.run([PROGRAM, *arguments], check=False, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S)
    if done.returncode:
        raise RuntimeError(f"wakala {' '.join(arguments)} failed: {done.stderr or done.stdout}")
    return done.stdout
