"""Starts the programs of a run quickly: it has imported them once, and forks for each start.

Two cores are soon busy with nothing but imports where something is killed every two seconds. A forked program is a
process of its own all the same: it opens its own files, sockets and database, and may be killed at any line.

It reads a JSON object a line (``arguments`` as after ``python``, ``environment``, ``log``, ``network``). It says
``started NUMBER`` of each process, and ``ended NUMBER CODE`` when it is gone; the code of one that a signal killed is
negative.
"""

import ctypes
import gc
import json
import os
import random
import runpy
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import standardwebhooks  # noqa: F401 - these imports are what it is for
import uvloop  # noqa: F401

import wakala.cli
import wakala.serving
import wakala.simulator.main  # noqa: F401

CLONE_NEWNET = 0x40000000


def become(order: dict[str, Any]) -> None:
    """Turn this fork into the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, place)
    if order["network"]:
        enter(order["network"])
    os.environ.clear()
    os.environ.update(order["environment"])
    random.seed()  # else all of them would have the same chances
    arguments = order["arguments"]
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(arguments)
        runpy.run_path(arguments[0], run_name="__main__")


def enter(network: str) -> None:
    """From here on this process knows that network only; Python has a call for it since 3.12."""
    with Path(network).open() as place:
        if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {network}")


def main() -> None:
    """Fork for every line until there are no more."""
    living: set[int] = set()
    signal.signal(signal.SIGCHLD, lambda *_: living.difference_update(bury()))
    gc.freeze()
    for line in sys.stdin:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # nobody ends before it was said to have started
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
            os._exit(0)
        living.add(pid)
        say(f"started {pid}")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for pid in living:  # of a run that was itself killed; a frozen one would stay for good
        os.kill(pid, signal.SIGKILL)


def bury() -> Iterator[int]:
    """Tell how each of those that are gone has ended."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            say(f"ended {found[0]} {os.waitstatus_to_exitcode(found[1])}")
            yield found[0]


def say(words: str) -> None:
    """In one write: a signal may come between any two. Who is killed hears nothing more."""
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{words}\n".encode())


if __name__ == "__main__":
    main()
