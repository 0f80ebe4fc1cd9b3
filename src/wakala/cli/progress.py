"""What a person sees while a command takes long. Where nobody looks there is nothing: a log has no use for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from wakala.cli.context import MIB_BYTES, visible


class _Grown(ProgressColumn):
    """How large a file has become, and how large it will be."""

    max_refresh = 0.5

    def __init__(self, file: Path, like: Path | None) -> None:
        super().__init__()
        self._file = file
        self._most = "" if like is None else f" of {like.stat().st_size / MIB_BYTES:,.1f}"

    def render(self, task: Task) -> Text:  # noqa: ARG002 - as rich calls it
        """The size as it is now."""
        try:
            size_bytes = self._file.stat().st_size
        except FileNotFoundError:
            size_bytes = 0
        return Text(f"{size_bytes / MIB_BYTES:,.1f}{self._most} MiB")


@contextmanager
def shown(what: str, grows: Path | None = None, like: Path | None = None) -> Iterator[None]:
    """Says on a terminal's stderr ``what`` is done, for how long, and how large the file is that ``grows``.

    ``like`` is a file as large as it will be, where there is one. It is gone when the block ends, and what the command
    says next stands in its place.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield
        return
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()]
    if grows is not None:
        columns.insert(2, _Grown(grows, like))
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(visible(what), total=None)
        yield
