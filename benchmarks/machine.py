"""The machine under measurement: which core does what, what a process has used, programs started and ended."""

import itertools
import os
import platform
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
LOAD_CORE = CORES[-1]  # on a machine with one core both share it, and the ratios still mean something
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
SYNC_REST_S = 0.005
# On disk, where the default temporary folder may be memory and make every commit look free.
DISK = Path("/var/tmp")
# As docs/running.md advises; PostgreSQL's defaults are for a small machine.
POSTGRES = {"shared_buffers": "1GB", "max_wal_size": "4GB", "min_wal_size": "4GB"}
WRITE_OUT_BYTES = 4 << 20
DIRTY_BYTES = Path("/proc/sys/vm/dirty_background_bytes")
DIRTY_PERCENT = DIRTY_BYTES.with_name("dirty_background_ratio")
LOG_SEGMENTS_COUNT = 128  # of 16 MB, as many as it uses from one checkpoint to the next
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> Iterator[int]:
    """A process and its children's children, as far as they live."""
    todo = [pid]
    while todo:
        current = todo.pop()
        yield current
        try:
            for task in Path(f"/proc/{current}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        except OSError:
            continue


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its living children."""
    ticks = 0
    for member in family(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Resident memory of a process and its living children."""
    pages = 0
    for member in family(pid):
        try:
            pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def pinned(core: int) -> list[str]:
    """What to put before a command so that it keeps to one core."""
    taskset = shutil.which("taskset")
    return [taskset, "-c", str(core)] if taskset else []


def keep_off_the_servers_core(pid: int) -> None:
    """For a database: what is measured has its core to itself, and the database is where the load is."""
    others = set(CORES) - {SERVER_CORE} or set(CORES)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for each in (pid, *map(int, children)):  # those to come inherit it
        os.sched_setaffinity(each, others)


@contextmanager
def server(
    command: list[str],
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    core: int = SERVER_CORE,
    limit_s: float = START_TIMEOUT_S,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server on its own core for as long as the block lasts; its output goes to ``log``."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*pinned(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        try:
            _wait_for_port(process, port, log, limit_s)
            yield process
        finally:
            _stop(process)


def _wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended early: {log.read_text(errors='replace')[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} did not listen on port {port} within {limit_s} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def describe() -> dict[str, str | int | float]:
    """What a reader must know to compare these figures with those of another machine."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory_kb = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "processor": model,
        "cores": len(CORES),
        "memory_gib": round(memory_kb / 2**20, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "disk_syncs_per_s": round(disk_syncs_per_s()),
        "dirty_background_bytes": int(DIRTY_BYTES.read_text()) if DIRTY_BYTES.exists() else 0,
    }


@contextmanager
def writing_out_early() -> Iterator[None]:
    """What Linux holds for the disk goes there in small pieces, as docs/running.md advises, while the block lasts."""
    before, before_percent = DIRTY_BYTES.read_text(), DIRTY_PERCENT.read_text()
    DIRTY_BYTES.write_text(str(WRITE_OUT_BYTES))
    try:
        yield
    finally:  # the two exclude each other, and 0 is none
        if int(before):
            DIRTY_BYTES.write_text(before)
        else:
            DIRTY_PERCENT.write_text(before_percent)


def disk_syncs_per_s(seconds: float = 0.4) -> float:
    """How often 8 KB written in place reach the disk: the floor under every commit."""
    waits_s = disk_sync_waits_s(seconds)
    return len(waits_s) / sum(waits_s)


def disk_sync_waits_s(seconds: float = 0.4) -> list[float]:
    """How long each of them takes, shortest first."""
    end_s = time.perf_counter() + seconds
    with _synced_file() as sync:
        waits_s = [sync()]
        while time.perf_counter() < end_s:
            waits_s.append(sync())
    return sorted(waits_s)


@contextmanager
def disk_syncs_meanwhile() -> Iterator[list[float]]:
    """The same beside whatever else the disk has to do, one every few milliseconds for as long as the block lasts.

    Who would have come while one was waited for counts too, with what was left of the wait.
    """
    waits_s: list[float] = []
    stop = threading.Event()

    def look() -> None:
        with _synced_file() as sync:
            while not stop.wait(SYNC_REST_S):
                left_s = sync()
                while left_s > 0:
                    waits_s.append(left_s)
                    left_s -= SYNC_REST_S

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield waits_s
    finally:
        stop.set()
        thread.join()


@contextmanager
def _synced_file() -> Iterator[Callable[[], float]]:
    """Writes 8 KB in place and waits until they are on the disk; says for how long, in seconds."""
    path = DISK / f"wakala-disk-{os.getpid()}"
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    block, places = os.urandom(8192), itertools.cycle(range(0, 1 << 20, 8192))

    def sync() -> float:
        start_s = time.perf_counter()
        os.pwrite(file, block, next(places))
        os.fdatasync(file)
        return time.perf_counter() - start_s

    try:
        os.write(file, bytes(1 << 20))
        os.fsync(file)
        yield sync
    finally:
        os.close(file)
        path.unlink()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
