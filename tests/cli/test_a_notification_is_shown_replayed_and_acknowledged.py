"""`wakala notifications show`, `replay` and `acknowledge`: what the API does for an app, for who runs the gateway."""

import json
from pathlib import Path

import pytest

from cli.books import HOOK, Books, told, us
from cli.conftest import Command
from cli.test_strangers_do_not_steer_the_terminal import configured
from services.gateway import running_gateway
from services.programs import command
from wakala.rules.delivery import DeliveryState

WINDOW = ("--since", "2026-11-01T10:00", "--until", "2026-11-01T13:00")
GIVEN_UP, DELIVERED, WAITING = DeliveryState.GIVEN_UP, DeliveryState.DELIVERED, DeliveryState.WAITING


@pytest.fixture
def books(wakala: Command, tmp_path: Path) -> Books:
    return Books(wakala, tmp_path)


# ── show ──


def test_one_is_shown_whole(books: Books) -> None:
    body = b'{"type":"payment.succeeded","data":{"RequestID":"ORDER-1","SenderMSISDN":"254712345678"}}'
    owed = books.owe("ORDER-1", "10:00", state=WAITING, attempts=2, body=body, due_us=us("23:00"), last_status=503)
    books.attempted(owed, "10:00", status=503, answer_body=b"<title>Down for 0712345678</title>", duration_us=12_500)
    books.attempted(owed, "10:01", error="no answer in time")
    books.attempted(books.owe("ORDER-2", "11:00"), "11:00", status=200)
    ended = books.wakala("notifications", "show", owed.id, "--json")
    shown = told(ended)
    assert (shown["NotificationID"], shown["RequestID"], shown["State"]) == (owed.id, "ORDER-1", "waiting")
    assert (shown["Organisation"], shown["App"], shown["Shortcode"]) == ("default", "shop", "174379")
    assert (shown["URL"], shown["Environment"]) == (HOOK, "sandbox")
    assert shown["NextAttemptAt"].startswith("2026-11-01T23:00")
    tries = [(one["Status"], one["Error"], one["DurationMs"]) for one in shown["DeliveryAttempts"]]
    assert tries == [(503, None, 12.5), (None, "no answer in time", None)]
    assert json.loads(shown["Body"])["data"]["SenderMSISDN"] == "2547*****678"
    read = books.wakala("notifications", "show", owed.id).out
    for text in (ended.out, read):
        assert "712345678" not in text
    for said in ("ORDER-1", HOOK, '"SenderMSISDN": "2547*****678"', "503", "<title>Down", "no answer in time"):
        assert said in read


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (DELIVERED, "the merchant took it"),
        (GIVEN_UP, "wakala notifications replay ntf_"),
        (DeliveryState.KEPT, "wakala notifications replay ntf_"),
        (DeliveryState.ACKNOWLEDGED, "said that it was received"),
        (WAITING, "It is due"),
    ],
)
def test_what_comes_next_is_said_in_a_sentence(books: Books, state: DeliveryState, said: str) -> None:
    owed = books.owe("ORDER-1", "10:00", state=state)
    assert said in told(books.wakala("notifications", "show", owed.id, "--json"))["Next"]


def test_what_waits_for_an_endpoint_that_is_paused_says_so(books: Books) -> None:
    owed = books.owe("ORDER-1", "10:00", state=WAITING)
    assert books.wakala("endpoint", "pause", "shop", "--reason", "holiday").code == 0
    assert told(books.wakala("notifications", "show", owed.id, "--json"))["Next"] == (
        "The endpoint of shop is paused (holiday): what is owed waits there until `wakala endpoint resume shop`."
    )


@pytest.mark.parametrize("action", ["show", "replay", "acknowledge"])
def test_one_that_is_not_there_is_not_found(books: Books, action: str) -> None:
    ended = books.wakala("notifications", action, "ntf_nothing")
    assert ended.code == 4
    assert "wakala notifications" in ended.err


# ── replay ──


def test_one_is_replayed_by_its_id(books: Books) -> None:
    owed, other = books.owe("ORDER-1", "10:00", state=GIVEN_UP), books.owe("ORDER-2", "10:00", state=GIVEN_UP)
    counted = told(books.wakala("notifications", "replay", owed.id, "--dry-run", "--json"))
    assert (counted, books.state_of(owed)) == ({"DryRun": True, "Count": 1}, GIVEN_UP)
    ended = books.wakala("notifications", "replay", owed.id)
    assert (ended.code, "Owed again: 1 notification." in ended.err) == (0, True)
    assert (books.state_of(owed), books.state_of(other)) == (WAITING, GIVEN_UP)


def test_one_that_is_on_its_way_is_left_alone(books: Books) -> None:
    owed = books.owe("ORDER-1", "10:00", state=WAITING, lease_us=us("10:00") * 2)
    ended = books.wakala("notifications", "replay", owed.id)
    assert (ended.code, "on its way right now" in ended.err) == (0, True)
    assert told(books.wakala("notifications", "replay", owed.id, "--json")) == {"DryRun": False, "Count": 0}


@pytest.mark.parametrize(
    ("narrowed", "replayed"),
    [
        ((), {"S-1", "S-2", "K-1", "D-1"}),
        (("--app", "shop"), {"S-1", "S-2"}),
        (("--shortcode", "600123"), {"S-2"}),
        (("--state", "given_up"), {"S-1", "K-1"}),
        (("--type", "payment.failed", "--app", "kiosk"), {"K-1"}),
        (("--environment", "live"), set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_window_is_counted_and_then_replayed(books: Books, narrowed: tuple[str, ...], replayed: set[str]) -> None:
    owed = {
        "S-0": books.owe("S-0", "09:59"),
        "S-1": books.owe("S-1", "10:00", state=GIVEN_UP),
        "S-2": books.owe("S-2", "11:00", shortcode="600123"),
        "K-1": books.owe("K-1", "12:00", app="kiosk", state=GIVEN_UP, type="payment.failed"),
        "D-1": books.owe("D-1", "12:30", app="duka"),
        "S-9": books.owe("S-9", "13:00"),
    }

    def waiting() -> set[str]:
        return {name for name, one in owed.items() if books.state_of(one) is WAITING}

    asked = ("notifications", "replay", *WINDOW, *narrowed)
    assert told(books.wakala(*asked, "--dry-run", "--json")) == {"DryRun": True, "Count": len(replayed)}
    assert waiting() == set()
    assert told(books.wakala(*asked, "--yes", "--json")) == {"DryRun": False, "Count": len(replayed)}
    assert waiting() == replayed


def test_whoever_replays_several_is_asked_first_and_told_what_the_merchants_have(books: Books) -> None:
    made = [books.owe("A", "10:00"), books.owe("B", "11:00", state=GIVEN_UP)]
    asked = ("notifications", "replay", *WINDOW)
    refused = books.wakala(*asked, stdin="n\n")
    assert refused.code == 1
    assert "To be sent again: 2 notifications, 1 of which the merchants have already. Go on?" in refused.err
    assert [books.state_of(one) for one in made] == [DELIVERED, GIVEN_UP]
    assert "1 of which" not in books.wakala(*asked, "--state", "given_up", "--dry-run").err
    assert books.wakala(*asked, stdin="y\n").code == 0
    assert [books.state_of(one) for one in made] == [WAITING, WAITING]


def test_a_window_with_one_or_none_asks_nothing(books: Books) -> None:
    asked = ("notifications", "replay", *WINDOW)
    none = books.wakala(*asked, "--app", "shop")
    assert (none.code, none.err.splitlines()[-1]) == (
        0,
        "No notification fits: in sandbox, app shop, since 2026-11-01 10:00:00 UTC, until 2026-11-01 13:00:00 UTC.",
    )
    books.owe("A", "10:00", state=GIVEN_UP)
    assert "Owed again: 1 notification." in books.wakala(*asked).err


def test_what_is_replayed_to_who_is_not_called_says_what_will_happen(books: Books) -> None:
    owed = books.owe("A", "10:00", state=GIVEN_UP)
    assert books.wakala("endpoint", "pause", "shop").code == 0
    for asked in ((owed.id,), WINDOW):
        for how in (("--dry-run",), ()):
            ended = books.wakala("notifications", "replay", *asked, *how)
            assert ended.code == 0
            assert "The endpoint of shop is paused (by the command line)" in ended.err
            assert "until `wakala endpoint resume shop`" in ended.err
    assert books.wakala("app", "create", "--name", "new one").code == 0
    books.owe("B", "12:00", app="new one", state=DeliveryState.KEPT)
    nowhere = books.wakala("notifications", "replay", *WINDOW, "--app", "new one")
    assert "new one has no callback URL" in nowhere.err
    assert "`wakala endpoint move 'new one' URL`" in nowhere.err


def test_what_no_app_is_told_of_stays_kept_and_says_so(books: Books) -> None:
    """Nobody would ever take it up: it would wait for good, and never be forgotten."""
    owed = books.owe("A", "10:00", app="", state=DeliveryState.KEPT, lane="")
    said = "No app is told of payments to this shortcode, so nobody is sent it: it is kept."
    assert told(books.wakala("notifications", "show", owed.id, "--json"))["Next"] == said
    for how in (("--dry-run",), ()):
        ended = books.wakala("notifications", "replay", owed.id, *how)
        assert (ended.code, ended.err) == (1, f"wakala: {said}\n")
    assert books.state_of(owed) is DeliveryState.KEPT


def test_an_endpoint_whose_app_shares_its_name_is_named_so_that_it_can_be_typed(books: Books) -> None:
    made = told(books.wakala("app", "create", "--name", "duka", "--callback-url", HOOK, "--json"))
    key = made["ConsumerKey"]
    assert books.wakala("endpoint", "pause", key).code == 0
    asked = ("notifications", "replay", *WINDOW, "--dry-run")
    books.owe("S-1", "12:00")
    assert "duka" not in books.wakala(*asked).err, "nothing of what is replayed goes there"
    books.owe("D-1", "12:00", app=key)
    said = books.wakala(*asked).err
    assert "The endpoint of duka (default) is paused" in said
    assert f"`wakala endpoint resume {key}`" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say which"),
        (("--app", "shop"), "Say which"),
        (("ntf_1", "--app", "shop"), "Say which"),
        (("ntf_1", "--since", "2026-11-01"), "Say which"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), "--until is not later"),
        (("--since", "2026-11-01", "--type", "payment"), "There is no type payment"),
    ],
)
def test_a_replay_of_nothing_in_particular_is_refused(books: Books, arguments: tuple[str, ...], said: str) -> None:
    ended = books.wakala("notifications", "replay", *arguments)
    assert (ended.code, said in ended.err) == (1, True), ended.err


def test_options_before_the_word_narrow_nothing_and_are_refused(books: Books) -> None:
    """They are those of the list: who types them there means fewer than would be sent."""
    owed = books.owe("D-1", "12:00", app="duka", state=GIVEN_UP)
    ended = books.wakala("notifications", "--app", "shop", "replay", *WINDOW, "--yes")
    assert (ended.code, books.state_of(owed)) == (2, GIVEN_UP)
    assert "Options stand behind the word `replay`" in ended.err


# ── acknowledge ──


def test_one_is_acknowledged_and_tried_no_more(books: Books) -> None:
    owed = books.owe("A", "10:00", state=WAITING)
    first, again = (books.wakala("notifications", "acknowledge", owed.id) for _ in range(2))
    assert (first.code, again.code) == (0, 0)
    assert "not tried any more" in first.err
    assert "was acknowledged already" in again.err
    assert books.state_of(owed) is DeliveryState.ACKNOWLEDGED
    delivered = books.owe("B", "10:00")
    assert told(books.wakala("notifications", "acknowledge", delivered.id, "--json"))["State"] == "delivered"


# ── beside a gateway that runs ──


async def test_what_is_replayed_here_is_sent_by_the_gateway_that_runs(tmp_path: Path) -> None:
    async with running_gateway(tmp_path) as house:
        config = str(configured(house, tmp_path))
        await house.autopilot("pay")
        await house.push("ORDER-1")
        await house.merchant.received("/wakala")
        await house.attempts_ended()
        listed = await command("-c", config, "notifications", "--state", "delivered", "--json")
        (owed,) = json.loads(listed.out)
        done = await command("-c", config, "notifications", "replay", owed["NotificationID"])
        assert (done.code, done.err) == (
            0,
            "Owed again: 1 notification. A gateway that runs sends it at once.\n",
        )
        first, again = await house.merchant.received("/wakala", 2)
        assert (first.body, first.headers["webhook-id"]) == (again.body, again.headers["webhook-id"])
        await house.attempts_ended()
        shown = await command("-c", config, "notifications", "show", owed["NotificationID"], "--json")
    whole = json.loads(shown.out)
    assert [one["Status"] for one in whole["DeliveryAttempts"]] == [200, 200]
    assert whole["URL"] == f"{house.merchant.url}/wakala"
