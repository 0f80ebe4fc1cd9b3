"""What the Broker is told of a command, and what its answer says of the payment: the same facts as by Daraja."""

import json

import pytest
from msgspec.structs import replace

from journal.making import payment
from upstream.soap_speaking import SILENCE, Far, Given, answer, broker_by, ours, plain
from upstream.speaking import NOW_US, Clock
from wakala.rules.facts import Accepted, Fact, LostSight, Refused, Settled, StillOpen, Unsent
from wakala.rules.payment import Evidence, Kind, Payment
from wakala.upstream.broker import Broker
from wakala.upstream.door import Asked
from wakala.wire.broker.soap import Provider

RETRY_US = NOW_US + 10_000_000  # not at once: it has said that it is busy
STAMP = "20261118140640"  # NOW_US in Nairobi
OWN = "600100_R-2"
ORDER = json.dumps([{"Key": "Order", "Value": "7"}])
PAYOUT = payment(
    "R-2",
    kind=Kind.PAYOUT,
    command="b2c/businesspayment",
    amount_cents=1200_00,
    description="Refund",
    reference_data=ORDER,
    details='{"Occasion":"May"}',
    created_us=NOW_US - 5_000_000,
)
BILL = payment(
    "R-3",
    kind=Kind.TRANSFER,
    command="b2b/businesspaybill",
    reference="INV-7",
    details='{"ReceiverShortcode":"600640","Requester":"0700000417"}',
)
REGISTRATION = payment("R-4", kind=Kind.SERVICE, command="c2b/registerurl", details="{}", created_us=NOW_US - 5_000_000)
NEXT = ("Next!Pass2025", b"sharedkey0123456", b"initvector012345")
REPEAT = {name: f"{{{name}}}" for name in ("spPassword", "SecurityCredential")}
ACCEPTED = ours("b2c-02-response-accepted", OWN)


def url(kind: str) -> str:
    return f"https://pay.example/{kind}"


async def carry(broker: Broker, far: Far, what: Payment, *answers: Given) -> Asked:
    far.answers = list(answers)
    return await broker.carry(far.credentials(), what, url)


# ── what it is told ──


async def test_a_payout_says_who_pays_whom_how_much_and_where_to_answer(broker: Broker, far: Far) -> None:
    asked = await carry(broker, far, PAYOUT, ACCEPTED)
    assert far.heads[0].startswith("POST /mminterface/request HTTP/1.1\r\n")
    lines = far.heads[0].lower().split("\r\n")
    assert {"content-type: text/xml; charset=utf-8", 'soapaction: ""', "accept: text/xml"} <= set(lines)
    assert (far.told("CommandID"), far.told("OriginatorConversationID")) == ("BusinessPayment", OWN)
    assert far.values() == {
        "Amount": "1200.00",
        "QueueTimeoutURL": url("soap_timeout"),
        "Occasion": "May",
        "Order": "7",
    }
    assert far.told("ResultURL") == url("soap_result")
    assert far.party("PrimaryParty") == ("4", "600100", "600100")
    assert far.party("ReceiverParty") == ("1", "254712345678", "")
    assert far.told("Remark") == "Refund"
    assert far.told("Timestamp") == "2026-11-18T11:06:40.0000000Z"
    kind, identifier, credential, shortcode = far.party("Initiator")
    assert (kind, identifier, shortcode) == ("11", "api", "600100")
    assert len(credential) == 344  # sealed: 256 bytes in base64
    (exchange,) = asked.exchanges
    assert (exchange.name, exchange.direction, exchange.method) == ("b2c_businesspayment", "out", "POST")
    assert exchange.url == f"{far.url}/mminterface/request"
    assert exchange.id.startswith("xch_")
    assert (exchange.payment_id, exchange.scope, exchange.started_us) == (PAYOUT.id, PAYOUT.scope, NOW_US)
    assert exchange.request_body.decode() == far.bodies[0]
    assert exchange.request_headers
    assert (exchange.status, exchange.answer_body, exchange.error) == (200, ACCEPTED, None)
    assert exchange.answer_headers
    assert exchange.duration_us


async def test_a_bill_of_another_business_is_paid_under_its_reference(broker: Broker, far: Far) -> None:
    asked = await carry(broker, far, BILL, answer("0"))
    assert (far.values()["AccountReference"], far.party("ReceiverParty")[1]) == ("INV-7", "600640")
    assert far.party("Requester") == ("1", "254700000417")
    assert isinstance(asked.fact, Accepted)


@pytest.mark.parametrize("is_upper", [False, True])
async def test_who_asks_is_proven_as_the_access_says(broker: Broker, far: Far, is_upper: bool) -> None:
    far.answers = [ACCEPTED]
    access = far.access(
        url=far.url + "/", upper_case_digest=is_upper, third_party="shop", caller_password="Other1", request_path="/x"
    )
    await broker.carry(far.credentials(broker=access), PAYOUT, url)
    provider = Provider("900610", "Sim!Pass2025", upper_case_digest=is_upper)
    assert (far.told("spId"), far.told("serviceId"), far.told("timeStamp")) == ("900610", "900610000", STAMP)
    assert far.told("spPassword") == provider.digest(STAMP)
    assert far.party("Caller")[1:3] == ("shop", "Other1")
    assert far.paths == ["/x"]


async def test_a_till_speaks_as_its_store(broker: Broker, far: Far) -> None:
    far.answers = [ACCEPTED]
    await broker.carry(far.credentials(party_b="5123456", is_till=True), PAYOUT, url)
    assert "5123456" not in far.bodies[0]
    assert far.party("PrimaryParty") == ("4", "600100", "600100")


@pytest.mark.parametrize(
    ("details", "response_type"), [("{}", "Completed"), ('{"ResponseType":"Cancelled"}', "Cancelled")]
)
async def test_a_registration_names_our_doors_for_soap(
    broker: Broker, far: Far, details: str, response_type: str
) -> None:
    far.answers = [answer("0")]
    store = far.credentials(party_b="5123456", is_till=True)
    await broker.carry(store, replace(REGISTRATION, details=details), url)
    assert far.values() == {
        "ResponseType": response_type,
        "ValidationURL": url("soap_c2b_validation"),
        "ConfirmationURL": url("soap_c2b_confirmation"),
    }
    assert far.paths == ["/mminterface/registerURL"]
    assert (far.told("OriginatorConversationID"), far.party("PrimaryParty")) == ("600100_R-4", ("1", "", "600100"))
    assert far.told("timeStamp") == STAMP


# ── what it answers ──


@pytest.mark.parametrize(
    ("given", "fact"),
    [
        (
            ACCEPTED,
            Accepted(OWN, "AG_20250114_00004c1d7be093a2f651", "Accept the service request successfully."),
        ),
        (answer("0", "So."), Accepted(OWN, "", "So.")),
        (answer("000000000", "So.", "<ConversationId>AG_1</ConversationId>"), Accepted(OWN, "AG_1", "So.")),
        ((500, answer("0", "So.")), Accepted(OWN, "", "So.")),
        (ours("b2c-05-response-cached", OWN), Accepted(OWN, "", "Request was cached, waiting for resending")),
    ],
)
async def test_what_it_took_goes_by_both_names(broker: Broker, far: Far, given: Given, fact: Fact) -> None:
    assert (await carry(broker, far, PAYOUT, given)).fact == fact


@pytest.mark.parametrize(
    ("given", "fact"),
    [
        (answer("100000007", "No."), Refused("100000007", "No.", Evidence.ANSWER)),
        ((500, answer("24", "No.")), Refused("24", "No.", Evidence.ANSWER)),
        (answer("no-such-code", "No."), Refused("no-such-code", "No.", Evidence.ANSWER)),
        (answer("100000002", "Wait."), Unsent("100000002", "Wait.", RETRY_US)),
        (answer("26", "Wait."), Unsent("26", "Wait.", RETRY_US)),
        (answer("100000004", "Oh."), LostSight("100000004", "Oh.")),
        (answer("26", "Wait.", "<ConversationID>AG_1</ConversationID>"), LostSight("26", "Wait.")),
        (answer("", "Oh."), LostSight("broker-no-code", "Oh.")),
    ],
)
async def test_only_what_it_surely_did_not_do_may_be_sent_again(
    broker: Broker, far: Far, given: Given, fact: Fact
) -> None:
    asked = await carry(broker, far, PAYOUT, given)
    assert asked.fact == fact
    assert len(asked.exchanges) == len(far.bodies) == 1


@pytest.mark.parametrize("given", [b"", b"<html>Unavailable</html>", (503, b"?"), answer("0")[:-20], None])
async def test_no_answer_that_can_be_read_is_unknown(broker: Broker, far: Far, given: Given) -> None:
    asked = await carry(broker, far, PAYOUT, given)
    assert isinstance(asked.fact, LostSight)
    assert asked.fact.code == ("no_answer" if given is None else "broker-unreadable")
    (exchange,) = asked.exchanges
    status = given[0] if isinstance(given, tuple) else None if given is None else 200
    assert (exchange.status, exchange.error is not None) == (status, given is None)
    assert exchange.duration_us


@pytest.mark.parametrize("name", ["b2c-02-response-accepted", "b2c-04-response-auth-failed"])
async def test_an_answer_to_another_request_is_unknown(broker: Broker, far: Far, name: str) -> None:
    """Whoever believed it would ask about somebody else's money, and be told that ours is paid."""
    foreign = ours(name, "600100_R-9").replace(
        b"</ResponseDesc>\n</response>",
        b"</ResponseDesc><OriginatorConversationID>600100_R-9</OriginatorConversationID></response>",
    )
    asked = await carry(broker, far, PAYOUT, foreign)
    assert asked.fact == LostSight("broker-unreadable", "It speaks of another request.")


async def test_who_never_answers_is_not_waited_for(far: Far, clock: Clock) -> None:
    far.answers = [SILENCE]
    async with broker_by(clock, answer_limit_s=0.2) as hasty:
        asked = await hasty.carry(far.credentials(), PAYOUT, url)
    assert isinstance(asked.fact, LostSight | Unsent)  # on a slow machine there is no connection by then
    assert asked.fact.reason.endswith("within 0.2 s.")


async def test_nobody_at_home_means_that_nothing_has_left(broker: Broker, far: Far) -> None:
    access = far.access(url="http://127.0.0.1:1")
    asked = await broker.carry(far.credentials(broker=access), PAYOUT, url)
    assert isinstance(asked.fact, Unsent)
    assert (asked.fact.code, asked.fact.retry_us) == ("unreachable", RETRY_US)
    (exchange,) = asked.exchanges
    assert exchange.error
    assert exchange.error in asked.fact.reason


async def test_a_registration_ends_with_the_answer(broker: Broker, far: Far) -> None:
    done = (await carry(broker, far, REGISTRATION, ours("c2b-02-register-url-response-ok", ""))).fact
    assert isinstance(done, Settled)
    assert (done.by, done.paid, done.code, done.description) == (Evidence.ANSWER, True, "0", "success")
    assert json.loads(done.results or "") == {"ResponseCode": "00000000", "ResponseDescription": "success"}
    refused = (await carry(broker, far, REGISTRATION, answer("100000007", "No."))).fact
    assert refused == Refused("100000007", "No.", Evidence.ANSWER)


async def test_a_registration_that_is_kept_for_later_is_not_made(broker: Broker, far: Far) -> None:
    kept = ours("b2c-05-response-cached", "")
    fact = (await carry(broker, far, REGISTRATION, kept)).fact
    assert isinstance(fact, Refused)
    assert (fact.code, "register them again" in fact.description) == ("kept_for_later", True)
    far.answers = [kept]
    why, exchanges = await broker.register(far.credentials(), PAYOUT.scope, "Completed", url("c"), url("v"))
    assert why == fact.description
    assert len(exchanges) == 1


# ── what does not even leave ──


async def test_what_xml_cannot_carry_is_refused_here(broker: Broker, far: Far) -> None:
    bell = payment("R-2", kind=Kind.PAYOUT, command="b2c/businesspayment", description="ring \a")
    asked = await carry(broker, far, bell)
    assert isinstance(asked.fact, Refused)
    assert (asked.fact.by, "U+0007" in asked.fact.description) == (Evidence.GATEWAY, True)
    assert asked.fact.code == "invalid_fields"
    assert (asked.exchanges, far.bodies) == ((), [])


async def test_a_shortcode_without_access_sends_nothing(broker: Broker, far: Far) -> None:
    credentials = far.credentials(broker=None)
    refused = Refused("no_broker_access", "This shortcode has no access to the Broker.", Evidence.GATEWAY)
    assert broker.is_ready(credentials, PAYOUT)  # there is nothing that could be fetched first
    assert await broker.prepare(credentials, PAYOUT) == (refused, ())
    assert await broker.prepare(far.credentials(), PAYOUT) == (None, ())
    assert await broker.carry(credentials, PAYOUT, url) == Asked(refused, ())
    asked = await broker.ask(credentials, PAYOUT, url)
    assert isinstance(asked.fact, StillOpen)
    assert (asked.fact.processing, asked.exchanges) == (False, ())
    registered = await broker.register(credentials, PAYOUT.scope, "Completed", url("c"), url("v"))
    assert registered == await broker.prove(credentials, PAYOUT.scope) == (refused.description, ())
    assert far.bodies == []


# ── what is kept of it ──


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("name", REPEAT)
async def test_a_complaint_that_repeats_our_secret_is_kept_and_told_without_it(
    broker: Broker, far: Far, status: int, name: str
) -> None:
    """Its complaints have status 200 (broker.md 1.3), and a digest with its time stamp holds for months (2)."""

    asked = await carry(broker, far, PAYOUT, (status, answer("100000005", f"Invalid input value: {REPEAT[name]}")))
    (exchange,) = asked.exchanges
    assert isinstance(asked.fact, Refused)
    assert asked.fact.description == "Invalid input value: [secret]"
    assert ("x-echo", "[secret]") in [(name.lower(), told) for name, told in exchange.answer_headers]
    assert far.told(name)
    assert far.told(name).encode() not in exchange.answer_body


# ── the account itself ──


async def test_its_log_is_asked_for_nothing_to_prove_who_we_are(broker: Broker, far: Far) -> None:
    far.answers = [plain("000000000"), plain("000000000"), plain("100000007", "No."), None]
    assert (await broker.prove(far.credentials(), PAYOUT.scope))[0] is None
    assert far.paths == ["/queryTransactionService/services/transaction"]
    never = far.told("originatorConversationID")
    assert never.startswith("600100_")
    assert far.values() == {"queryDate": STAMP}
    why, (exchange,) = await broker.prove(far.credentials(), PAYOUT.scope)
    assert far.told("originatorConversationID") != never  # no name is used twice
    assert (why, exchange.name) == (None, "query_transaction")
    assert (exchange.scope, exchange.payment_id) == (PAYOUT.scope, None)
    why, exchanges = await broker.prove(far.credentials(), PAYOUT.scope)
    assert (why or "").startswith("The Broker does not accept the spId with its password. The operator must enter ")
    assert len(exchanges) == 1
    why, exchanges = await broker.prove(far.credentials(), PAYOUT.scope)
    assert (why or "").startswith("The Broker gave no answer: ")
    assert len(exchanges) == 1


async def test_our_urls_are_registered_or_it_is_said_why_not(broker: Broker, far: Far) -> None:
    async def register() -> str | None:
        why, (exchange,) = await broker.register(far.credentials(), PAYOUT.scope, "Cancelled", url("c"), url("v"))
        assert (exchange.name, exchange.scope, exchange.payment_id) == ("register_url", PAYOUT.scope, None)
        return why

    far.answers = [answer("00000000"), answer("00000000"), answer("100000007", "No."), None]
    assert await register() is None
    assert far.paths == ["/mminterface/registerURL"]
    assert far.values() == {"ResponseType": "Cancelled", "ValidationURL": url("v"), "ConfirmationURL": url("c")}
    assert (far.told("timeStamp"), far.party("PrimaryParty")[2]) == (STAMP, "600100")
    assert await register() is None
    first, second = (far.told("OriginatorConversationID", index) for index in range(2))
    assert first != second
    assert "spId" in (await register() or "")
    assert (await register() or "").startswith("The Broker gave no answer: ")


@pytest.mark.parametrize(
    ("given", "says", "is_sure"),
    [
        (plain("100000007", "No."), "spId", True),
        (None, "The Broker gave no answer", False),
        (plain("100000004", "Oh."), "100000004: Oh.", False),
        ((502, b"<html>"), "broker-unreadable", False),
    ],
)
async def test_a_new_password_that_may_have_been_taken_is_not_called_refused(
    broker: Broker, far: Far, given: Given, says: str, is_sure: bool
) -> None:
    far.answers = [plain("00000000"), given]
    access = far.access(password_path="/management")
    taken, exchanges = await broker.change_password(access, PAYOUT.scope, *NEXT)
    assert (taken, [each.name for each in exchanges]) == (None, ["change_password"])
    assert far.paths == ["/management"]
    assert (far.told("newPassword"), far.told("timeStamp")) == ("ShOorXwu4q6VZb0atql+KQ==", STAMP)  # broker.md 8.4
    why, exchanges = await broker.change_password(access, PAYOUT.scope, *NEXT)
    assert says in (why or "")
    assert ("either password may hold now" in (why or "")) is not is_sure
    assert len(exchanges) == 1


async def test_a_new_password_that_did_not_leave_leaves_the_old_one(broker: Broker, far: Far) -> None:
    access = far.access(url="http://127.0.0.1:1", password_path="/management")
    why, _ = await broker.change_password(access, PAYOUT.scope, *NEXT)
    assert (why or "").endswith("the old password holds.")
