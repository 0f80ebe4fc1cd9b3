"""Two questions to the Broker: its log says whether a request got through, M-Pesa's core what became of it."""

import pytest

from journal.making import payment
from upstream.soap_speaking import Far, Given, answer, log, ours, plain
from upstream.speaking import NOW_US, Clock
from wakala.rules.accounts import Side
from wakala.rules.facts import Accepted, Settled, StillOpen
from wakala.rules.payment import Evidence, Kind, Payment
from wakala.upstream.broker import Broker
from wakala.upstream.door import Asked

OWN = "600100_R-2"
MADE_US = NOW_US - 90_000_000_000  # the day before
SENT_US = NOW_US - 3_600_000_000
LOST = payment(
    "R-2",
    side=Side.BROKER,
    kind=Kind.PAYOUT,
    command="b2c/businesspayment",
    amount_cents=1200_00,
    reference_data='[{"Key":"Order","Value":"7"}]',
    checks=3,
    created_us=MADE_US,
    sent_us=SENT_US,
)
TAKEN = payment(
    "R-2",
    side=Side.BROKER,
    kind=Kind.PAYOUT,
    command="b2c/businesspayment",
    amount_cents=1200_00,
    merchant_request_id=OWN,
    checkout_request_id="AG_1",
    reference_data='[{"Key":"Order","Value":"7"}]',
    checks=3,
)
STATUS = payment(
    "R-5",
    side=Side.BROKER,
    kind=Kind.ENQUIRY,
    command="transactionstatus/transactionstatusquery",
    merchant_request_id="600100_R-5",
    details='{"TransactionID":"TAE7B2C9QK"}',
)
PAID = ours("b2c-07-result-success", OWN)
ACCEPTED = ours("b2c-02-response-accepted", OWN)
LOG, CORE = "/queryTransactionService/services/transaction", "/mminterface/request"


def url(kind: str) -> str:
    return f"https://pay.example/{kind}"


async def ask(broker: Broker, far: Far, what: Payment, *answers: Given) -> Asked:
    far.answers = list(answers)
    return await broker.ask(far.credentials(), what, url)


def is_open(asked: Asked, reason: str) -> bool:
    fact = asked.fact
    assert isinstance(fact, StillOpen)
    assert (fact.processing, fact.call) == (False, "")
    return reason in fact.reason


# ── its log, where no answer of its own came ──


async def test_a_result_in_the_log_settles_it(broker: Broker, far: Far, clock: Clock) -> None:
    asked = await ask(broker, far, LOST, log(answers=(ACCEPTED,), results=(PAID,)))
    assert isinstance(asked.fact, Settled)
    assert (asked.fact.by, asked.fact.paid, asked.fact.receipt) == (Evidence.RESULT, True, "TAE7B2C9QK")
    assert far.paths == [LOG]
    assert far.told("originatorConversationID") == OWN
    assert far.values() == {"queryDate": "20261118130640"}  # when it was sent
    assert far.told("timeStamp") == "20261118140640"
    (exchange,) = asked.exchanges
    assert (exchange.name, exchange.payment_id, exchange.scope) == ("query_transaction", LOST.id, LOST.scope)


async def test_a_result_that_names_no_request_is_of_the_one_that_was_looked_for(broker: Broker, far: Far) -> None:
    asked = await ask(broker, far, LOST, log(results=(PAID.replace(OWN.encode(), b""),)))
    assert isinstance(asked.fact, Settled)
    assert asked.fact.receipt == "TAE7B2C9QK"


async def test_a_failure_in_the_log_settles_it_too(broker: Broker, far: Far) -> None:
    failed = ours("b2c-09-result-insufficient-funds", OWN)
    asked = await ask(broker, far, LOST, log(results=(b"?", failed)))
    assert isinstance(asked.fact, Settled)
    assert (asked.fact.paid, asked.fact.code, len(asked.exchanges)) == (False, "1", 1)


async def test_what_never_left_by_its_own_clock_is_looked_for_on_the_day_it_was_made(broker: Broker, far: Far) -> None:
    made = payment("R-2", kind=Kind.PAYOUT, command="b2c/businesspayment", created_us=MADE_US)
    await ask(broker, far, made, log(), answer("0"))
    assert far.values(0) == {"queryDate": "20261117130640"}


@pytest.mark.parametrize("named", ["", f"<OriginatorConversationID>{OWN}</OriginatorConversationID>"])
async def test_an_acceptance_in_the_log_names_it(broker: Broker, far: Far, named: str) -> None:
    accepted = answer("0", "So.", f"<ConversationID>AG_1</ConversationID>{named}")
    asked = await ask(broker, far, LOST, log(answers=(answer("100000000"), accepted)))
    assert asked.fact == Accepted(OWN, "AG_1", "So.")
    assert len(asked.exchanges) == len(far.bodies) == 1


OTHER = "600100_R-9"


@pytest.mark.parametrize(
    "told",
    [
        log(results=(ours("b2c-07-result-success", OTHER),)),
        log(answers=(ours("b2c-02-response-accepted", OTHER),)),
        log(results=(ours("b2c-11-result-duplicate-ocid", OWN),)),  # which settles nothing
        log(results=(PAID.replace(b"1200.00", b"1.00"),)),  # which does not fit
        log(results=(b"<torn",)),
        log(answers=(answer("100000000"),)),
        log(answers=(answer("26", "Busy."),)),
        log(),
        log(asked=False),
        plain("100000004", "Oh."),
        b"<html>",
        None,
    ],
    ids=range(12),
)
async def test_a_log_that_says_nothing_of_it_leaves_it_to_the_core(broker: Broker, far: Far, told: Given) -> None:
    """What it tells of another request least of all: its money would be told as ours."""
    asked = await ask(broker, far, LOST, told, answer("0"))
    assert is_open(asked, "Asked M-Pesa")
    assert far.paths == [LOG, CORE]
    assert [exchange.name for exchange in asked.exchanges] == [
        "query_transaction",
        "transactionstatus_transactionstatusquery",
    ]
    assert far.values()["OriginatorConversationID"] == OWN


async def test_the_result_of_another_does_not_hide_ours(broker: Broker, far: Far) -> None:
    asked = await ask(broker, far, LOST, log(results=(ours("b2c-07-result-success", OTHER), PAID)))
    assert isinstance(asked.fact, Settled)
    assert asked.fact.merchant_request_id == OWN


# ── and M-Pesa's core ──


async def test_money_is_asked_about_under_an_id_that_no_caller_can_choose(broker: Broker, far: Far) -> None:
    asked = await ask(broker, far, TAKEN, answer("0"))
    assert is_open(asked, "Asked M-Pesa; its answer comes as a Result.")
    assert far.paths == [CORE]
    assert far.told("CommandID") == "TransactionStatusQuery"
    assert far.told("OriginatorConversationID") == "600100__4_R-2"
    assert far.values() == {"OriginatorConversationID": OWN, "QueueTimeoutURL": url("soap_status_timeout")}
    assert far.told("ResultURL") == url("soap_status")
    assert far.party("Initiator")[1] == "api"
    (exchange,) = asked.exchanges
    assert exchange.name == "transactionstatus_transactionstatusquery"


async def test_m_pesas_own_name_of_it_is_asked_for_as_such(broker: Broker, far: Far) -> None:
    await ask(broker, far, payment("R-2", kind=Kind.PAYOUT, merchant_request_id="AG_9"), answer("0"))
    assert far.values()["ConversationID"] == "AG_9"


async def test_a_question_is_put_again(broker: Broker, far: Far) -> None:
    asked = await ask(broker, far, STATUS, answer("0"))
    assert is_open(asked, "Asked M-Pesa")
    assert far.told("OriginatorConversationID") == "600100__1_R-5"
    assert far.values() == {"ReceiptNumber": "TAE7B2C9QK", "QueueTimeoutURL": url("soap_timeout")}
    assert far.told("ResultURL") == url("soap_result")
    balance = payment("R-6", kind=Kind.ENQUIRY, command="accountbalance/accountbalance", merchant_request_id="x")
    asked = await ask(broker, far, balance, answer("0"))
    assert far.told("CommandID") == "AccountBalance"
    assert [exchange.name for exchange in asked.exchanges] == ["accountbalance_accountbalance"]


@pytest.mark.parametrize("what", [TAKEN, STATUS], ids=["money", "question"])
async def test_a_question_that_is_not_taken_leaves_it_open(broker: Broker, far: Far, what: Payment) -> None:
    refused = await ask(broker, far, what, answer("100000007", "No."))
    assert is_open(refused, "The Broker answered: No.")
    assert isinstance(refused.fact, StillOpen)
    assert refused.fact.code == "100000007"
    silent = await ask(broker, far, what, None)
    assert is_open(silent, "The Broker gave no answer to the question: ")
    assert isinstance(silent.fact, StillOpen)
    assert silent.fact.code == ""
    assert len(refused.exchanges) == len(silent.exchanges) == 1


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (answer("0"), "Asked M-Pesa"),
        (answer("0", "", "<OriginatorConversationID>600100__4_R-2</OriginatorConversationID>"), "Asked M-Pesa"),
        (answer("100000000"), "Asked M-Pesa"),
        (answer("100000002", "Wait."), "Wait."),
        (b"?", "The Broker answered: "),
    ],
)
async def test_nothing_but_a_result_ends_it(broker: Broker, far: Far, told: Given, says: str) -> None:
    assert is_open(await ask(broker, far, TAKEN, told), says)
