"""The command line: ``wakala --help`` teaches it."""

import sys

from wakala.cli.commands import cli
from wakala.cli.context import say
from wakala.errors import WakalaError

EXIT_FAILED = 1
EXIT_NOT_FOUND = 4
EXIT_BY_STATUS = {401: 3, 403: 3, 404: 4, 409: 5, 502: 6}
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run a command; every error is one sentence on stderr, never a stack trace."""
    try:
        cli(prog_name="wakala")
    except WakalaError as error:
        say(f"wakala: {error.sentence}")
        for fault in error.faults:
            say(f"  {fault.pointer}: {fault.message}")
        sys.exit(EXIT_BY_STATUS.get(error.status, EXIT_FAILED))
    except OSError as error:  # a place that is not there, or where we may not read or write
        say(f"wakala: {error.filename or 'the system'}: {error.strerror or error}")
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
