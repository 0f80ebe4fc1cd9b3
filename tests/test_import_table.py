"""Who may import whom in the gateway: the table, and the test that holds it.

A row names what a module may import besides itself and ``errors``. Every module of ``wakala`` stands in the table; a
new one needs a row of its own before it may be imported at all.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = "wakala"
SOURCE = Path(__file__).resolve().parents[1] / "src" / PACKAGE

FLOORS_1_TO_3 = {
    "rules",
    "wire",
    "journal",
    "outgoing",
    "upstream",
    "directory",
    "payments",
    "deliveries",
    "identity",
    "deadlines",
} | {"initiators", "confirmations", "pulling"}
EVERYTHING_BUT_THE_SIMULATOR = FLOORS_1_TO_3 | {
    "administration",
    "config",
    "workers",
    "web",
    "store",
    "runtime",
    "serving",
    "reception",
    "one_write",
    "cli",
}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    # The type of clocks and IDs, which runtime hands down; rules and wire take plain values instead.
    "identity": set(),
    "config": {"rules"},
    "rules": set(),
    "wire": {"rules"},
    "deadlines": set(),
    "journal": {"rules", "deadlines"},
    "outgoing": {"deadlines"},
    "upstream": {"wire", "rules", "outgoing", "identity"},
    "directory": {"rules", "journal", "upstream"},
    "administration": {"rules", "journal", "identity"},
    "initiators": {"rules", "journal", "directory", "identity"},
    "payments": {"rules", "journal", "upstream", "directory", "initiators", "identity"},
    "confirmations": {"rules", "journal", "directory", "payments", "identity"},
    "pulling": {"rules", "wire", "journal", "upstream", "directory", "confirmations", "identity"},
    "deliveries": {"rules", "wire", "journal", "outgoing", "directory", "identity"},
    "workers": {"payments", "confirmations", "pulling", "deliveries", "journal", "rules", "directory", "identity"},
    "web": {
        "payments",
        "confirmations",
        "deliveries",
        "journal",
        "wire",
        "rules",
        "directory",
        "identity",
        "reception",
    },
    "store": {"config", "journal", "identity", "rules"},
    "runtime": EVERYTHING_BUT_THE_SIMULATOR,
    # HTTP and nothing else: who calls, and what about, is for what stands behind it.
    "reception": set(),
    "one_write": {"reception"},
    "serving": {"config", "runtime", "one_write"},
    "cli": EVERYTHING_BUT_THE_SIMULATOR,
    "__main__": {"cli"},
    # Programs of their own: the simulator shares no code with the gateway but its HTTP, so that both cannot be wrong in
    # the same way; the demo talks HTTP and runs the command line, as a stranger would.
    "simulator": {"reception"},
    "demo": set(),
    # Knows nothing of what answers behind it.
    "redirect": set(),
    # Knows the gateway by its API alone; the client that brings notifications brings them here too.
    "tunnel": {"outgoing"},
}
MAY_NOT_IMPORT_ERRORS = {"simulator", "redirect"}
# Only to start them: imported inside the command's function, so that no other command pays for it.
LAZILY: dict[str, set[str]] = {"cli": {"simulator", "demo", "redirect", "tunnel"}}


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def dotted(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> frozenset[str]:
    return frozenset(dotted(file) for file in files())


def top_level(module: str) -> str:
    """``wakala.rules.payment`` belongs to ``rules``; the package itself to the empty string."""
    return module.partition(".")[2].partition(".")[0]


def statements(tree: ast.AST, *, at_import: bool) -> Iterator[ast.stmt]:
    """Import statements: all of them, or only those that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not (at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)):
            yield from statements(node, at_import=at_import)


def imported(file: Path, *, at_import: bool) -> set[str]:
    """The modules of the package that a file imports, by their dotted names; relative imports are resolved."""
    found: set[str] = set()
    package = dotted(file) if file.name == "__init__.py" else dotted(file).rpartition(".")[0]
    for node in statements(ast.parse(file.read_text()), at_import=at_import):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names = {f"{base}.{name.name}" for name in node.names}
            # What is no module of its own is a name that ``base`` offers.
            found.update(name if name in modules() else base for name in names)
    return {name for name in found if name == PACKAGE or name.startswith(PACKAGE + ".")}


def allowed(module: str, *, at_import: bool) -> set[str]:
    errors = set() if module in MAY_NOT_IMPORT_ERRORS else {"errors"}
    lazily = set() if at_import else LAZILY.get(module, set())
    # The package itself (the empty string) holds the version and nothing else.
    return MAY_IMPORT[module] | lazily | errors | {module, ""}


@pytest.mark.parametrize("file", files(), ids=dotted)
def test_a_module_imports_only_what_its_row_allows(file: Path) -> None:
    module = top_level(dotted(file))
    if module == "":
        assert not imported(file, at_import=False), "src/wakala/__init__.py imports nothing of the package."
        return
    assert module in MAY_IMPORT, f"src/wakala/{module} is new: give it a row in {Path(__file__).name}."
    for at_import in (True, False):
        for name in sorted(imported(file, at_import=at_import)):
            other = top_level(name)
            if other not in allowed(module, at_import=at_import):
                pytest.fail(
                    f"{dotted(file)} imports {name}, but {module} may import "
                    f"{', '.join(sorted(allowed(module, at_import=at_import) - {module, ''})) or 'nothing'}."
                )


@pytest.mark.parametrize("part", ["payments", "deliveries", "web", "rules"])
def test_nothing_above_the_connectors_knows_which_side_is_used(part: str) -> None:
    sides = {"wakala.upstream.daraja", "wakala.upstream.broker", "wakala.upstream.sides"}
    for file in files():
        if top_level(dotted(file)) == part:
            assert not imported(file, at_import=False) & sides, dotted(file)


def test_no_two_modules_import_each_other() -> None:
    graph = {
        dotted(file): sorted((imported(file, at_import=True) & modules()) - {dotted(file), PACKAGE}) for file in files()
    }
    cycle = find_cycle(graph)
    assert cycle is None, "These modules import each other in a ring: " + " -> ".join(cycle or [])


def find_cycle(graph: dict[str, list[str]]) -> list[str] | None:
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str] | None:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        for other in graph[name]:
            if ring := walk(other, [*path, name]):
                return ring
        done.add(name)
        return None

    return next((ring for name in graph if (ring := walk(name, []))), None)


def test_a_ring_is_found() -> None:
    assert find_cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    assert find_cycle({"a": ["b", "c"], "b": ["c"], "c": []}) is None
