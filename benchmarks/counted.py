"""What a payment costs, counted and not timed: ``make bench ARGS=--count``.

Valgrind runs the gateway on a processor of its own making and counts its instructions and how often its caches miss;
neither depends on what else this machine does, so that a few percent can be told from none. The kernel's work is not in
it, and neither is the wait for a disk. What the gateway does by the clock, whoever pays, is counted too and taken off.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import gateway
import machine

if TYPE_CHECKING:
    from run import Bench, Database

PAYMENTS = 300
IN_FLIGHT = 24  # it runs forty times slower: more would wait for longer than the driver does
IDLE_S = 20.0
START_LIMIT_S = 200
# The first caches of a server of these years, and in the place of the last its second, which is what a core has alone.
CACHES = ("--cache-sim=yes", "--I1=32768,8,64", "--D1=49152,12,64", "--LL=2097152,16,64")


class Counted(msgspec.Struct, frozen=True):
    """Instructions, and misses: of the instructions' first cache, of the data's, and of the second, which has both."""

    instructions: float
    first_misses: float
    data_misses: float
    second_misses: float

    def __str__(self) -> str:
        return (
            f"{self.instructions:,.0f} instructions a payment; misses: {self.first_misses:,.0f} of the instructions' "
            f"first cache, {self.data_misses:,.0f} of the data's, {self.second_misses:,.0f} of the second"
        )


def is_possible() -> bool:
    """Whether Valgrind is here."""
    return shutil.which("callgrind_control") is not None


def of_dump(dump: Path) -> list[int]:
    """The sums of one dump; callgrind's columns are Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw."""
    line = next(line for line in dump.read_text().splitlines() if line.startswith("summary:"))
    ir, _, _, i1mr, d1mr, d1mw, *second = map(int, line.split()[1:])
    return [ir, i1mr, d1mr + d1mw, sum(second)]


def measure(bench: "Bench", database: "Database") -> Counted:
    """Whole payments one behind the other, less what as many seconds cost in which nobody pays."""
    folder = bench.fresh("counted")
    dumps = folder.with_suffix(".dump")
    with bench.store(database) as url:
        installation = gateway.install(folder, url)
        program = [sys.executable, str(gateway.PROGRAM), "--config", str(folder / "wakala.toml"), "serve"]
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", *CACHES, f"--callgrind-out-file={dumps}"]
        with machine.server(
            [*valgrind, *program], installation.port, installation.log, limit_s=START_LIMIT_S
        ) as process:
            running = gateway.Running(process.pid, installation.port, installation.peer_port, installation.target)
            load = msgspec.structs.replace(bench.full(running, database, payments=PAYMENTS), in_flight=IN_FLIGHT)
            bench.drive(load)  # whatever is made once is made
            _tell(process.pid, "--instr=on")
            start_s = time.monotonic()
            bench.drive(load)
            took_s = time.monotonic() - start_s
            _tell(process.pid, "--dump")
            time.sleep(IDLE_S)
            _tell(process.pid, "--dump")
    paid, idle = (of_dump(dumps.with_name(f"{dumps.name}.{number}")) for number in (1, 2))
    return Counted(*((a - b * took_s / IDLE_S) / PAYMENTS for a, b in zip(paid, idle, strict=True)))


def _tell(pid: int, what: str) -> None:
    subprocess.run(["callgrind_control", what, str(pid)], check=True, capture_output=True)
