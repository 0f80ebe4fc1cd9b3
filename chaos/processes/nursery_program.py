"""Starts the programs of a run quickly: it has imported them once, and forks for each start.

Two cores are soon busy with nothing but imports where something is killed every two seconds. A forked program is a
process of its own all the same: it opens its own files, sockets and database, and may be killed at any line.

It reads a JSON object a line (``arguments`` as after ``python``, ``environment``, ``log``) and answers with a process's
number.
"""

import gc
import json
import os
import random
import runpy
import signal
import sys
from typing import Any

import standardwebhooks  # noqa: F401 - these imports are what it is for
import uvloop  # noqa: F401

import wakala.cli
import wakala.serving
import wakala.simulator.main  # noqa: F401


def become(order: dict[str, Any]) -> None:
    """Turn this fork into the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, place)
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


def main() -> None:
    """Fork for every line until there are no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried by the system
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
