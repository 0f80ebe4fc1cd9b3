"""Where M-Pesa's callbacks are kept while the database is away: a small file that holds its place on the disk.

The file is made at the start, at its full size, so that a disk that fills up later cannot take its place. A record is
a line: sealed, so that nobody reads or writes it but us, and on the disk (fdatasync) before M-Pesa is acknowledged.
When the database is back every record goes through the front door again and the file is wiped. A process that dies in
between does so again after its next start: for the front door that is M-Pesa saying the same thing twice. A process
that lives and cannot wipe the file, or set aside what was refused, tries just that again.

Each process has a file of its own, held by a lock. A file that nobody holds belonged to a process that died; whoever
finds it takes it over.
"""

import asyncio
import base64
import errno
import fcntl
import logging
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wakala.errors import DatabaseAwayError

log = logging.getLogger("wakala.spill")

SPILL_NAME = "wakala.spill"  # of a gateway's files, each with its number
FILES_LIMIT = 64  # processes that share a folder
MEMORY_LIMIT_BYTES = 4_194_304  # about 2,000 callbacks, for the hour in which no disk takes anything
TOGETHER = 64  # records that are handled side by side, to ride in shared commits
WRITE_LIMIT_S = 2.0  # a write takes milliseconds; M-Pesa waits about eight seconds, some of them for the database
NONCE_LENGTH_BYTES = 12
_PLACE = b"spill"

Take = Callable[[bytes], Awaitable[None]]
"""Handles one record. Raises `DatabaseAwayError` where the rest has to wait."""


def names_of_files(name: str) -> list[str]:
    """One for each process that may share the folder; what lies in any of them is handled by whoever takes it over."""
    return [f"{name}-{number}" for number in range(FILES_LIMIT)]


def set_aside_in(folder: Path, name: str) -> Path:
    """Where records go that could not be handled; nobody takes that file over by itself."""
    return folder / f"{name}-refused"


class SpillFile:
    """One file of fixed size, locked by this process. Zeros follow the last record."""

    def __init__(self, path: Path, descriptor: int, limit_bytes: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._lock = threading.Lock()  # lines are appended on a thread
        self.limit_bytes = limit_bytes
        self.end_bytes = len(self._content().rstrip(b"\0"))
        self.handled_bytes = 0  # from the beginning, by this process
        self.is_stuck = False  # it could not be wiped

    @property
    def is_handled(self) -> bool:
        """True where nothing in it still has to be."""
        return self.handled_bytes == self.end_bytes

    def append(self, lines: bytes) -> bool:
        """On the disk when this returns; False where the file is full. A line cut short by a crash is ended first."""
        lines = b"\n" + lines
        with self._lock:
            if self.end_bytes + len(lines) > self.limit_bytes:
                return False
            if os.pwrite(self._descriptor, lines, self.end_bytes) != len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(self._descriptor)
            self.end_bytes += len(lines)
        return True

    def lines(self) -> tuple[list[bytes], int]:
        """The lines that have not been handled, and where they end.

        One that begins with zeros has been: a process died while it wiped the file. Or it was never whole on the disk.
        """
        end_bytes = self.end_bytes
        found = self._content()[self.handled_bytes : end_bytes].split(b"\n")
        return [line for line in found if line and not line.startswith(b"\0")], end_bytes

    def wipe(self) -> None:
        """Everything has been handled; where more came meanwhile, that has to be first."""
        with self._lock:
            if not self.is_handled:
                return
            os.pwrite(self._descriptor, bytes(self.end_bytes), 0)
            os.fdatasync(self._descriptor)
            self.end_bytes = self.handled_bytes = 0
            self.is_stuck = False

    def reserve(self) -> None:
        """Take the file's whole place on the disk now; what it holds stays."""
        os.posix_fallocate(self._descriptor, 0, self.limit_bytes)

    def close(self, *, remove: bool) -> None:
        """Let go of the lock, and of the file where nothing is left in it. Where it cannot be removed it stays."""
        if remove:
            with suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)

    def _content(self) -> bytes:
        return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)


class Spill:
    """See the module. ``key`` seals; ``random_bytes`` gives nonces."""

    def __init__(
        self, folder: Path, limit_bytes: int, key: bytes, random_bytes: Callable[[int], bytes], *, name: str = "spill"
    ) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._cipher = AESGCM(key)
        self._random_bytes = random_bytes
        self._name = name
        self._own: SpillFile | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._hangs = False  # the write that is under way
        self._replaying = asyncio.Lock()
        self._memory: deque[bytes] = deque()
        self._memory_bytes = 0
        self._held: list[SpillFile] = []  # of processes that died, and not yet wiped
        self._untaken: set[Path] = set()  # files of processes that died, which cannot be opened
        self._aside: list[bytes] = []  # lines on their way to the file of those that were refused
        self._has_said_so = False  # that these could not be written

    def open(self) -> None:
        """Take a file and reserve its place. Where the disk refuses that, callbacks can only be kept in memory."""
        self._own = self._reserved()

    async def reopen(self) -> bool:
        """`open` again, where the disk refused the last time. Never asks for another turn at once."""
        if self._own is None:
            self._own = await asyncio.to_thread(self._reserved)
            if self._own is not None:
                log.info("there is place for callbacks in %s again", self._folder)
        return False

    async def close(self) -> None:
        """Remove the files in which nothing is left to do. What is in memory alone goes there, if the disk takes it."""
        while self._memory and await self.keep(self._memory[0]):
            self._memory.popleft()
        if self._writing is not None:
            await self._writing
        is_aside = await self._put_aside()
        for file in (*self._held, *([self._own] if self._own is not None else [])):
            file.close(remove=file.is_handled and is_aside)
        self._held, self._own = [], None

    @property
    def is_empty(self) -> bool:
        """True where this process keeps nothing."""
        return not self._memory and not self._aside and (self._own is None or self._own.is_handled)

    async def keep(self, record: bytes) -> bool:
        """True once it is on the disk; records that come together share one write. False: no disk took it.

        What a disk that hangs was given may be on it later all the same.
        """
        if self._own is None or self._hangs:
            return False
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._sealed(record), future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        try:
            return await asyncio.wait_for(future, WRITE_LIMIT_S)
        except TimeoutError:
            self._hangs = not self._writing.done()
            log.error("the disk did not take a callback within %s s", WRITE_LIMIT_S)  # noqa: TRY400 - told in words
            return False

    def remember(self, record: bytes) -> bool:
        """The last means, while nothing can be written: in memory, and not acknowledged. False where that is full."""
        if self._memory_bytes + len(record) > MEMORY_LIMIT_BYTES:
            return False
        self._memory.append(record)
        self._memory_bytes += len(record)
        return True

    async def replay(self, take: Take) -> int:
        """Put everything that is kept through the front door; how many records that were."""
        async with self._replaying:
            count = 0
            while self._memory:  # first, for a disk may hang
                await self._handle(self._memory[0], take)
                self._memory_bytes -= len(self._memory.popleft())
                count += 1
            await self._put_aside()
            if self._own is not None:
                count += await self._replay_file(self._own, take)
            for orphan in chain(tuple(self._held), self._free_files(create=False)):
                try:
                    count += await self._replay_file(orphan, take)
                finally:
                    self._let_go(orphan)
        return count

    # ── the files ──

    def _free_files(self, *, create: bool) -> Iterator[SpillFile]:
        """Files that nobody holds, one after another, locked for us."""
        names = names_of_files(self._name)
        if not create:  # asked every second: one look at the folder, not one for each name
            there = {path.name for path in self._folder.iterdir()} if self._folder.is_dir() else set()
            names = [name for name in names if name in there]
        for name in names:
            path = self._folder / name
            descriptor = self._descriptor(path, create=create)
            if descriptor is None:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_there = path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor))
            except OSError:
                is_there = False
            if is_there:
                yield SpillFile(path, descriptor, max(self._limit_bytes, os.fstat(descriptor).st_size))
            else:
                os.close(descriptor)

    def _descriptor(self, path: Path, *, create: bool) -> int | None:
        """None for a file that is passed over."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        except FileNotFoundError:
            if create:  # it is the folder that is missing
                raise
            return None  # since we looked another process has handled what it held
        except PermissionError as error:
            if not path.exists():  # it is the folder that does not let us in
                raise
            if create:  # another account's, as of a start as root: it takes the place of no other
                log.warning("%s: what it holds waits for the account that made it", error)
            return None
        except OSError as error:
            if create:
                raise
            if path not in self._untaken:  # a disk that is read-only, say: asked every second, and told once
                log.error("what a process that died kept has to wait: %s", error)  # noqa: TRY400 - told in words
            self._untaken.add(path)
            return None
        self._untaken.discard(path)
        return descriptor

    def _let_go(self, orphan: SpillFile) -> None:
        """Unless it is handled and could not be wiped, of which only this process knows."""
        if orphan in self._held:
            self._held.remove(orphan)
        if orphan.handled_bytes:
            self._held.append(orphan)
        else:
            orphan.close(remove=orphan.end_bytes == 0)

    def _reserved(self) -> SpillFile | None:
        """A file with its whole place. One that cannot have it is let go of, so that what it holds is handled."""
        try:
            file = next(self._free_files(create=True), None)
            if file is not None:
                try:
                    file.reserve()
                except OSError:
                    file.close(remove=file.end_bytes == 0)
                    raise
        except OSError as error:
            log.warning(
                "no place for callbacks in %s: %s; they are safe only while the database is", self._folder, error
            )
            return None
        if file is None:
            log.warning(
                "no place for callbacks in %s: all %s files are others'; they are safe only while the database is",
                self._folder,
                FILES_LIMIT,
            )
        return file

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            kept = False
            try:
                if self._own is not None:
                    kept = await asyncio.to_thread(self._own.append, b"".join(line + b"\n" for line, _ in batch))
            except OSError as error:
                log.error("a callback could not be kept on the disk either: %s", error)  # noqa: TRY400 - told in words
            self._hangs = False
            for _, future in batch:
                if not future.done():
                    future.set_result(kept)

    async def _replay_file(self, file: SpillFile, take: Take) -> int:
        count = 0
        while file.end_bytes:
            lines, end_bytes = await asyncio.to_thread(file.lines)
            await self._replay_lines(lines, take)
            file.handled_bytes = end_bytes
            count += len(lines)
            if not await self._put_aside():
                break
            try:
                await asyncio.to_thread(file.wipe)
            except OSError as error:
                if not file.is_stuck:
                    log.error("%s cannot be wiped, which is tried again: %s", file.path, error)  # noqa: TRY400 - in words
                file.is_stuck = True
                break
        return count

    async def _replay_lines(self, lines: list[bytes], take: Take) -> None:
        """All of them, or they come once more; then what was refused of them comes again too."""
        aside_count = len(self._aside)
        for begin in range(0, len(lines), TOGETHER):
            batch = [self._replay_line(line, take) for line in lines[begin : begin + TOGETHER]]
            for outcome in await asyncio.gather(*batch, return_exceptions=True):
                if outcome is not None:
                    del self._aside[aside_count:]
                    raise outcome

    async def _replay_line(self, line: bytes, take: Take) -> None:
        record = self._opened(line)
        if record is None:
            self._refuse(line, "it was cut short, altered, or sealed with another key")
        else:
            await self._handle(record, take)

    async def _handle(self, record: bytes, take: Take) -> None:
        try:
            await take(record)
        except DatabaseAwayError:
            raise
        except Exception as error:
            log.exception("a kept callback could not be handled")
            self._refuse(self._sealed(record), str(error))

    def _refuse(self, line: bytes, reason: str) -> None:
        """One bad record keeps nobody else's from being handled, and is not thrown away."""
        log.error("a kept callback is set aside in %s: %s", set_aside_in(self._folder, self._name), reason)
        self._aside.append(line)

    async def _put_aside(self) -> bool:
        """False where the disk does not take what was refused: then the file in which it came is not wiped."""
        if not self._aside:
            return True
        path = set_aside_in(self._folder, self._name)
        try:
            await asyncio.to_thread(_append, path, b"\n".join(self._aside))
        except OSError as error:
            if not self._has_said_so:
                log.error("nothing can be set aside in %s, which is tried again: %s", path, error)  # noqa: TRY400
            self._has_said_so = True
            return False
        self._aside.clear()
        self._has_said_so = False
        return True

    # ── sealing ──

    def _sealed(self, record: bytes) -> bytes:
        nonce = self._random_bytes(NONCE_LENGTH_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, record, _PLACE))

    def _opened(self, line: bytes) -> bytes | None:
        try:
            sealed = base64.b64decode(line, validate=True)
            return self._cipher.decrypt(sealed[:NONCE_LENGTH_BYTES], sealed[NONCE_LENGTH_BYTES:], _PLACE)
        except (ValueError, InvalidTag):
            return None


def _append(path: Path, lines: bytes) -> None:
    """On the disk when this returns. A line that was cut short before is ended first."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        file.write(b"\n" + lines + b"\n")
        file.flush()
        os.fdatasync(file.fileno())
