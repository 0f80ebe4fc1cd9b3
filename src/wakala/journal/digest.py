"""What proves that a backup is, byte for byte, what was written: a last line with the SHA-256 of all that is before it.

In the file, for a file beside it gets lost. At its end, for both databases find their way by its head: `sqlite3` and
`pg_restore` open it as if the line were not there, and so do older versions of Wakala.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wakala.errors import ConfigurationError

BEFORE, AFTER = b"\nwakala backup: SHA-256 ", b" of all before this line\n"
LINE_BYTES = len(BEFORE) + 64 + len(AFTER)
_LINE = re.compile(re.escape(BEFORE) + rb"([0-9a-f]{64})" + re.escape(AFTER))
PIECE_BYTES = 1_048_576  # read at once: memory stays flat whatever the size of the backup
TAIL_BYTES = 65_536  # where a line may stand that is not the last any more: a copy by blocks fills up with zeros


@dataclass(frozen=True, slots=True)
class Proof:
    """The SHA-256 of the whole file, as `sha256sum` shows it, and whether the file has one of its own that agrees."""

    sha256: str
    is_checked: bool


def append(file: Path) -> str:
    """Write the last line; the SHA-256 of the whole file."""
    with file.open("r+b") as target:
        hasher = _hashed(target, file.stat().st_size)
        line = BEFORE + hasher.hexdigest().encode() + AFTER
        hasher.update(line)
        target.seek(0, os.SEEK_END)
        target.write(line)
    return hasher.hexdigest()


def prove(file: Path, *, is_due: bool) -> Proof:
    """`ConfigurationError` where the file is not what was written. ``is_due`` where it must have the line."""
    with file.open("rb") as source:
        hasher = _hashed(source, max(0, file.stat().st_size - LINE_BYTES))
        content, line = hasher.hexdigest().encode(), source.read()
    found = _LINE.fullmatch(line)
    if found is None and is_due:
        raise ConfigurationError(f"{file} is damaged: its end is missing or altered. Copy it anew, or use another one.")
    if found is not None and found[1] != content:
        raise ConfigurationError(
            f"{file} is damaged: by its SHA-256 it is not what was backed up. Copy it anew, or use another one."
        )
    hasher.update(line)
    return Proof(hasher.hexdigest(), is_checked=found is not None)


def has_traces(file: Path) -> bool:
    """Whether there is, or was, such a line at the end of a file that does not end in a line break by itself."""
    with file.open("rb") as source:
        source.seek(max(0, file.stat().st_size - TAIL_BYTES))
        tail = source.read()
    return BEFORE in tail or AFTER in tail or any(tail.endswith(BEFORE[:size]) for size in range(1, len(BEFORE)))


def _hashed(source: BinaryIO, size: int) -> "hashlib._Hash":
    """Of so many bytes from the beginning; what follows is read next."""
    hasher = hashlib.sha256()
    while size and (piece := source.read(min(size, PIECE_BYTES))):
        hasher.update(piece)
        size -= len(piece)
    return hasher
