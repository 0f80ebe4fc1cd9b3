"""A table is good to read on any terminal: no ID, URL or moment is broken, and nothing is left out."""

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import Command
from wakala.cli.tables import laid_out

NOTE = "ntf_01a22b4a3524ab2f8073859e5df8"
HOOK = "https://orders.mamamboga.example.co.ke/hooks/mpesa/notifications"
COLUMNS = ("At", "NotificationID", "State", "Type", "Error")
ROWS = (
    ("2026-11-30T07:10:13", NOTE, "waiting", "payment.succeeded", "No connection to 10.0.0.1: Connection refused."),
    ("2026-11-30T07:10:12", NOTE, "delivered", "collection.succeeded", ""),
)


def test_a_wide_terminal_has_a_line_a_row() -> None:
    heading, lines = laid_out(COLUMNS, ROWS, 200)
    assert heading.split() == list(COLUMNS)
    assert [line.split() for line in lines] == [" ".join(row).split() for row in ROWS]


def test_what_has_no_room_in_a_row_stands_below_it_with_its_name() -> None:
    heading, lines = laid_out(COLUMNS, ROWS, 80)
    assert heading.split() == ["At", "NotificationID", "State"]
    assert lines == [
        f"2026-11-30T07:10:13  {NOTE}  waiting",
        "    Type: payment.succeeded",
        "    Error: No connection to 10.0.0.1: Connection refused.",
        f"2026-11-30T07:10:12  {NOTE}  delivered",
        "    Type: collection.succeeded",
    ]


def test_a_sentence_in_the_last_column_is_wrapped_between_words() -> None:
    sentence = "only failures since yesterday, the last of them: no connection"
    assert laid_out(("Check", "Finding"), [("endpoint shop", sentence)], 50)[1] == [
        "endpoint shop  only failures since yesterday, the",
        "               last of them: no connection",
    ]


def test_a_word_that_is_wider_than_its_column_stands_below_the_row_in_one_piece() -> None:
    rows = [("CallbackUrl", HOOK), ("State", "active")]
    assert laid_out(("Field", "Value"), rows, 70)[1] == ["CallbackUrl", f"    {HOOK}", "State        active"]


words = st.text("ab-/:.", min_size=1, max_size=30)
cells = st.lists(words, max_size=4).map(" ".join)


@given(st.lists(st.tuples(cells, cells, cells, cells), min_size=1, max_size=4), st.integers(1, 130))
def test_no_word_is_broken_or_left_out_at_any_width(rows: list[tuple[str, ...]], width: int) -> None:
    columns = ("One", "Two", "Three", "Four")
    heading, lines = laid_out(columns, rows, width)
    named = " ".join(lines).split()
    for row in rows:
        for word in " ".join(row).split():
            named.remove(word)
    assert set(heading.split()) | {name.rstrip(":") for name in named} <= set(columns)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_every_word_of_the_pipe_and_no_line_wider_than_it_is(
    wakala: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.delenv("COLUMNS")
    assert wakala("init").code == 0
    created = ("app", "create", "--name", "branch-nakuru", "--organisation", "Mama Mboga Groceries Ltd")
    assert wakala(*created, "--callback-url", HOOK).code == 0
    for arguments in (("app", "list"), ("endpoint", "list"), ("endpoint", "show", "branch-nakuru")):
        _, _, *rows = wakala(*arguments).out.splitlines()
        shown = on_a_terminal(columns, *arguments)
        assert set(shown.split()) >= set(" ".join(rows).split())
        assert max(map(len, shown.splitlines())) <= columns
        assert HOOK in shown


def on_a_terminal(columns: int, *arguments: str) -> str:
    """What a command writes to a terminal so wide, without the signs for bold and underlined."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-m", "wakala", *arguments], stdin=theirs, stdout=theirs, env=environment, check=True
    )
    assert done.returncode == 0
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(ours, 65_536)
        except OSError:  # all that was written has been read
            break
    os.close(ours)
    return re.sub(r"\x1b\[\d+m", "", text.decode()).replace("\r\n", "\n")
