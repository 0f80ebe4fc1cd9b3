"""`wakala notifications` and `wakala requests` at midnight: by app, shortcode, state, type, receipt and time."""

from pathlib import Path

import pytest

from cli.books import Books, told
from cli.conftest import Command
from wakala.cli import newest
from wakala.rules.delivery import DeliveryState


@pytest.fixture
def books(wakala: Command, tmp_path: Path) -> Books:
    made = Books(wakala, tmp_path)
    made.owe("A-1", "10:00", state=DeliveryState.GIVEN_UP, type="payment.failed")
    made.owe("A-2", "11:00", shortcode="600123")
    made.owe("K-1", "12:00", app="kiosk", state=DeliveryState.WAITING, receipt="SKL1AB2CD3")
    made.owe("D-1", "13:00", app="duka")
    made.owe("A-3", "14:00", state=DeliveryState.KEPT)
    return made


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), ["A-3", "D-1", "K-1", "A-2", "A-1"]),
        (("--app", "shop"), ["A-3", "A-2", "A-1"]),
        (("--shortcode", "600123"), ["A-2"]),
        (("--app", "shop", "--shortcode", "174379"), ["A-3", "A-1"]),
        (("--state", "waiting", "--state", "kept"), ["A-3", "K-1"]),
        (("--type", "payment.failed"), ["A-1"]),
        (("--since", "2026-11-01T11:00", "--until", "2026-11-01T13:00"), ["K-1", "A-2"]),
        (("--since", "2026-11-01T16:00+03:00"), ["A-3", "D-1"]),
        (("--until", "2026-11-01"), []),
        (("--app", "shop", "--state", "waiting"), []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_notifications_are_found_by(books: Books, arguments: tuple[str, ...], found: list[str]) -> None:
    assert books.listed(*arguments) == found


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("--app", "duka"), ["D-1"]),
        (("--shortcode", "600123"), ["A-2"]),
        (("--state", "pending"), ["A-3", "D-1", "K-1", "A-2", "A-1"]),
        (("--state", "failed", "--state", "expired"), []),
        (("--receipt", "SKL1AB2CD3"), ["K-1"]),
        (("--receipt", "SKL1AB2CD3", "--app", "shop"), []),
        (("--since", "2026-11-01T13:00"), ["A-3", "D-1"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_requests_are_found_by(books: Books, arguments: tuple[str, ...], found: list[str]) -> None:
    assert [one["RequestID"] for one in told(books.wakala("requests", *arguments, "--json"))] == found


@pytest.mark.parametrize("command", ["requests", "notifications"])
def test_a_list_that_is_full_says_how_to_go_on(books: Books, command: str) -> None:
    seen, place = [], ()
    while True:
        ended = books.wakala(command, "--limit", "2", "--json", *place)
        seen += [one.get("RequestID") or books.names[one["NotificationID"]] for one in told(ended)]
        if "To go on" not in ended.err:
            break
        place = ("--before", ended.err.split()[-1])
    assert seen == ["A-3", "D-1", "K-1", "A-2", "A-1"]


def test_what_is_rare_is_looked_for_up_to_a_limit_and_no_further(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest, "LOOK_LIMIT_ROWS", 3)
    monkeypatch.setattr("wakala.cli.narrowing.LOOK_LIMIT_ROWS", 3)
    ended = books.wakala("notifications", "--state", "given_up")
    assert "No notification fits: in sandbox, state given_up." in ended.out
    assert "3 were looked through; there are older ones" in ended.err
    assert books.listed("--state", "given_up", "--before", ended.err.split()[-1]) == ["A-1"]


def test_pages_of_several_organisations_are_one_list(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest, "PAGE_ROWS", 1)
    assert books.listed() == ["A-3", "D-1", "K-1", "A-2", "A-1"]


def test_a_list_that_is_empty_says_what_was_looked_for(books: Books) -> None:
    window = ("--since", "2026-11-01T12:00+03:00", "--until", "2026-11-01T10")
    states = ("--state", "waiting", "--state", "kept", "--type", "payment.failed")
    ended = books.wakala("notifications", "--app", "shop", "--shortcode", "600123", *window, *states)
    assert ended.out == (
        "No notification fits: in sandbox, app shop, shortcode 600123, state kept or waiting, type payment.failed, "
        "since 2026-11-01 09:00:00 UTC, until 2026-11-01 10:00:00 UTC.\n"
    )
    assert books.wakala("requests", "--receipt", "X").out == "No request fits: in sandbox, receipt X.\n"
    live = books.wakala("requests", "--environment", "live").out
    assert live == "No request in live yet; `--environment sandbox` lists the others.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("notifications", "--app", "nobody"), 4, "wakala app list"),
        (("requests", "--shortcode", "999999"), 4, "wakala shortcode list"),
        (("notifications", "--type", "payment"), 1, "payment.succeeded"),
        (("notifications", "--state", "lost"), 2, "given_up"),
        (("requests", "--since", "midnight"), 2, "2026-11-30T20:15"),
        (("notifications", "--since", "0001-01-01T00:00:00+03:00"), 2, "2026-11-30T20:15"),
        (("notifications", "replay", "--since", "2026-11-01", "--until", "9999-12-31T23:00:00-03:00"), 2, "2026-11-30"),
        (("requests", "--since", "2026-11-02", "--until", "2026-11-01"), 1, "--until is not later than --since"),
        (("requests", "--before", "ntf_0123456789ab"), 1, "no place in this list"),
        (("notifications", "--before", "start"), 1, "no place in this list"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(books: Books, arguments: tuple[str, ...], code: int, said: str) -> None:
    ended = books.wakala(*arguments)
    assert (ended.code, said in ended.err) == (code, True), ended.err
