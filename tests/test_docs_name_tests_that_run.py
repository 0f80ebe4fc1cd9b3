"""A page that points to a test leads to one that exists, in the repository and in the built documentation."""

import re
from pathlib import Path

from draw_tests import FOOT, lines_of_tests
from show_tests import LINK, led_there

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "what-happens-when.md"


def test_every_test_that_the_page_names_exists_and_is_linked() -> None:
    rows, _, foot = PAGE.read_text().partition(FOOT)
    named = set(re.findall(r"\btest_\w+", rows))
    assert len(named) > 20
    linked = dict(re.findall(r"^\[(test_\w+)\]: \.\./(tests/\S+\.py)$", foot, re.MULTILINE))
    assert set(linked) == named
    assert named == set(re.findall(r"\[(test_\w+)\]", rows)), "a name in backticks is no link"
    for name, path in linked.items():
        assert name in lines_of_tests(ROOT / path)


def test_in_the_built_page_a_link_leads_to_the_line_on_which_the_test_begins() -> None:
    path, name = "tests/test_docs_name_tests_that_run.py", "test_every_test_that_the_page_names_exists_and_is_linked"
    built = led_there(f'<td><a href="../{path}">{name}</a></td>')
    line = Path(__file__).read_text().splitlines().index(f"def {name}() -> None:") + 1
    assert f'<a href="{path}.html#line-{line}">' in built
    assert built.replace("<wbr>", "").endswith(f"{name}</a></td>")
    assert not LINK.search(built)
