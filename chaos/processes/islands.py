"""Networks of the run's own: each gateway on an island, with a cable to everybody it talks to.

A proxy on loopback (`processes.links`) always answers on the level of TCP. Here the kernel decides what a cut means:
a connection that nobody answers, bytes that are sent again and again, a peer that died unseen, one that is only deaf.

An island is a network namespace, a cable a pair of virtual Ethernet devices. Everything else of the run is in a
namespace too, the mainland, so that neither an address nor a device of it is seen from outside; both end with the run.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from processes.plan import DEAF, MUTE, SILENT, UNPLUGGED

PROGRAMS = ("ip", "nsenter", "unshare")
NETWORK = "10.76.0.0/15"
"""Everybody's address: what a gateway may call, and whom it believes."""

_CABLES_MOST = 8
_OWN_NETWORK = "WAKALA_CHAOS_NETWORK"


class Way(StrEnum):
    """Where a gateway's cables lead."""

    CALLERS = "callers"
    MPESA = "M-Pesa"
    MERCHANTS = "merchants"
    DATABASE = "database"

    @property
    def address(self) -> str:
        """Where gateways on islands find them. Who calls a gateway has no address that it must know."""
        return _MAINLAND.get(self, "")


_MAINLAND = {Way.MPESA: "10.76.0.1", Way.MERCHANTS: "10.76.0.2", Way.DATABASE: "10.76.0.3"}
_NOBODY = "02:00:00:00:00:00"  # frames to this address are dropped by whoever gets them
_ANSWER_LIMIT_S = 10.0
_LOOK_AGAIN_S = 0.02


@cache
def may_be_made() -> bool:
    """True where this process may make islands: on Linux, as root, with the programs of iproute2 and util-linux."""
    if sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, PROGRAMS)):
        return False
    trial = ["unshare", "--net", "ip", "link", "add", "near", "type", "veth", "peer", "name", "far"]
    return subprocess.run(trial, check=False, capture_output=True, timeout=_ANSWER_LIMIT_S).returncode == 0


def is_on_the_mainland() -> bool:
    """True where this process was started by `on_the_mainland`, so that nobody else is on its network."""
    return os.environ.get(_OWN_NETWORK) == str(Path("/proc/self/ns/net").readlink())


def on_the_mainland(arguments: Sequence[str]) -> list[str]:
    """The command that runs a Python program in a network namespace of its own."""
    script = f'ip link set lo up && export {_OWN_NETWORK}="$(readlink /proc/self/ns/net)" && exec "$@"'
    return ["unshare", "--net", "sh", "-c", script, "sh", sys.executable, *arguments]


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a cable; ``command`` is what comes before ``ip`` where the end is."""

    command: tuple[str, ...]
    device: str
    address: str
    mac: str

    async def ip(self, *lines: str) -> None:
        await _ip(self.command, lines)

    async def carries(self) -> None:
        """Wait until it does: the kernel hears of a plug up to a second later, and drops what is sent until then."""
        async with asyncio.timeout(_ANSWER_LIMIT_S):
            while b"state UP" not in await _ip(self.command, [f"link show dev {self.device}"]):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_AGAIN_S)

    def reaches(self, other: "_End", mac: str = "") -> str:
        """The line that says where frames to the other end go; without a ``mac``, to it."""
        return f"neigh replace {other.address} lladdr {mac or other.mac} dev {self.device} nud permanent"


class Cable:
    """Between a gateway and those it talks to."""

    def __init__(self, name: str, near: _End, far: _End, service: str) -> None:
        """``service`` is the address on the mainland that is reached by it, if any."""
        self.name = name
        self._near = near
        self._far = far
        self._service = service

    async def lay(self, namespace_of: int) -> None:
        """Make both ends; the near one goes to the island of that process."""
        near, far = self._near, self._far
        pair = f"link add {far.device} address {far.mac} type veth peer name {near.device} address {near.mac}"
        await far.ip(pair, f"link set {near.device} netns {namespace_of}")
        await far.ip(f"address add {far.address}/30 dev {far.device}", f"link set {far.device} up", far.reaches(near))
        await near.ip(f"address add {near.address}/30 dev {near.device}")
        await self._plug_in()

    async def take_up(self) -> None:
        """Gone at once; the end of the island alone would leave it for a moment, in the way of the next one."""
        await self._far.ip(f"link delete {self._far.device}")

    async def suffer(self, mode: str, lasts_s: float) -> None:
        """Be broken in one of the ways of `plan.PULLS` for a while, then whole again."""
        await self.pull(mode)
        try:
            await asyncio.sleep(lasts_s)
        finally:
            await self.heal()

    async def pull(self, mode: str) -> None:
        """Break it."""
        if mode == UNPLUGGED:
            await self._near.ip(f"link set {self._near.device} down")
        if mode in {SILENT, MUTE}:
            await self._near.ip(self._near.reaches(self._far, _NOBODY))
        if mode in {SILENT, DEAF}:
            await self._far.ip(self._far.reaches(self._near, _NOBODY))

    async def heal(self) -> None:
        """Whole again, whatever it was."""
        await self._far.ip(self._far.reaches(self._near))
        await self._plug_in()

    async def _plug_in(self) -> None:
        near, far = self._near, self._far
        way = [f"route replace {self._service} via {far.address} dev {near.device}"] if self._service else []
        await near.ip(f"link set {near.device} up", near.reaches(far), *way)
        for end in (near, far):
            await end.carries()


class Island:
    """One gateway's network. Whatever starts in it reaches the rest by its cables only."""

    def __init__(self, name: str, number: int, *, has_database: bool) -> None:
        self._name = name
        self._number = number
        self._ways = [way for way in Way if has_database or way is not Way.DATABASE]
        self.cables: dict[str, Cable] = {}

    @property
    def address(self) -> str:
        """Where the gateway listens for its callers."""
        return _address(self._number, 0, 2)

    @property
    def settings(self) -> dict[str, str]:
        """What a gateway has to be told to live there."""
        here = {"server__host": self.address, "callbacks__sandbox_sources": NETWORK}
        return here | {"deliveries__private_targets": NETWORK}

    @property
    def namespace(self) -> str:
        """The file that leads into it."""
        return f"/proc/{self._holder.pid}/ns/net"

    async def open(self) -> None:
        """Make the network, and lay its cables."""
        self._holder = await asyncio.create_subprocess_exec(  # it ends with us, and the network with it
            *("unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        async with asyncio.timeout(_ANSWER_LIMIT_S):
            if await self._holder.stdout.readline() != b"ready\n":
                raise RuntimeError(f"No network can be made for {self._name}.")
        there = ("nsenter", f"--net={self.namespace}")
        for number, way in enumerate(self._ways):
            serial = self._number * _CABLES_MOST + number
            near = _End(there, f"near{number}", _address(self._number, number, 2), _mac(serial, 2))
            far = _End((), f"far{serial}", _address(self._number, number, 1), _mac(serial, 1))
            cable = Cable(f"cable of {self._name} to {way}", near, far, way.address)
            await cable.lay(self._holder.pid)
            self.cables[cable.name] = cable

    async def close(self) -> None:
        """End it with its cables."""
        for cable in self.cables.values():
            await cable.take_up()
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        await self._holder.wait()


async def settle_the_mainland() -> None:
    """Give those whom gateways call their addresses; on a network that others use it would disturb them.

    They may have them already: a run on the other database was here before.
    """
    if not is_on_the_mainland():
        raise RuntimeError("Islands need a network to themselves: run `chaos/run.py`, which makes one.")
    await _ip((), [f"address replace {address}/32 dev lo" for address in _MAINLAND.values()])


def _address(island: int, cable: int, end: int) -> str:
    return f"10.77.{island * _CABLES_MOST + cable}.{end}"


def _mac(serial: int, end: int) -> str:
    return f"02:00:00:00:{serial:02x}:{end:02x}"


async def _ip(command: Sequence[str], lines: Sequence[str]) -> bytes:
    """All lines in one go, each of them as after ``ip``, and what was said to them."""
    process = await asyncio.create_subprocess_exec(
        *(*command, "ip", "-batch", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(_ANSWER_LIMIT_S):
        said, _ = await process.communicate("".join(f"{line}\n" for line in lines).encode())
    if process.returncode:
        raise RuntimeError(f"ip refused {'; '.join(lines)}: {said.decode(errors='replace').strip()}")
    return said
