"""An app that comes for its notifications gets its own, once each by its cursor, and may have them sent again."""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from deliveries.conftest import Clock
from services.gateway import SANDBOX, House, basic, eventually, is_problem, running_gateway
from wakala.identity import Source
from wakala.rules.delivery import TYPES
from wakala.web.paging import AFTER

BASE = f"{SANDBOX}/notifications"
AHEAD = "ntf_ffffffffffff"  # of everything that is ever made


async def test_notifications_by_cursor_and_one_by_one(tmp_path: Path) -> None:
    clock = Clock()
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom)) as house:
        await house.autopilot("pay")
        await house.push("N-1")
        await house.merchant.received("/wakala", 1)
        clock.advance(30)
        page = (await house.get(f"{BASE}?consumer=ledger")).json()
        (note,) = page["Notifications"]
        assert note["Body"]["data"]["RequestID"] == "N-1"
        assert (await house.get(f"{BASE}?after={page['After']}")).json()["Notifications"] == []
        read = {"Consumer": "ledger", "Cursor": page["After"]}
        assert (await _post(house, f"{BASE}/acknowledge", read)).json() == read
        assert (await house.get(f"{BASE}?consumer=ledger")).json()["Notifications"] == []
        path = f"{BASE}/{note['NotificationID']}"

        async def delivered() -> bool:
            return bool((await house.get(path)).json()["State"] == "delivered")

        await eventually(delivered)
        window = {"From": "2020-01-01T00:00:00Z", "To": "2090-01-01T00:00:00Z", "States": ["delivered"]}
        assert (await _post(house, f"{BASE}/replay", window)).json() == {"DryRun": True, "Count": 1, "After": None}
        assert (await _post(house, f"{path}/replay", {})).json() == {"Replayed": 1}
        await house.gateway.courier.step()
        await house.merchant.received("/wakala", 2)
        stranger = await house.add_app("demo", "stranger")
        is_problem(await house.get(path, app=stranger), 404)
        is_problem(await _post(house, f"{BASE}/replay", {"From": "x"}), 422)
        is_problem(await house.get(f"{BASE}?after=%00"), 422)


async def test_who_waits_is_answered_as_soon_as_something_is_staged(house: House) -> None:
    await house.autopilot("pay")
    asked = asyncio.create_task(house.get(f"{BASE}?after=now&wait=25&seen=0&signed=true"))
    silent = await house.get(f"{BASE}?after=now&wait=0&seen=0")
    assert silent.json()["Notifications"] == []
    began_s = asyncio.get_running_loop().time()
    await house.push("SOON")
    page = (await asked).json()
    assert asyncio.get_running_loop().time() - began_s < 20, "long before the wait was over"
    (note,) = page["Notifications"]
    assert note["Body"]["data"]["RequestID"] == "SOON"
    body = json.dumps(note["Body"], separators=(",", ":"), ensure_ascii=False)
    Webhook(house.app.webhook_secret).verify(body, note["Headers"])
    assert page["Cursor"] <= page["After"] < note["NotificationID"], "it is too young for the cursor to pass it"


async def test_what_was_seen_before_the_cursor_may_pass_it_is_not_waited_for_again(house: House) -> None:
    await house.autopilot("pay")
    start = (await house.get(f"{BASE}?after=now")).json()["After"]
    await house.push("ONE")
    await house.merchant.received("/wakala", 1)
    (one,) = (await house.get(f"{BASE}?after={start}&seen=0")).json()["Notifications"]
    again = asyncio.create_task(house.get(f"{BASE}?after={start}&seen=1&wait=25"))
    await house.push("TWO", SenderMSISDN="254712000002")
    both = (await again).json()["Notifications"]
    assert [note["Body"]["data"]["RequestID"] for note in both] == ["ONE", "TWO"]
    plain = (await house.get(f"{BASE}?after={start}")).json()
    assert plain["Notifications"] == [], "without seen, the young ones are left for later"
    assert plain["After"] < one["NotificationID"]


async def test_nobody_waits_for_a_gateway_that_ends(house: House) -> None:
    asked = asyncio.create_task(house.get(f"{BASE}?after=now&wait=25&seen=0"))

    async def rings() -> bool:
        return bool(house.gateway.bell._waiting)

    await eventually(rings)
    house.gateway.bell.close()
    assert (await asked).json()["Notifications"] == []


async def test_a_cursor_cannot_be_moved_past_what_may_still_come(house: House) -> None:
    await house.autopilot("pay")
    await house.push("YOUNG")
    (post,) = await house.merchant.received("/wakala", 1)
    told = (await _post(house, f"{BASE}/acknowledge", {"Consumer": "eager", "Cursor": AHEAD})).json()
    assert told["Cursor"] < post.headers["webhook-id"]
    page = (await house.get(f"{BASE}?consumer=eager&seen=0")).json()
    assert [note["NotificationID"] for note in page["Notifications"]] == [post.headers["webhook-id"]]


async def test_consumers_are_limited(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wakala.deliveries.desk.CONSUMERS_LIMIT", 1)
    assert (await _post(house, f"{BASE}/acknowledge", {"Consumer": "a", "Cursor": "0"})).status_code == 200
    assert (await _post(house, f"{BASE}/acknowledge", {"Consumer": "a", "Cursor": AHEAD})).status_code == 200
    is_problem(await _post(house, f"{BASE}/acknowledge", {"Consumer": "b", "Cursor": "0"}), 422)


async def test_a_word_that_is_no_cursor_is_refused_and_passes_over_nothing(house: House) -> None:
    await house.autopilot("pay")
    await house.push("UNREAD")
    (post,) = await house.merchant.received("/wakala", 1)
    for word in ("rubbish", "x", "ntf_1", "xch_01a22d6f9c6e", "begin"):
        is_problem(await house.get(f"{BASE}?after={word}"), 422)
        is_problem(await _post(house, f"{BASE}/acknowledge", {"Consumer": "ledger", "Cursor": word}), 422)
        window = {"From": "2025-01-01T00:00:00Z", "To": "2035-01-01T00:00:00Z", "After": word}
        is_problem(await _post(house, f"{BASE}/replay", window), 422)
    assert (await house.get(f"{BASE}/consumers")).json() == {"Consumers": []}
    for query in ("after=start&seen=0", "seen=0", "after=0&seen=0"):
        page = (await house.get(f"{BASE}?{query}")).json()
        assert [note["NotificationID"] for note in page["Notifications"]] == [post.headers["webhook-id"]]


async def test_a_consumer_that_will_not_come_again_is_found_and_forgotten(house: House) -> None:
    assert (await house.get(f"{BASE}/consumers")).json() == {"Consumers": []}
    at = "ntf_019ac0000000" + "0" * 16
    await _post(house, f"{BASE}/acknowledge", {"Consumer": "ledger", "Cursor": at})
    await _post(house, f"{BASE}/acknowledge", {"Consumer": "old-till", "Cursor": at})
    await _post(house, f"{BASE}/acknowledge", {"Consumer": "at-first", "Cursor": "0"})
    (first, ledger, old) = (await house.get(f"{BASE}/consumers")).json()["Consumers"]
    assert (first["Consumer"], ledger["Consumer"], old["Consumer"]) == ("at-first", "ledger", "old-till")
    assert (first["Cursor"], first["UpTo"], ledger["Cursor"]) == ("0", None, at)
    assert ledger["UpTo"] == "2025-11-26T11:50:16.832000Z"
    assert ledger["AcknowledgedAt"] > "2025"
    stranger = await house.add_app("demo", "stranger")
    assert (await house.get(f"{BASE}/consumers", app=stranger)).json() == {"Consumers": []}
    forget = {"Consumer": "old-till"}
    is_problem(await _post(house, f"{BASE}/forget", {"Consumer": "nobody"}), 404)
    is_problem(await _post(house, f"{BASE}/forget", {"Consumer": "a b"}), 422)
    is_problem(await house.client.post(f"{BASE}/forget", json=forget, headers=basic(stranger)), 404)
    assert (await _post(house, f"{BASE}/forget", forget)).json() == {"Consumer": "old-till", "Cursor": None}
    left = (await house.get(f"{BASE}/consumers")).json()["Consumers"]
    assert [one["Consumer"] for one in left] == ["at-first", "ledger"]


@pytest.mark.parametrize("query", ["wait=x", "wait=-1", "seen=1.5", "limit=0", "consumer=a%20b", "wait=99999999"])
async def test_a_senseless_question_is_refused_with_a_sentence(house: House, query: str) -> None:
    is_problem(await house.get(f"{BASE}?{query}"), 422)


async def test_all_that_is_wrong_with_a_question_is_said_at_once(house: House) -> None:
    problem = is_problem(await house.get(f"{BASE}?limit=500&wait=26&after=a%20b"), 422)
    assert {one["pointer"]: one["message"] for one in problem["errors"]} == {
        "/after": AFTER.wanted,
        "/limit": "Send a whole number from 1 to 200, or leave it out.",
        "/wait": "Send a whole number from 0 to 25, or leave it out.",
    }


async def test_who_has_seen_more_than_is_looked_through_is_told_when_its_cursor_may_move(tmp_path: Path) -> None:
    """A refusal, or a page of what it has, would leave it where it is."""
    clock = Clock()
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom)) as house:
        await house.autopilot("pay")
        await house.push("MANY")
        (post,) = await house.merchant.received("/wakala", 1)
        young = (await house.get(f"{BASE}?seen=1001")).json()
        assert young["Notifications"] == []
        clock.advance(30)
        page = (await house.get(f"{BASE}?seen=1001&wait=25")).json()
        assert [note["NotificationID"] for note in page["Notifications"]] == [post.headers["webhook-id"]]
        assert page["After"] > post.headers["webhook-id"]


@pytest.mark.parametrize("until", ["2026-11-30T08:00:00Z", "2026-11-30T10:00:00+03:00", "2026-11-29T09:00:00"])
async def test_a_window_that_ends_before_it_begins_is_refused_with_a_sentence(house: House, until: str) -> None:
    window = {"From": "2026-11-30T08:00:00Z", "To": until}
    problem = is_problem(await _post(house, f"{BASE}/replay", window), 422)
    assert problem["errors"][0]["pointer"] == "/To"


async def test_a_type_that_nobody_is_ever_told_is_refused_and_not_counted_as_none(house: House) -> None:
    window = {"From": "2020-01-01T00:00:00Z", "To": "2090-01-01T00:00:00Z"}
    problem = is_problem(await _post(house, f"{BASE}/replay", {**window, "Type": "payment.succeded"}), 422)
    assert problem["errors"][0]["pointer"] == "/Type"
    assert "payment.succeeded" in problem["errors"][0]["message"]
    for known in ("", *TYPES):
        assert (await _post(house, f"{BASE}/replay", {**window, "Type": known})).json()["Count"] == 0


def test_the_page_lists_every_type_that_is_told() -> None:
    table = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text().partition("| Type | Sent |")[2]
    first_columns = [row.split("|")[1] for row in table.partition("\n\n")[0].splitlines() if row.startswith("| `")]
    assert re.findall(r"`([\w.]+)`", " ".join(first_columns)) == [*TYPES, "endpoint.test"]


async def _post(house: House, path: str, body: object):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return await house.client.post(path, json=body, headers=basic(house.app))
