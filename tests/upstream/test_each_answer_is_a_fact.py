"""What M-Pesa's answer to each kind of call says of the payment: taken, refused, surely not done, or unknown."""

import json
from typing import Any

import pytest

from journal.making import payment
from upstream.speaking import NOW_US, Mpesa
from wakala.rules.facts import Accepted, Fact, LostSight, Refused, Settled, StillOpen, Unsent
from wakala.rules.payment import Evidence, Kind, Payment
from wakala.upstream.daraja import Daraja
from wakala.upstream.door import Asked
from wakala.upstream.facts import RETRY_AFTER_S
from wakala.wire.daraja_results import PulledPayment

RETRY_US = NOW_US + RETRY_AFTER_S * 1_000_000
PUSH = payment("R-1", checkout_request_id="ws_CO_1", amount_cents=150_00)
PAYOUT = payment("R-2", kind=Kind.PAYOUT, command="b2c/businesspayment", checks=3)
BALANCE = payment("R-3", kind=Kind.ENQUIRY, command="accountbalance/accountbalance", checks=3)
TILL = payment("R-4", kind=Kind.TILL_PUSH, command="b2b/expresscheckout")
NAME = payment("R-5", kind=Kind.SERVICE, command="b2c/hakikisha")
BUNDLE = payment("R-6", kind=Kind.SERVICE, command="offers/purchase", details=json.dumps({"Daraja": {"a": 1}}))
OPT_IN = payment(
    "R-7", kind=Kind.SERVICE, command="billmanager/optin", details=json.dumps({"Daraja": {"callbackurl": "theirs"}})
)
TAKEN = {"MerchantRequestID": "1-2-3", "CheckoutRequestID": "ws_CO_9", "ResponseCode": "0", "ResponseDescription": "ok"}
QUEUED = {"OriginatorConversationID": "R-2", "ConversationID": "AG_1", "ResponseCode": "0", "ResponseDescription": "ok"}
BUSY = {"errorCode": "500.003.02", "errorMessage": "System is busy."}
WRONG = {"errorCode": "500.001.1001", "errorMessage": "Wrong credentials"}
BROKE = {"errorCode": "500.002.1001", "errorMessage": "System internal error."}


def url(kind: str) -> str:
    return f"https://pay.example/{kind}"


async def carry(daraja: Daraja, mpesa: Mpesa, what: Payment, *answers: tuple[int, Any] | None) -> Asked:
    mpesa.answers = list(answers)
    return await daraja.carry(mpesa.credentials, what, url)


async def ask(daraja: Daraja, mpesa: Mpesa, what: Payment, *answers: tuple[int, Any] | None) -> Asked:
    mpesa.answers = list(answers)
    return await daraja.ask(mpesa.credentials, what, url)


# ── a command ──


@pytest.mark.parametrize("what", [PUSH, PAYOUT], ids=["push", "payout"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((500, BUSY), Unsent),
        ((403, b"<html>Forbidden</html>"), Unsent),
        ((500, WRONG), Refused),
        ((404, b""), Refused),
        ((500, BROKE), LostSight),
        ((503, b"<html>Unavailable</html>"), LostSight),
        ((200, b"what?"), LostSight),
        (None, LostSight),
    ],
)
async def test_only_what_m_pesa_surely_did_not_do_may_be_sent_again(
    daraja: Daraja, mpesa: Mpesa, what: Payment, answer: tuple[int, Any] | None, kind: type[Fact]
) -> None:
    fact = (await carry(daraja, mpesa, what, answer)).fact
    assert isinstance(fact, kind)
    if isinstance(fact, Unsent):
        assert fact.retry_us == RETRY_US
    if isinstance(fact, Refused):
        assert fact.by is (Evidence.STK_ANSWER if what is PUSH else Evidence.ANSWER)
    assert len(mpesa.sent) == 1


async def test_what_was_taken_has_m_pesas_names(daraja: Daraja, mpesa: Mpesa) -> None:
    pushed, queued = await carry(daraja, mpesa, PUSH, (200, TAKEN)), await carry(daraja, mpesa, PAYOUT, (200, QUEUED))
    assert pushed.fact == Accepted("1-2-3", "ws_CO_9", "ok")
    assert queued.fact == Accepted("R-2", "AG_1", "ok")
    (_, _, push), (_, _, payout) = mpesa.sent
    assert (push["CallBackURL"], push["Amount"]) == (url("stk"), "150")
    assert (payout["ResultURL"], payout["QueueTimeOutURL"]) == (url("result"), url("timeout"))
    assert payout["OriginatorConversationID"] == "R-2"


async def test_what_m_pesa_named_and_did_not_take_goes_by_its_names(daraja: Daraja, mpesa: Mpesa) -> None:
    fact = (await carry(daraja, mpesa, PAYOUT, (200, QUEUED | {"ResponseCode": "1"}))).fact
    assert isinstance(fact, LostSight)
    assert (fact.merchant_request_id, fact.checkout_request_id) == ("R-2", "AG_1")


async def test_a_person_who_is_asked_answers_at_a_door_of_its_own(daraja: Daraja, mpesa: Mpesa) -> None:
    asked = json.dumps({"SenderTill": "600999", "PartnerName": "SHOP"})
    till = payment("R-4", kind=Kind.TILL_PUSH, command="b2b/expresscheckout", details=asked)
    assert isinstance(
        (await carry(daraja, mpesa, till, (200, {"code": "0", "status": "USSD Initiated"}))).fact, Accepted
    )
    assert mpesa.sent[0][2]["callbackUrl"] == url("outcome")


async def test_a_service_ends_with_its_answer(daraja: Daraja, mpesa: Mpesa) -> None:
    found = await carry(daraja, mpesa, NAME, (200, {"status": "200", "message": "ok", "name": "ASHA"}))
    assert isinstance(found.fact, Settled)
    assert (found.fact.by, found.fact.paid, found.fact.code) == (Evidence.ANSWER, True, "200")
    assert json.loads(found.fact.results or "")["name"] == "ASHA"
    unknown = await carry(daraja, mpesa, NAME, (200, {"status": "404", "message": "No such customer"}))
    assert isinstance(unknown.fact, Settled)
    assert (unknown.fact.paid, unknown.fact.description) == (False, "No such customer")
    assert isinstance((await carry(daraja, mpesa, NAME, (500, WRONG))).fact, Refused)


async def test_what_is_passed_on_succeeds_with_status_200_and_no_error_in_it(daraja: Daraja, mpesa: Mpesa) -> None:
    bought = (await carry(daraja, mpesa, BUNDLE, (200, {"bundle": 5}))).fact
    assert isinstance(bought, Settled)
    assert (bought.by, bought.paid, bought.results) == (Evidence.ANSWER, True, '{"bundle":5}')
    assert isinstance((await carry(daraja, mpesa, BUNDLE, (200, WRONG))).fact, Refused)
    assert isinstance((await carry(daraja, mpesa, BUNDLE, (202, {"bundle": 5}))).fact, LostSight)
    assert isinstance((await carry(daraja, mpesa, BUNDLE, (200, b"?"))).fact, LostSight)


async def test_bill_managers_key_is_kept_and_told_to_nobody(daraja: Daraja, mpesa: Mpesa) -> None:
    asked = await carry(daraja, mpesa, OPT_IN, (200, {"app_key": "AG_secret", "resmsg": "Success", "rescode": "200"}))
    assert asked.bill_key == "AG_secret"
    assert isinstance(asked.fact, Settled)
    assert "AG_secret" not in (asked.fact.results or "")
    assert "app_key" in (asked.fact.results or "")
    assert mpesa.sent[0][2] == {"callbackurl": url("bill_payment")}
    refused = await carry(daraja, mpesa, OPT_IN, (200, {"resmsg": "Conflict", "rescode": "409"}))
    assert (refused.bill_key, refused.fact.paid if isinstance(refused.fact, Settled) else None) == ("", False)


# ── a question about a push ──


@pytest.mark.parametrize(
    ("told", "paid"),
    [({"ResultCode": "0"}, True), ({"ResultCode": "1032"}, False), ({"ResultCode": "17"}, None)],
)
@pytest.mark.parametrize("named", ["ws_CO_1", ""])
async def test_a_query_settles_what_it_was_about(
    daraja: Daraja, mpesa: Mpesa, told: dict[str, str], paid: bool | None, named: str
) -> None:
    body = told | {"ResponseCode": "0", "ResultDesc": "So.", "CheckoutRequestID": named}
    asked = await ask(daraja, mpesa, PUSH, (200, body))
    assert asked.fact == Settled(Evidence.STK_QUERY, paid, told["ResultCode"], "So.")
    assert [exchange.name for exchange in asked.exchanges] == ["token", "stk_query"]
    assert mpesa.sent[0][2]["CheckoutRequestID"] == "ws_CO_1"


@pytest.mark.parametrize(
    ("answer", "is_processing"),
    [
        ((200, {"ResponseCode": "0", "ResultCode": "0", "CheckoutRequestID": "ws_CO_2"}), False),
        ((200, {"ResponseCode": "0", "ResultCode": "4999", "CheckoutRequestID": "ws_CO_1"}), True),
        ((500, {"errorCode": "500.001.1001", "errorMessage": "The transaction is being processed"}), True),
        ((500, {"errorCode": "500.001.1001", "errorMessage": "The transaction does not Exist"}), False),
        ((500, WRONG), False),
        (None, False),
    ],
)
async def test_every_other_answer_to_a_query_settles_nothing(
    daraja: Daraja, mpesa: Mpesa, answer: tuple[int, Any] | None, is_processing: bool
) -> None:
    fact = (await ask(daraja, mpesa, PUSH, answer)).fact
    assert isinstance(fact, StillOpen)
    assert (fact.processing, fact.call) == (is_processing, "")
    assert fact.reason.startswith("M-Pesa ")


@pytest.mark.parametrize("checkout_request_id", [None, ""])
async def test_a_push_that_m_pesa_never_named_cannot_be_asked_about(
    daraja: Daraja, mpesa: Mpesa, checkout_request_id: str | None
) -> None:
    asked = await ask(daraja, mpesa, payment("R-1", checkout_request_id=checkout_request_id))
    assert isinstance(asked.fact, StillOpen)
    assert (asked.exchanges, mpesa.sent, mpesa.tokens) == ((), [], 0)


# ── and about everything else ──


@pytest.mark.parametrize(("told", "original"), [(None, "R-2"), ("m-1", "m-1")])
async def test_money_is_asked_about_by_transaction_status(
    daraja: Daraja, mpesa: Mpesa, told: str | None, original: str
) -> None:
    payout = payment("R-2", kind=Kind.PAYOUT, command="b2c/businesspayment", merchant_request_id=told)
    asked = await ask(daraja, mpesa, payout, (200, QUEUED))
    assert isinstance(asked.fact, StillOpen)
    assert (asked.fact.processing, asked.fact.code, asked.fact.call) == (False, "", "")
    ((path, _, body),) = mpesa.sent
    assert path == "/mpesa/transactionstatus/v1/query"
    assert (body["OriginalConversationID"], body["PartyA"], body["Initiator"]) == (original, "600100", "api")
    assert (body["ResultURL"], body["QueueTimeOutURL"]) == (url("status"), url("status_timeout"))
    assert body["SecurityCredential"]


async def test_a_question_is_put_again(daraja: Daraja, mpesa: Mpesa) -> None:
    asked = await ask(daraja, mpesa, BALANCE, (200, QUEUED))
    assert isinstance(asked.fact, StillOpen)
    ((path, _, body),) = mpesa.sent
    assert (path, body["ResultURL"]) == ("/mpesa/accountbalance/v1/query", url("result"))
    assert [exchange.name for exchange in asked.exchanges] == ["token", "accountbalance_accountbalance"]


@pytest.mark.parametrize("what", [PAYOUT, BALANCE], ids=["money", "question"])
async def test_a_question_that_is_refused_says_the_code(daraja: Daraja, mpesa: Mpesa, what: Payment) -> None:
    refused = (await ask(daraja, mpesa, what, (500, WRONG))).fact
    assert isinstance(refused, StillOpen)
    assert (refused.processing, refused.code, refused.call) == (False, "500.001.1001", "")
    silent = (await ask(daraja, mpesa, what, None)).fact
    assert isinstance(silent, StillOpen)
    assert (silent.processing, silent.code) == (False, "")


async def test_a_question_for_which_there_is_no_token_is_open(daraja: Daraja, mpesa: Mpesa) -> None:
    mpesa.token_status, mpesa.token_body = 503, b"?"
    for what in (PUSH, PAYOUT, BALANCE):
        fact = (await ask(daraja, mpesa, what)).fact
        assert isinstance(fact, StillOpen)
        assert (fact.processing, "could not be asked" in fact.reason) == (False, True)
    assert mpesa.sent == []


@pytest.mark.parametrize("what", [TILL, BUNDLE], ids=["till", "bundle"])
async def test_what_has_no_query_waits_for_its_callback(daraja: Daraja, mpesa: Mpesa, what: Payment) -> None:
    asked = await ask(daraja, mpesa, what)
    assert isinstance(asked.fact, StillOpen)
    assert (asked.fact.processing, asked.exchanges, mpesa.tokens) == (False, (), 0)


# ── M-Pesa's list ──


async def test_a_page_of_the_list_or_why_there_is_none(daraja: Daraja, mpesa: Mpesa) -> None:
    async def pull(answer: tuple[int, Any] | None) -> tuple[PulledPayment, ...] | str:
        mpesa.answers = [answer]
        return (await daraja.pull(mpesa.credentials, PUSH.scope, NOW_US, NOW_US + 60_000_000, 100))[0]

    row = {"transactionId": "UCE1Q0Z8MN", "amount": "75", "msisdn": "254700000142", "billreference": "A"}
    listed = {"ResponseRefID": "1", "ResponseCode": "1000", "ResponseMessage": "Success", "Response": [[row]]}
    (found,) = await pull((200, listed))
    assert isinstance(found, PulledPayment)
    assert (found.receipt, found.amount_cents) == ("UCE1Q0Z8MN", 75_00)
    ((_, _, body),) = mpesa.sent
    assert (body["ShortCode"], body["OffSetValue"]) == ("600100", "100")
    assert body["StartDate"] < body["EndDate"]
    assert await pull((200, listed | {"Response": []})) == ()
    for answer in (None, (500, WRONG), (200, listed | {"ResponseCode": "1002"}), (200, {"ResponseCode": "1000"})):
        assert isinstance(await pull(answer), str)
