"""The command line: ``wakala --help`` teaches it."""

import io
import os
import sys
from pathlib import Path

from wakala.errors import WakalaError

EXIT_FAILED = 1
EXIT_NOT_FOUND = 4
EXIT_BY_STATUS = {401: 3, 403: 3, 404: 4, 409: 5, 502: 6}
EXIT_INTERRUPTED = 130
NO_TEXT = "wakala: An argument has bytes that are no UTF-8 text: write it anew, in a terminal that is set to UTF-8."


def main() -> None:
    """Run a command; every error is one sentence on stderr, never a stack trace."""
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except SystemExit as end:
        if _comes_of(end, KeyboardInterrupt):  # at a prompt: there Ctrl-C is told as if somebody had said no
            sys.exit(EXIT_INTERRUPTED)
        raise


def _comes_of(end: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether one of that kind was the cause, or was under way."""
    return end is not None and (
        isinstance(end, kind) or _comes_of(end.__cause__, kind) or _comes_of(end.__context__, kind)
    )


def _run() -> None:
    from wakala.cli.commands import cli  # noqa: PLC0415 - takes so long that a person may press Ctrl-C meanwhile
    from wakala.cli.context import say  # noqa: PLC0415

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal or pipe that has no place for a tick or an arrow
            stream.reconfigure(errors="backslashreplace")
    if sys.stdin is None:  # who started us had closed it: nobody is there to answer
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - for as long as the process lasts
    try:
        cli(prog_name="wakala")
    except UnicodeEncodeError:
        say(NO_TEXT)
        sys.exit(EXIT_FAILED)
    except WakalaError as error:
        is_no_text = _comes_of(error, UnicodeEncodeError)  # the database was given such bytes
        say(NO_TEXT if is_no_text else f"wakala: {error.spoken}")
        for fault in error.faults:
            say(f"  {fault.pointer}: {fault.message}")
        sys.exit(EXIT_BY_STATUS.get(error.status, EXIT_FAILED))
    except OSError as error:  # a place that is not there, or where we may not read or write
        say(f"wakala: {error.filename or 'the system'}: {error.strerror or error}")
        sys.exit(EXIT_FAILED)
