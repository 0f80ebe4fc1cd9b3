"""Ports for the servers of a test, which nobody takes between the choice and the listening.

A process that starts servers claims a block of ports for as long as it lives, by holding the block's first one, and
hands the rest out in turn. So two processes of a test run never choose the same port, nor does a second run beside it;
and one process comes back to a port only after all the others of its block, and never to one that is kept. The system
ends the claim with the process.
"""

import itertools
import socket
from contextlib import suppress

# Below those that the system hands to clients, so that no connection takes ours meanwhile.
PORTS = range(12_000, 30_000)
BLOCK = 100


class Ports:
    """The ports of one process; the first use claims its block."""

    def __init__(self) -> None:
        self._claim: socket.socket | None = None
        self._turns = itertools.cycle(range(1, BLOCK))
        self.kept: set[int] = set()

    def free(self, *, is_kept: bool = False) -> int:
        """A port of the loopback that nobody listens on; one that ``is_kept`` is not handed out again."""
        self._claim = self._claim or _claimed_block()
        first = self._claim.getsockname()[1]
        for port in (first + turn for turn in itertools.islice(self._turns, BLOCK)):
            if port in self.kept:
                continue
            with suppress(OSError), socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: past what has just ended
                probe.bind(("127.0.0.1", port))
                if is_kept:
                    self.kept.add(port)
                return int(port)
        raise RuntimeError(f"Servers listen on all ports from {first} to {first + BLOCK - 1}: end those nobody needs.")


def _claimed_block() -> socket.socket:
    for first in PORTS[::BLOCK]:
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", first))
        except OSError:
            claim.close()
            continue
        return claim
    raise RuntimeError(f"All ports from {PORTS.start} to {PORTS.stop - 1} are claimed: end the test runs nobody needs.")


_OURS = Ports()


def free_port() -> int:
    """A port nobody listens on, chosen by no other process of tests; see the module."""
    return _OURS.free()


def kept_port() -> int:
    """The same for who listens there again and again: until it is given back nobody else gets it, free as it may be."""
    return _OURS.free(is_kept=True)


def give_back(port: int) -> None:
    """It is kept no longer."""
    _OURS.kept.discard(port)
