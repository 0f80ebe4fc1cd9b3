"""The command line inside the test: `main` as the shell would call it, with what it printed and how it ended."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from wakala.cli import main
from wakala.cli.context import CONTEXT


@dataclass
class Ended:
    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def wakala(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Command]:
    """Run a command in an empty folder; ``stdin`` is what is piped into it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in list(os.environ):
        if name.startswith("WAKALA"):
            monkeypatch.delenv(name)
    umask = os.umask(0o022)
    config = CONTEXT.config

    def run(*arguments: str, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", ["wakala", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Ended(code, printed.out, printed.err)

    yield run
    for name in list(os.environ):  # what `serve --port` says to itself, nobody else in this process is to hear
        if name.startswith("WAKALA"):
            del os.environ[name]
    CONTEXT.config = config
    os.umask(umask)
