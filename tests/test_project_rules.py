"""Rules of the project that no linter knows."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE_LINES_COUNT_MAX = 600  # beyond that a file is about two things
# Spelled apart, so that this file does not find itself.
LEFTOVERS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
FOLDERS = ("src", "tests", "benchmarks", "scripts", "docs", ".ci")
WRITTEN_BY_HAND = {".py", ".sh", ".md", ".sql", ".html", ".css", ".js", ".php", ".toml", ""}
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def written_by_hand() -> list[Path]:
    return [
        path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file()
        and path.suffix in WRITTEN_BY_HAND
        and ".min." not in path.name
        and not {"__pycache__", "vendor", "node_modules"} & set(path.parts)
        and not any(part.endswith(".egg-info") for part in path.parts)
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_names_versions_and_hashes_but_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text, f"{lock.name} names a download address; write it with make lock."
    assert not re.search(r"^--(?!hash)", text, re.MULTILINE), f"{lock.name} sets an option of pip's; use make lock."
    pinned = re.findall(r"^([a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,._-]+\])?)(.*)$", text, re.MULTILINE)
    assert pinned
    for name, rest in pinned:
        assert re.fullmatch(r"==\S+( ; .+)? \\", rest), f"{lock.name}: {name} has no exact version or no hash."


def test_no_source_file_is_about_two_things() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in written_by_hand()
        if path.suffix == ".py" and (lines := len(path.read_text().splitlines())) > SOURCE_LINES_COUNT_MAX
    }
    assert not long, f"Split these files, {SOURCE_LINES_COUNT_MAX} lines are the most: {long}"


def test_nothing_is_left_for_later_in_the_files() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in written_by_hand()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if LEFTOVERS.search(line)
    ]
    assert not found, f"Do it now or write it into the tracker: {found}"


def test_every_dependency_says_why_it_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    for requirement in (line for group in groups for line in group):
        name = re.split(r"[<>=~!\[; ]", requirement)[0]
        assert f"| {name} |" in reasons, f"Say in docs/dependencies.md in one line why {name} is there."


def test_no_reason_outlives_its_dependency() -> None:
    wanted = (ROOT / "pyproject.toml").read_text()
    for name in re.findall(r"^\| ([a-z][a-z0-9-]*) \|", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE):
        assert f'"{name}>=' in wanted, f"docs/dependencies.md explains {name}, which pyproject.toml does not name."


def test_make_alone_lists_every_target() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = subprocess.run(["make", "-C", ROOT], check=True, capture_output=True, text=True).stdout
    assert targets >= {"demo", "test", "check", "bench", "docs", "serve", "lock", "clean"}
    for target in sorted(targets - {"help"}):
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), f"make does not list {target}."
