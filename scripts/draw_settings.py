"""Draw docs/settings.md from wakala.config, so that no setting is without a line and no default can drift.

``--check`` draws nothing and fails where the page is not what the code says.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from drawing import draw
from wakala import config

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
CITED = re.compile(r" \((?:daraja|experience)\.md [^)]*\)")

HEAD = """\
# Every setting

Drawn by `scripts/draw_settings.py` from `src/wakala/config.py`. `wakala init` writes a `wakala.toml` with those that
are mostly set; what is not in it has its default. Its `sandbox_url` is that of a `wakala simulator` on this machine,
unless `--sandbox-url` names another.

Each may come from the environment instead: `WAKALA__SERVER__PORT=9000` is `port` in the table `[server]`, and lists
are written with commas. The environment wins over the file. A name that is not here is refused, and so is a value of a
wrong kind, a negative number, or one above a billion. The last part of a name is its unit: `_s` is seconds, `_days`
days, `_mib` MiB, `_per_s` so many a second.

A running gateway reads its settings once, at its start.
"""


def page() -> str:
    """The whole page."""
    comments = dict(_comments())
    parts = [HEAD]
    alone = []
    for field in msgspec.structs.fields(config.Settings):
        if isinstance(field.default, msgspec.Struct):
            parts.append("\n".join(_table(field.name, field.default, comments)))
        else:
            alone.append(_row(field.name, field.default, comments["Settings", field.name]))
    parts.append("\n".join(["## In no table", "", *_TOP, *alone, ""]))
    return "\n".join(parts)


_TOP = ("| Setting | Default | Means |", "|---|---|---|")


def _table(name: str, held: msgspec.Struct, comments: dict[tuple[str, str], str]) -> Iterator[str]:
    kind = type(held)
    means = CITED.sub("", " ".join((inspect.getdoc(kind) or "").replace("``", "`").split()))
    yield from (f"## [{name}]", "", means, "", *_TOP)
    for field, value in msgspec.structs.asdict(held).items():
        yield _row(field, value, comments[kind.__name__, field])
    yield ""


def _row(name: str, value: Any, comment: str) -> str:
    comment = re.sub(r"http://\S+", r"`\g<0>`", comment)  # no link, though it looks like one
    return f"| `{name}` | {_shown(value)} | {comment} |"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(one) for one in value) or "none"
    if isinstance(value, str):
        return f"`{value}`" if value else "none"
    return f"{value:.10g}"


def _comments() -> Iterator[tuple[tuple[str, str], str]]:
    """What stands beside each field; a setting without a word fails here."""
    source = inspect.getsource(config)
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                comment = CITED.sub("", lines[field.lineno - 1].partition("  # ")[2])
                if not comment and not isinstance(field.value, ast.Call):
                    raise ValueError(f"{node.name}.{field.target.id}: say beside it what it is for.")
                yield (node.name, field.target.id), comment


if __name__ == "__main__":
    sys.exit(draw({PAGE: page()}))
