"""`wakala endpoint`: terms, state, tests and keys of an app's endpoint and of one for a single shortcode."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Command, Ended
from cli.test_an_installation_is_made_step_by_step import PASSKEY, SHORTCODE
from journal.making import NOW_US, new_id
from wakala.journal.endpoints import EndpointEvent
from wakala.journal.journal import Journal
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.endpoints import By, Endpoint

HOOK = "https://shop.example/wakala"
PRIVATE = "http://10.0.0.1/hook"
BRANCH = ("--shortcode", "174379")


@pytest.fixture
def installed(wakala: Command) -> Command:
    """An installation with a shortcode and an app."""
    assert wakala("init").code == 0
    assert wakala(*SHORTCODE, *PASSKEY).code == 0
    assert wakala("app", "create", "--name", "shop", "--callback-url", HOOK).code == 0
    return wakala


def told(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_terms_are_set_one_by_one_and_for_a_shortcode_apart(installed: Command) -> None:
    terms = ("--schedule", "1,2.5,60", "--timeout", "3", "--rate", "0.5", "--concurrency", "4")
    set_up = told(installed("endpoint", "set", "shop", *terms, "--json"))
    assert set_up["ScheduleSeconds"] == [1, 2.5, 60]
    assert (set_up["AnswerLimitSeconds"], set_up["RateLimitPerSecond"], set_up["ConcurrencyLimit"]) == (3, 0.5, 4)
    assert installed("endpoint", "set", "shop", *BRANCH, "--concurrency", "2").code == 0
    own, branch = told(installed("endpoint", "list", "--json"))
    assert (own["Shortcode"], own["ConcurrencyLimit"]) == (None, 4)
    assert (branch["Shortcode"], branch["ConcurrencyLimit"], branch["RateLimitPerSecond"]) == ("174379", 2, 0.5)
    assert branch["CallbackUrl"] == HOOK, "without a URL of its own it leads where the app's does"
    back = told(installed("endpoint", "set", "shop", "--schedule", "default", "--rate", "0", "--json"))
    assert (len(back["ScheduleSeconds"]), back["RateLimitPerSecond"], back["ConcurrencyLimit"]) == (11, None, 4)
    shown = told(installed("endpoint", "show", "shop", *BRANCH, "--json"))
    assert [event["Name"] for event in shown["Events"]] == ["endpoint.terms"]
    for name in (("list",), ("show", "shop"), ("health",)):
        assert installed("endpoint", *name).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name at least one"),
        (("--schedule", "soon"), "seconds with commas"),
        (("--schedule", "0"), "above 0"),
        (("--timeout", "99"), "/AnswerLimitSeconds"),
        (("--rate", "-1"), "/RateLimitPerSecond"),
        (("--concurrency", "9999"), "/ConcurrencyLimit"),
        (("--shortcode", "999999", "--rate", "1"), "wakala shortcode list"),
    ],
)
def test_senseless_terms_are_refused_with_a_sentence(installed: Command, arguments: tuple[str, ...], said: str) -> None:
    ended = installed("endpoint", "set", "shop", *arguments)
    assert ended.code in {1, 4}
    assert said in ended.err


def test_a_url_is_tested_before_it_is_saved(installed: Command) -> None:
    refused = installed("endpoint", "move", "shop", PRIVATE)
    assert refused.code == 1
    assert "private or reserved" in refused.err
    (own,) = told(installed("endpoint", "list", "--json"))
    assert own["CallbackUrl"] == HOOK
    assert installed("endpoint", "move", "shop", PRIVATE, *BRANCH, "--force").code == 0
    assert told(installed("endpoint", "list", "--json"))[1]["CallbackUrl"] == PRIVATE


def test_what_happened_to_an_endpoint_says_what_was_changed(installed: Command) -> None:
    """Whoever had a leaked secret may have moved it and moved it back: the list says to where."""
    assert installed("endpoint", "set", "shop", "--schedule", "1,2.5", "--timeout", "3", "--rate", "0.5").code == 0
    assert installed("endpoint", "move", "shop", PRIVATE, "--waiting", "hold", "--force").code == 0
    assert installed("endpoint", "set", "shop", "--schedule", "default", "--timeout", "0", "--rate", "0").code == 0
    last, moved, first = told(installed("endpoint", "show", "shop", "--json"))["Events"]
    assert first["Detail"] == "schedule 1, 2.5 s; time-out 3 s; rate 0.5 a second"
    assert moved["Detail"] == f"To {PRIVATE} ; what waited: hold."
    assert last["Detail"] == "all as the installation has them"


def test_what_happened_to_an_endpoint_says_who_did_it(installed: Command, tmp_path: Path) -> None:
    assert installed("endpoint", "pause", "shop").code == 0
    assert installed("endpoint", "rotate", "shop").code == 0

    async def by_others() -> None:
        store = SqliteDatabase(tmp_path / "wakala.db")
        await store.open()
        journal = Journal(store)
        (app,) = await journal.apps()
        of = Endpoint("", app.organisation_id, app.id, "")
        for by in (By.APP, By.GATEWAY, None):
            await journal.endpoints.record_event(
                EndpointEvent(new_id("eev"), of.organisation_id, of.app_id, "", NOW_US, "endpoint.moved", "", by)
            )
        await store.close()

    asyncio.run(by_others())
    events = told(installed("endpoint", "show", "shop", "--json"))["Events"]
    assert Counter(one["By"] for one in events) == {"operator": 2, "app": 1, "gateway": 1, None: 1}
    shown = installed("endpoint", "show", "shop").out
    for who in ("the command line", "its app, by the API", "Wakala itself"):
        assert who in shown


def test_who_moves_an_endpoint_is_told_what_its_test_found(installed: Command) -> None:
    for arguments in (("endpoint", "move"), ("app", "callback-url")):
        moved = installed(*arguments, "shop", PRIVATE, "--force")
        assert moved.code == 0
        assert "its test gave it F: " in moved.err or "test gave it F: " in moved.err
        assert "10.0.0.1 is a private or reserved address" in moved.err


def test_endpoints_of_one_name_are_told_apart_by_their_organisation(installed: Command) -> None:
    assert installed("app", "create", "--name", "shop", "--organisation", "Mama Mboga").code == 0
    found = told(installed("endpoint", "list", "--json"))
    assert {(one["Organisation"], one["App"]) for one in found} == {("default", "shop"), ("Mama Mboga", "shop")}
    assert "Mama Mboga" in installed("endpoint", "list").out


def test_what_the_doctor_says_of_an_app_whose_name_has_blanks_can_be_typed(installed: Command) -> None:
    assert installed("app", "create", "--name", "the till").code == 0
    assert installed("endpoint", "pause", "the till").code == 0
    findings = json.loads(installed("doctor", "--json").out)
    said = " ".join(one["finding"] for one in findings if "the till" in one["check"])
    assert "`wakala app callback-url 'the till' URL`" in said
    assert "`wakala endpoint resume 'the till'`" in said


def test_the_doctor_names_the_organisation_of_apps_that_share_a_name(installed: Command) -> None:
    made = told(installed("app", "create", "--name", "shop", "--organisation", "Mama Mboga", "--json"))
    assert installed("app", "create", "--name", "kiosk").code == 0
    key = made["ConsumerKey"]
    assert installed("endpoint", "pause", key).code == 0
    findings = {one["check"]: one["finding"] for one in json.loads(installed("doctor", "--json").out)}
    assert {check for check in findings if check.startswith("app ")} == {
        "app shop (default)",
        "app shop (Mama Mboga)",
        "app kiosk",
    }
    assert f"`wakala app callback-url {key} URL`" in findings["app shop (Mama Mboga)"]
    assert f"`wakala endpoint resume {key}`" in findings["endpoint shop (Mama Mboga)"]


def test_a_test_says_what_fails_and_ends_with_1(installed: Command) -> None:
    ended = installed("endpoint", "test", "shop", PRIVATE, "--json")
    assert ended.code == 1
    found = json.loads(ended.out)
    assert (found["Grade"], found["Checks"][-1]["Mark"]) == ("F", "fail")
    assert "10.0.0.1 is a private or reserved address" in found["Checks"][-1]["Sentence"]
    assert "✗ fail" in installed("endpoint", "test", "shop", "https://nowhere.invalid/").out


def test_a_paused_endpoint_is_seen_by_the_list_and_by_the_doctor(installed: Command) -> None:
    assert "Paused" in installed("endpoint", "pause", "shop", "--reason", "holiday").err
    assert "already" in installed("endpoint", "pause", "shop").err
    assert "holiday" in installed("endpoint", "list").out
    findings = {one["check"]: one for one in json.loads(installed("doctor", "--json").out)}
    assert findings["endpoint shop"]["state"] == "warning"
    assert "wakala endpoint resume shop" in findings["endpoint shop"]["finding"]
    assert "Resumed" in installed("endpoint", "resume", "shop").err
    findings = {one["check"]: one for one in json.loads(installed("doctor", "--json").out)}
    assert "endpoint shop" not in findings


def test_what_the_doctor_says_of_a_live_shortcodes_endpoint_can_be_typed(installed: Command, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("x")
    live = ("--shortcode", "600984", "--environment", "live")
    keys = ("--consumer-key", "k", "--consumer-secret-file", "s", "--passkey-file", "s")
    assert installed("shortcode", "add", "--number", "600984", "--environment", "live", *keys).code == 0
    assert installed("endpoint", "pause", "shop", *live).code == 0
    findings = {one["check"]: one for one in json.loads(installed("doctor", "--json").out)}
    which = " ".join(("shop", *live))
    assert f"`wakala endpoint resume {which}`" in findings[f"endpoint {which}"]["finding"]
    assert "Resumed" in installed("endpoint", "resume", *which.split()).err


def test_keys_are_printed_once(installed: Command) -> None:
    secret = installed("endpoint", "rotate", "shop").out.strip()
    public = installed("endpoint", "rotate", "shop", "--ed25519").out.strip()
    assert secret.startswith("whsec_")
    assert public.startswith("whpk_")
    shown = installed("endpoint", "show", "shop", "--json")
    assert [key["Version"] for key in told(shown)["Keys"]] == ["v1", "v1", "v1a"]
    assert secret not in shown.out


def test_a_name_that_apps_of_several_organisations_have_names_none_of_them(installed: Command) -> None:
    made = [told(installed("app", "create", "--name", "till", "--organisation", one, "--json")) for one in ("a", "b")]
    tills = [one["Organisation"] for one in told(installed("app", "list", "--json")) if one["Name"] == "till"]
    assert sorted(tills) == ["a", "b"]
    refused = installed("endpoint", "pause", "till")
    assert refused.code == 1
    for app in made:
        assert app["ConsumerKey"] in refused.err
    assert installed("endpoint", "pause", made[1]["ConsumerKey"]).code == 0
    states = [one["State"] for one in told(installed("endpoint", "list", "--json")) if one["App"] == "till"]
    assert sorted(states) == ["active", "paused"]


def test_a_number_that_another_organisation_uses_too_is_that_of_the_apps_own(installed: Command) -> None:
    assert installed("app", "create", "--name", "till", "--organisation", "b").code == 0
    refused = installed("endpoint", "pause", "till", *BRANCH)
    assert refused.code == 4
    assert installed(*SHORTCODE, *PASSKEY, "--organisation", "b").code == 0
    assert installed("endpoint", "pause", "till", *BRANCH).code == 0
    assert installed("endpoint", "pause", "shop", *BRANCH).code == 0
    shown = [told(installed("endpoint", "show", app, *BRANCH, "--json")) for app in ("till", "shop")]
    assert [(one["App"], one["State"]) for one in shown] == [("till", "paused"), ("shop", "paused")]
