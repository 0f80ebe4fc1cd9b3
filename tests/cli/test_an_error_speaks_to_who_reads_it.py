"""A program that called the API and a person who typed a command are told the same thing, each in their own words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import wakala
from wakala import errors
from wakala.errors import DatabaseAwayError, DatabaseFaultError, FieldFault, InvalidFieldsError, WakalaError

SOURCE = Path(wakala.__file__).parent
# What no command comes by: it answers HTTP, or carries out a payment that came by it.
NEVER_TYPED = ("web/", "payments.py", "simulator/")
OF_PROGRAMS = re.compile(
    r"RequestID|openapi|\bGET\b|\bPOST\b|Authorization|Bearer|JSON|header|body|field|request|errors"
)


def raised() -> Iterator[str]:
    """The names of what is raised, or made to be raised, where a command may come by."""
    for path in SOURCE.rglob("*.py"):
        if path.relative_to(SOURCE).as_posix().startswith(NEVER_TYPED):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            made = node.func if isinstance(node, ast.Call) else node.exc if isinstance(node, ast.Raise) else None
            if isinstance(made, ast.Name):
                yield made.id


def kinds(root: type[WakalaError] = WakalaError) -> Iterator[type[WakalaError]]:
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


REACHABLE = sorted(
    {one for one in kinds() if one.__module__ == errors.__name__} & {getattr(errors, name, None) for name in raised()},
    key=lambda one: one.__name__,
)


def test_those_that_every_command_may_meet_are_among_them() -> None:
    assert {errors.ConfigurationError, DatabaseFaultError, DatabaseAwayError, InvalidFieldsError} <= set(REACHABLE)


@pytest.mark.parametrize("kind", REACHABLE)
def test_no_error_of_a_command_speaks_of_requests_and_headers(kind: type[WakalaError]) -> None:
    assert not OF_PROGRAMS.search(kind().spoken), kind().spoken


def test_what_happened_stands_before_the_advice_for_either() -> None:
    fault = DatabaseAwayError(what="SQLite refused: disk I/O error.")
    assert fault.sentence == f"SQLite refused: disk I/O error. {DatabaseFaultError.sentence}"
    assert fault.spoken == f"SQLite refused: disk I/O error. {DatabaseFaultError.spoken}"
    assert str(fault) == fault.sentence


def test_a_more_exact_sentence_is_for_everybody() -> None:
    fault = InvalidFieldsError("Send as Frequency one of a, b.", faults=(FieldFault("/Frequency", "no"),))
    assert fault.sentence == fault.spoken == "Send as Frequency one of a, b."


def test_who_words_a_sentence_anew_does_not_inherit_the_other_ones_words() -> None:
    class AnotherError(DatabaseFaultError):
        sentence = "Wait for a full moon."

    assert AnotherError().spoken == "Wait for a full moon."
