"""The words of an alert: for a chat that many read, on a phone, in the night."""

import json

import pytest
from msgspec.structs import replace

from wakala.rules.alerts import Alert, AlertType, of_payment, unwritten
from wakala.rules.payment import Flag, Kind, Payment, Scope, State
from wakala.wire.alert import Place, alert_body, sentence_of

AT_US = 1_795_000_000_000_000
SCOPE = Scope("org_1", "app_1", "sc_1", "live")
SHOP = Place("my shop", "174379", "live", "'my shop' --shortcode 174379 --environment live")
PAYMENT = Payment(
    id="pay_0123456789ab0123456789abcdef",
    scope=SCOPE,
    kind=Kind.PUSH,
    request_id="ORDER-1",
    fingerprint="f",
    state=State.EXPIRED,
    version=3,
    amount_cents=125_050,
    msisdn="254712345678",
    reference="INV-1",
    description="",
    reference_data="[]",
    callback_url=None,
    created_us=AT_US,
    updated_us=AT_US,
    payer_name="JANE DOE",
    flags=(Flag.PAID_AFTER_EXPIRY, Flag.AMOUNT_DIFFERS),
)


def of_endpoint(detail: str, type_: AlertType = AlertType.ENDPOINT_DISABLED) -> Alert:
    return Alert("alr_1", SCOPE, None, type_, detail, AT_US, AT_US)


def flagged(payment: Payment, before: Payment | None = None) -> Alert:
    alert = of_payment(payment, before)
    assert alert is not None
    return alert


def test_the_command_that_helps_can_be_copied() -> None:
    assert sentence_of(of_endpoint("It answered 410 Gone."), SHOP, None) == (
        "The endpoint of my shop for 174379 (live) is disabled. It answered 410 Gone. Its notifications are kept and "
        "wait; once it is well: `wakala endpoint resume 'my shop' --shortcode 174379 --environment live`."
    )


def test_a_payment_is_named_by_what_a_person_knows_it_by() -> None:
    assert sentence_of(flagged(PAYMENT), SHOP, PAYMENT) == (
        "Payment ORDER-1 (KES 1,250.50, expired, my shop, live) needs a look. "
        "M-Pesa reported money for this payment after it had expired. "
        "M-Pesa reported another amount than was asked for; that report was not believed. "
        "See `wakala trace ORDER-1 --environment live`."
    )


def test_a_flag_that_was_told_of_is_not_told_of_again() -> None:
    before = replace(PAYMENT, flags=(Flag.PAID_AFTER_EXPIRY,))
    assert flagged(PAYMENT, before).detail == "amount_differs"
    assert of_payment(PAYMENT, PAYMENT) is None


def test_a_customer_is_not_named_to_everybody_in_a_chat() -> None:
    body = alert_body(flagged(PAYMENT), SHOP, PAYMENT)
    assert json.loads(body)["data"]["Flags"] == ["paid_after_expiry", "amount_differs"]
    for private in (b"712345678", b"JANE", b"INV-1"):
        assert private not in body


@pytest.mark.parametrize("request_id", ["<!channel>", "@all", "a b", "x`rm`", "Müller"])
def test_words_of_strangers_ring_nobody_and_stand_in_no_command(request_id: str) -> None:
    payment = replace(PAYMENT, request_id=request_id)
    text = sentence_of(flagged(payment), SHOP, payment)
    assert text.startswith("Payment pay_0123456789ab0123456789abcdef needs a look. ")
    assert request_id not in text
    assert "<!channel>" not in sentence_of(of_endpoint("the last one: <!channel>"), SHOP, None)


@pytest.mark.parametrize("type_", [AlertType.TEST, AlertType.DATABASE_AWAY, AlertType.DATABASE_BACK])
def test_what_is_in_no_journal_says_what_it_was_given(type_: AlertType) -> None:
    told = json.loads(alert_body(unwritten("alr_1", type_, "The database is away.", AT_US), Place(), None))
    assert (told["type"], told["text"]) == (type_, "The database is away.")
    assert (told["data"]["AlertID"], told["data"]["OrganisationID"]) == ("alr_1", None)
