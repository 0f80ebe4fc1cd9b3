"""A PostgreSQL server of one's own: made in a temporary folder, thrown away at the end, never the system's.

The tests and the benchmarks share it. It writes as a production server does (``fsync`` on), listens on loopback only,
asks for a password, and runs as the account ``postgres`` when we are root, since PostgreSQL refuses root.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from services.ports import give_back, kept_port

START_TIMEOUT_S = 60  # a busy machine with a slow disk; an idle one takes half a second
STATEMENT_TIMEOUT_S = 60  # CREATE and DROP DATABASE wait for a checkpoint
SUPERUSER = "postgres"
CONNECTIONS_COUNT = 200  # gateways, workers and tests side by side; the default of 100 is soon used up


class PostgresMissingError(Exception):
    """PostgreSQL's server programs are not on this machine; ``make test`` installs them."""


def find_programs() -> Path:
    """The folder with ``initdb`` and ``pg_ctl``: the newest of Debian's, else the one on PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    candidates = [*reversed(versions), *([Path(on_path).resolve().parent] if on_path else [])]
    for folder in candidates:
        if (folder / "initdb").exists():
            return folder
    raise PostgresMissingError("Install PostgreSQL's server (Debian: apt-get install postgresql) or run make test.")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server."""

    programs: Path
    folder: Path
    port: int
    password: str = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        """The postmaster's process; its children are the sessions."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        """Start it and wait until it serves."""
        options = ("-t", str(START_TIMEOUT_S), "-l", str(self.folder / "log"), "-o", _settings(self))
        _control(self, *options, "start")

    def stop_at_once(self) -> None:
        """Stop it without finishing anything; the next start recovers from its log."""
        _control(self, "-m", "immediate", "stop")

    def url(self, database: str) -> str:
        """Where a client finds one of its databases."""
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, like: str = "template1") -> Iterator[str]:
        """The URL of a copy of that database, empty by default; dropped at the end, whoever is still connected.

        Copied file by file: through the log, as PostgreSQL does it by itself, the drop alone would take 0.3 s.
        """
        name = "wakala_" + secrets.token_hex(6)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY FILE_COPY")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """End every session and the server; its data stay."""
        _control(self, "-m", "fast", "stop")

    def execute(self, statement: str, *, database: str = SUPERUSER) -> str:
        """Run one statement and return what it printed; for set-up, not for the code under test."""
        done = subprocess.run(
            [self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database)],
            check=False,
            capture_output=True,
            text=True,
            timeout=STATEMENT_TIMEOUT_S,
        )
        if done.returncode:
            raise RuntimeError(f"PostgreSQL refused {statement!r}: {done.stderr.strip()}")
        return done.stdout


@contextmanager
def postgres_server(
    parent: Path | None = None, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[PostgresServer]:
    """A server for as long as the block lasts; ``parent`` names the disk it writes to."""
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="wakala-postgres-", dir=parent))
    server = PostgresServer(programs, folder, kept_port(), secrets.token_hex(16), settings)
    try:
        _initialise(server)
        server.start()
        try:
            yield server
        finally:
            server.stop_at_once()
    finally:
        give_back(server.port)
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(server: PostgresServer) -> None:
    secret = server.folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(server.password)
    if os.geteuid() == 0:
        account = pwd.getpwnam(SUPERUSER)
        for path in (server.folder, secret):
            os.chown(path, account.pw_uid, account.pw_gid)
    _run(
        server.programs / "initdb",
        *("-D", str(server.folder / "data"), "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
        *("-A", "scram-sha-256", "--pwfile", str(secret)),
    )


def _settings(server: PostgresServer) -> str:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": server.port,
        "unix_socket_directories": server.folder,
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": CONNECTIONS_COUNT,
    }
    settings |= server.settings
    if sys.platform == "linux":  # after a kill one call instead of one for each of a thousand files: 2 s for 8 s
        settings["recovery_init_sync_method"] = "syncfs"
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def _control(server: PostgresServer, *arguments: str) -> None:
    _run(server.programs / "pg_ctl", "-D", str(server.folder / "data"), "-s", "-w", *arguments)


def _run(program: Path, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as an account that it accepts."""
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam(SUPERUSER)
        account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    # Its output goes to a file, not a pipe: the server that pg_ctl leaves behind would hold a pipe open for ever.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [program, *arguments],
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **account,
        )
        if done.returncode:
            output.seek(0)
            raise RuntimeError(f"{program.name} failed: {output.read().decode(errors='replace').strip()}")
