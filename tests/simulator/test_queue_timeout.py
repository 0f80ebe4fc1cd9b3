"""A command that expires in the queue is told to the QueueTimeOutURL, and may have been carried out or not."""

import pytest

from simulator.box import Box, sample
from simulator.business import PATHS, PAYER, QUICK, accounts, ask, shape, told
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


@pytest.mark.parametrize("kind", PATHS)
async def test_the_notice_comes_instead_of_a_result(box: Box, kind: str) -> None:
    await box.fault(kind, "queue_timeout")
    answer = await ask(box, kind)
    [post] = await box.merchant.received("/timeout")
    notice, model = post.json["Result"], sample("queue_timeout_inferred")["Result"]
    assert shape(notice) == shape(model)
    assert notice["ConversationID"] == answer.json()["ConversationID"]
    assert notice["OriginatorConversationID"] == answer.json()["OriginatorConversationID"]
    assert (notice["ResultType"], notice["ResultCode"], notice["ResultDesc"]) == (1, 1, model["ResultDesc"])
    [command] = (await box.control("commands", method="GET"))["commands"]
    assert (command["state"], command["timed_out"]) == ("timed out", True)
    assert box.merchant.at("/result") == []


async def test_what_expired_moved_nothing_and_is_not_found(box: Box) -> None:
    before = await accounts(box, PAYER)
    await box.fault("b2c", "queue_timeout")
    answer = await ask(box, "b2c")
    await box.merchant.received("/timeout")
    about = {"TransactionID": ..., "OriginalConversationID": answer.json()["OriginatorConversationID"]}
    assert (await told(box, "transaction_status", PartyA=PAYER, **about))["ResultCode"] == 2033
    assert await accounts(box, PAYER) == before


async def test_its_identifier_stays_spent(box: Box) -> None:
    await box.fault("b2c", "queue_timeout")
    await ask(box, "b2c")
    await box.merchant.received("/timeout")
    assert (await ask(box, "b2c")).status_code == 500


async def test_the_result_may_come_all_the_same(box: Box) -> None:
    await box.fault("b2c", "queue_timeout_then_result", delay_ms=60_000)
    answer = await ask(box, "b2c")
    await box.merchant.received("/timeout")
    assert box.merchant.at("/result") == []
    await box.advance(61)
    [post] = await box.merchant.received("/result")
    assert post.json["Result"]["ResultCode"] == 0
    assert post.json["Result"]["ConversationID"] == answer.json()["ConversationID"]
    [command] = (await box.control("commands", method="GET"))["commands"]
    assert (command["state"], command["timed_out"]) == ("done", True)


async def test_without_milliseconds_it_follows_the_notice(box: Box) -> None:
    await box.fault("b2b", "queue_timeout_then_result")
    await ask(box, "b2b")
    await box.merchant.received("/result")
    assert [post.path for post in box.merchant.posts] == ["/timeout", "/result"]


async def test_the_notice_can_be_empty_doubled_or_lost(box: Box) -> None:
    await box.fault("b2c", "queue_timeout", times=2)
    await box.fault("queue_timeout", "empty")
    await box.fault("queue_timeout", "doubled")
    await ask(box, "b2c", OriginatorConversationID="first")
    posts = await box.merchant.received("/timeout", 2)
    assert [post.body for post in posts] == [b"", b""]
    await box.fault("queue_timeout", "lost")
    await ask(box, "b2c", OriginatorConversationID="second")
    await told(box, "account_balance")
    assert len(box.merchant.at("/timeout")) == 2


async def test_a_reset_forgets_a_result_that_was_still_to_come(box: Box) -> None:
    await box.fault("b2c", "queue_timeout_then_result", delay_ms=60_000)
    await ask(box, "b2c")
    await box.merchant.received("/timeout")
    await box.control("reset")
    await box.advance(61)
    box.bearer = ""
    await told(box, "account_balance")
    assert len(box.merchant.at("/result")) == 1
