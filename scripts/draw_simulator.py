"""Draw the tables of docs/simulator.md from the simulator's code, so that they cannot drift.

The rest of the page is written by hand; a table stands between ``<!-- drawn: NAME -->`` and ``<!-- end -->``.
``--check`` draws nothing and fails where the page is not what the code says.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from drawing import draw
from wakala.simulator import faults, world
from wakala.simulator.app import CONTROL
from wakala.simulator.edge_faults import ANY, EDGE_FAULTS
from wakala.simulator.world import Rules

PAGE = Path(__file__).resolve().parent.parent / "docs" / "simulator.md"
CITED = re.compile(r" \(daraja\.md [^)]*\)")
DRAWN = re.compile(r"(<!-- drawn: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def control() -> Iterator[str]:
    """Every call of the control API, and what its handler says of itself."""
    yield "| Call | Does |"
    yield "|---|---|"
    for method, path, handler in CONTROL:
        yield f"| `{method} {path}` | {first_sentence(handler)} |"


def rules() -> Iterator[str]:
    """Every rule, its default, and the comment beside it."""
    yield "| Rule | Default | Means |"
    yield "|---|---|---|"
    source = inspect.getsource(world).splitlines()
    body = next(node for node in ast.parse("\n".join(source)).body if getattr(node, "name", "") == Rules.__name__)
    assert isinstance(body, ast.ClassDef)
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            comment = CITED.sub("", source[node.lineno - 1].partition("  # ")[2])
            yield f"| `{ast.unparse(node.target)}` | {ast.unparse(node.value).lower()} | {comment} |"


def fault_table() -> Iterator[str]:
    """Faults by kind; those of the edge once, for they are in every kind."""
    yield "| Kind | Fault | What happens |"
    yield "|---|---|---|"
    for name, means in EDGE_FAULTS.items():
        yield f"| every path, or `{ANY}` | `{name}` | {means} |"
    for (name, means), kinds in kinds_by_fault().items():
        yield f"| {', '.join(f'`{kind}`' for kind in kinds)} | `{name}` | {means} |"


def kinds_by_fault() -> dict[tuple[str, str], list[str]]:
    """Where each fault can strike, besides those of the edge."""
    kinds_of: dict[tuple[str, str], list[str]] = {}
    for kind, names in faults.CATALOGUE.items():
        for name, means in names.items():
            if EDGE_FAULTS.get(name) != means:
                kinds_of.setdefault((name, means), []).append(kind)
    return kinds_of


def first_sentence(handler: Callable[..., object]) -> str:
    """What a docstring begins with."""
    return (inspect.getdoc(handler) or "").partition("\n")[0]


TABLES = {"control": control, "rules": rules, "faults": fault_table}


def page() -> str:
    """The page with its tables drawn anew."""

    def drawn(found: re.Match[str]) -> str:
        table = "\n".join(TABLES[found[2]]())
        return f"{found[1]}{table}\n{found[3]}"

    return DRAWN.sub(drawn, PAGE.read_text())


if __name__ == "__main__":
    sys.exit(draw({PAGE: page()}))
