"""Tables as lines: as good to read on a narrow terminal as on a wide one, and nothing in them is broken or left out.

A column is as wide as its longest cell. Those for which a row has no room stand below it, each with its name. Only the
last column is wrapped, between words: an ID, a URL or a moment stays in one piece, so that it can be found and copied.
"""

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

GAP = "  "
BETWEEN = "   "  # of two cells below a row
INDENT = "    "
SENTENCE_MIN_CHARS = 30  # narrower, a sentence is a column of single words
_HELD = "\u00a0"  # where a line is not to break


def laid_out(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> tuple[str, list[str]]:
    """The heading, and the lines of the rows; a line a row where ``width`` allows."""
    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    kept = _kept(widths, width)
    *fixed, last = kept
    start = sum(widths[place] + len(GAP) for place in fixed)

    def front(cells: Sequence[str]) -> str:
        return "".join(set_cell_size(cells[place], widths[place]) + GAP for place in fixed)

    lines: list[str] = []
    for row in rows:
        beside = _wrapped(row[last], width - start)
        below = [f"{columns[place]}: {cell}" for place, cell in enumerate(row) if cell and place not in kept]
        if fixed and max(map(cell_len, beside)) > width - start:
            beside, below = [""], [row[last], *below]
        lines.append(front(row) + beside[0])
        lines += [" " * start + part for part in beside[1:]]
        lines += [INDENT + part for part in _wrapped(_packed(below, width - len(INDENT)), width - len(INDENT)) if part]
    return front(columns) + columns[last], [line.rstrip().replace(_HELD, " ") for line in lines]


def _kept(widths: Sequence[int], width: int) -> list[int]:
    """Which columns a row has room for, from the left."""
    kept, taken = [0], widths[0]
    for place, natural in enumerate(widths[1:], start=1):
        wanted = natural if place < len(widths) - 1 else min(natural, SENTENCE_MIN_CHARS)
        if taken + len(GAP) + wanted <= width:
            kept.append(place)
            taken += len(GAP) + wanted
    return kept


def _packed(cells: Sequence[str], width: int) -> str:
    """In a row; one that fits into a line is not spread over two."""
    return BETWEEN.join(cell.replace(" ", _HELD) if cell_len(cell) <= width else cell for cell in cells)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]
