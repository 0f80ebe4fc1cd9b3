"""Pages that are made from the code."""

import sys
from collections.abc import Mapping
from pathlib import Path


def draw(pages: Mapping[Path, str], source: str = "code") -> int:
    """Write the pages, or with ``--check`` say which are not what their source says; the exit code."""
    if "--check" in sys.argv:
        stale = [path.name for path, text in pages.items() if not path.exists() or path.read_text() != text]
        if stale:
            print(f"{', '.join(stale)}: not what the {source} says; run `make docs`.")
        return int(bool(stale))
    for path, text in pages.items():
        path.write_text(text)
        print(f"Drew {path.name}")
    return 0
