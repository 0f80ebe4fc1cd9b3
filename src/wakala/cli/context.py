"""What every command shares: where the settings are, and how an answer is printed."""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from wakala.cli.tables import laid_out
from wakala.config import Settings, load

Result = TypeVar("Result")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_CONFIG = Path("wakala.toml")
MIB_BYTES = 1_048_576
PIPE_WIDTH = sys.maxsize  # nobody looks at a pipe, and grep wants all of a row in one line


@dataclass(slots=True)
class Context:
    """Set once from the options before the command."""

    config: Path | None = None

    def settings(self) -> Settings:
        """The settings of this installation."""
        if self.config is None and not DEFAULT_CONFIG.exists():
            return load(None)
        return load(self.config or DEFAULT_CONFIG)


CONTEXT = Context()


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Carry out the asynchronous part of a command."""
    return asyncio.run(coroutine)


def print_json(value: Any) -> None:
    """For programs: JSON on stdout."""
    sys.stdout.write(json_text(value, indent=2) + "\n")


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON whose control characters are spelled, also those that JSON lets stand: a program reads the same."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def moment(text: str | None) -> str:
    """A moment in UTC to the second, in one piece; nothing where there was none."""
    return (text or "")[:19]


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """For people: a table, or a sentence where there is nothing to show."""
    console = Console(highlight=False)
    if not rows:
        console.out(empty)
        return
    is_watched = console.is_terminal or "COLUMNS" in os.environ
    cells = [["" if cell is None else visible(str(cell)).replace("\n", " ") for cell in row] for row in rows]
    heading, lines = laid_out(columns, cells, console.width if is_watched else PIPE_WIDTH)
    console.out(visible(title), style="bold")
    console.out(heading, style="underline")
    console.out(*lines, sep="\n")


def visible(text: str) -> str:
    """What strangers wrote must not steer the terminal: control characters are shown, not obeyed."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)


def say(sentence: str) -> None:
    """For people, on stderr, so that stdout stays for answers."""
    sys.stderr.write(visible(sentence) + "\n")
