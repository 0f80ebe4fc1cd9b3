"""Draw the foot of docs/what-happens-when.md: where each test is that the page names, so that its name is a link.

``--check`` draws nothing and fails where the foot is not what the tests say.
"""

import ast
import re
import sys
from pathlib import Path

from drawing import draw

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "what-happens-when.md"
FOOT = "<!-- Drawn by scripts/draw_tests.py from here on. -->\n"
NAMED = re.compile(r"[`\[](test_\w+)[`\]]")


def lines_of_tests(path: Path) -> dict[str, int]:
    """The tests in a file, and the line on which each begins."""
    return {
        node.name: node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def page() -> str:
    """The page with a link for each test; a name that no test has, or two have, is an error."""
    rows = NAMED.sub(r"[\1]", PAGE.read_text().partition(FOOT)[0]).rstrip()
    there: dict[str, list[Path]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in lines_of_tests(path):
            there.setdefault(name, []).append(path.relative_to(ROOT))
    named = sorted(set(NAMED.findall(rows)))
    if unclear := [name for name in named if len(there.get(name, ())) != 1]:
        raise SystemExit(f"{PAGE.name} names tests of which there is none, or more than one: {', '.join(unclear)}")
    links = [f"[{name}]: ../{there[name][0].as_posix()}" for name in named]
    return "\n".join([rows, "", FOOT, *links, ""])


if __name__ == "__main__":
    sys.exit(draw({PAGE: page()}, "tests"))
