"""What gateways' processes and logs say against them, and what a fault of the run explains."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from checker import RULES
from evidence import Attempt, Evidence, Owed, Payment
from evidence import Journal as Kept
from processes.actors import End
from processes.books import Books
from processes.breaking import unfinished
from processes.ends import AFTERMATH_S, STOP_LIMIT_S, Outage, bad_ends, tracebacks
from processes.report import Result
from processes.store import Standing

STOPPED = End("gateway-0", signal.SIGTERM, 0, has_served=True, began_s=10, told_s=20, ended_s=21)
FAILED_TO_START = End("gateway-0", None, 1, has_served=False, began_s=10, told_s=12, ended_s=12)
DATABASE_AWAY = Outage("database", 9, 11)

# ── ends ──


def test_who_is_killed_or_stops_in_order_is_no_finding() -> None:
    killed = replace(STOPPED, order=signal.SIGKILL, code=-signal.SIGKILL)

    assert list(bad_ends([STOPPED, killed], [])) == []


@pytest.mark.parametrize("code", [0, 1, -signal.SIGSEGV])
def test_an_end_in_the_middle_of_its_work_is_found_whatever_was_struck(code: int) -> None:
    end = replace(FAILED_TO_START, code=code, has_served=True)

    assert list(bad_ends([end], [DATABASE_AWAY])) == [
        f"gateway-0 ended by itself, in the middle of its work, with code {code}."
    ]


@pytest.mark.parametrize("outage", [DATABASE_AWAY, Outage("gateway-0 to database", 11, 30)])
def test_a_start_that_fails_is_found_whatever_was_struck(outage: Outage) -> None:
    """A gateway waits for its database."""
    assert list(bad_ends([FAILED_TO_START], [outage])) == ["gateway-0 ended by itself, before it served, with code 1."]


@pytest.mark.parametrize(
    "end",
    [
        replace(STOPPED, code=1),
        replace(STOPPED, code=-signal.SIGKILL),
        replace(STOPPED, ended_s=20 + STOP_LIMIT_S + 1),
    ],
)
def test_a_stop_that_fails_or_takes_too_long_is_found(end: End) -> None:
    [sentence] = bad_ends([end], [DATABASE_AWAY])

    assert "was told to stop" in sentence
    for outage in (Outage("database", 20, 21), Outage("gateway-0 to database", 20.5, 30)):
        assert list(bad_ends([end], [outage])) == [], "unless nothing could be handed back"
    for outage in (Outage("gateway-1 to database", 20, 21), Outage("database", 1, 19.5 - AFTERMATH_S)):
        assert list(bad_ends([end], [outage]))


# ── logs ──

BEFORE = "2026-11-29 11:00:00,000 INFO wakala Wakala listens on http://127.0.0.1:1\n"
BROKEN = """2026-11-29 11:00:01,000 ERROR wakala.finisher pay_1 could not be finished in this turn
Traceback (most recent call last):
  File "finisher.py", line 46, in _alone
    await work
KeyError: 'pay_1'
"""
AWAY = """2026-11-29 11:00:02,000 ERROR wakala.finisher pay_2 could not be finished in this turn
Traceback (most recent call last):
  File "postgres.py", line 145, in _fetch
OSError: [Errno 111]

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "finisher.py", line 46, in _alone
wakala.errors.DatabaseAwayError: PostgreSQL refused.
"""
UNNAMED_IN_THE_END = AWAY.replace("wakala.errors.DatabaseAwayError", "asyncpg.exceptions.InterfaceError")


def test_a_traceback_is_found_where_the_gateway_has_no_name_for_the_error(tmp_path: Path) -> None:
    log = tmp_path / "gateway-0.log"
    log.write_text(BEFORE + BROKEN + AWAY + BEFORE + UNNAMED_IN_THE_END)

    broke = "ERROR wakala.finisher pay_{} could not be finished in this turn ({})."
    assert list(tracebacks("gateway-0", log)) == [
        "gateway-0: " + broke.format(1, "KeyError: 'pay_1'"),
        "gateway-0: " + broke.format(2, "asyncpg.exceptions.InterfaceError: PostgreSQL refused"),
    ]


def test_a_traceback_that_nobody_logged_is_found(tmp_path: Path) -> None:
    log = tmp_path / "gateway-0.log"
    log.write_text("Traceback (most recent call last):\n  File 'x'\nMemoryError\n" + BEFORE)

    assert list(tracebacks("gateway-0", log)) == ["gateway-0: Traceback (most recent call last): (MemoryError)."]


def test_a_whole_log_has_no_finding(tmp_path: Path) -> None:
    log = tmp_path / "gateway-0.log"
    log.write_text(BEFORE + AWAY)

    assert list(tracebacks("gateway-0", log)) == []


# ── the end of the wait ──

DONE = Standing(0, 0, 0, paid=5, pulled_us=2_000_000)
PAID = {"state": "paid", "settled_at": "1970-01-01T00:00:01+00:00"}


def test_nothing_is_left_where_all_is_done_and_the_list_is_read_beyond_its_last_payment() -> None:
    assert list(unfinished(Books([PAID], []), DONE, 0)) == []


@pytest.mark.parametrize(
    ("books", "standing", "clients"),
    [
        (Books([PAID], []), DONE, 1),
        (Books([PAID], []), None, 0),
        (Books([PAID], []), replace(DONE, open_payments=1), 0),
        (Books([PAID], []), replace(DONE, waiting_notifications=1), 0),
        (Books([PAID], []), replace(DONE, unclear_confirmations=1), 0),
        (Books([PAID], []), replace(DONE, pulled_us=1_000_000), 0),
        (Books([PAID], [{"state": "queued"}]), DONE, 0),
        (Books([PAID, {"state": "pending"}], []), DONE, 0),
    ],
)
def test_what_is_left_is_told(books: Books, standing: Standing | None, clients: int) -> None:
    [sentence] = unfinished(books, standing, clients)

    assert sentence.endswith(".")


# ── what is called checked ──


def test_a_rule_without_evidence_is_not_called_checked() -> None:
    payment = Payment("pay_1", "R1", "push", "succeeded", 100)
    journal = Kept((payment,), (Owed("ntf_1", "pay_1", 1, "payment.succeeded", "delivered"),))
    result = Result("sqlite", 1, 1.0, evidence=Evidence(journal=journal))

    checked = result.invariants()
    assert checked["nothing is stuck"] == 1
    assert not {"one attempt at a time", "nothing breaks", "every client is answered"} & set(checked)

    result.evidence = replace(result.evidence, attempts=(Attempt("ntf_1", 0, 1),))
    result.ends = {"gateway-0": [STOPPED, STOPPED], "merchant-0": [STOPPED]}
    assert (result.invariants()["one attempt at a time"], result.invariants()["nothing breaks"]) == (1, 2)
    of_owners = {rule.__name__.replace("_", " ") for rule in RULES if rule.__module__ == "ownership"}
    assert of_owners
    assert not of_owners & set(result.invariants()), "nobody owns or reads anything there"
