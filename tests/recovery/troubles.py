"""What may befall the database under a running gateway, and its end: real disks, a real server, nothing pretended."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.postgres import PostgresServer

DISK_MIB = 24


def can_mount() -> bool:
    """Only root may; the tests of real disks need it."""
    return os.geteuid() == 0


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of its own, of a few megabytes."""
    place.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700", "tmpfs", str(place))
    try:
        yield place
    finally:
        _run("umount", "--lazy", str(place))


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """The same as the kernel leaves it after an error. Nobody may have a file on it open for writing."""
    _run("mount", "-o", "remount,ro", str(place))
    try:
        yield
    finally:
        _run("mount", "-o", "remount,rw", str(place))


@dataclass
class FullDisk:
    """Somebody else's file takes all the room that is left."""

    folder: Path

    def begin(self) -> None:
        with (self.folder / "ballast").open("wb", buffering=0) as ballast:
            for size in (65_536, 4_096, 512):
                try:
                    while True:
                        ballast.write(bytes(size))
                except OSError:
                    continue

    def end(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)


@dataclass
class ReadOnlyDisk:
    """The folder takes no new file, and the database and spill files no byte, though they are open already.

    Only the shared memory of SQLite (`-shm`) is left alone: the kernel ends a process that writes to such a mapping on
    a read-only disk, which is the kill -9 of the other tests.
    """

    folder: Path

    def begin(self) -> None:
        self._mark("+i")

    def end(self) -> None:
        self._mark("-i")

    def _mark(self, sign: str) -> None:
        files = [path for path in self.folder.glob("wakala.*") if path.suffix != ".db-shm"]
        _run("chattr", sign, str(self.folder), *map(str, files))


@dataclass
class StoppedServer:
    """PostgreSQL is stopped: connections are cut, new ones are refused."""

    server: PostgresServer
    is_stopped: bool = False

    def begin(self) -> None:
        self.server.stop()
        self.is_stopped = True

    def end(self) -> None:
        if self.is_stopped:
            self.server.start()
            self.is_stopped = False


@dataclass
class FrozenServer:
    """PostgreSQL takes connections and answers nothing, as one whose disk or network hangs."""

    server: PostgresServer

    def begin(self) -> None:
        self._pids = [self.server.pid, *_children(self.server.pid)]
        self._send(signal.SIGSTOP)

    def end(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        for pid in self._pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:  # a session that ended meanwhile
                continue


Trouble = FullDisk | ReadOnlyDisk | StoppedServer | FrozenServer


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _run(*arguments: str) -> None:
    subprocess.run(arguments, check=True, capture_output=True)
