"""A caller's name for a request, M-Pesa's, and the Broker's longer one; and what is known of the Broker, sealed."""

import msgspec
import pytest
from msgspec.structs import replace

from journal.making import payment
from wakala.rules.accounts import Side
from wakala.rules.payment import Payment
from wakala.rules.sides import BrokerAccess, id_at_mpesa, originator_id, read_access

NEW = payment("R-1")
AT_BROKER = replace(NEW, side=Side.BROKER)


@pytest.mark.parametrize(
    ("what", "callers", "at_mpesa"),
    [
        (NEW, "R-1", "R-1"),
        (replace(NEW, merchant_request_id=""), "R-1", "R-1"),
        (replace(NEW, merchant_request_id="29115-1"), "29115-1", "29115-1"),
        (AT_BROKER, "R-1", "600100_R-1"),
        (replace(AT_BROKER, merchant_request_id=""), "R-1", "600100_R-1"),
        (replace(AT_BROKER, merchant_request_id="600100_R-1"), "R-1", "600100_R-1"),
    ],
)
def test_each_is_told_the_name_that_it_knows(what: Payment, callers: str, at_mpesa: str) -> None:
    assert (originator_id(what), id_at_mpesa(what, "600100")) == (callers, at_mpesa)


ACCESS = BrokerAccess("https://broker.example", "900610", "Sim!Pass2025", key="a private key", caller_password="Core!1")


def test_what_is_known_of_the_broker_opens_as_it_was_sealed() -> None:
    assert read_access(ACCESS.sealed_form()) == ACCESS


@pytest.mark.parametrize("sealed", ['{"url":"x"}', '{"url":"x","sp_id":1,"sp_password":"y"}', "", "[]"])
def test_what_is_no_access_does_not_open(sealed: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_access(sealed)


def test_an_access_with_a_field_that_nobody_knows_does_not_open() -> None:
    """It was sealed by a later program, which meant something by it."""
    with pytest.raises(msgspec.ValidationError):
        read_access(ACCESS.sealed_form().replace('"url"', '"hops":1,"url"'))


def test_an_access_that_is_printed_shows_no_secret() -> None:
    assert repr(ACCESS) == str(ACCESS) == "BrokerAccess('https://broker.example', '900610')"


def test_what_nobody_said_is_as_most_have_it() -> None:
    """The dummies by which the core knows the Broker (broker.md 4.2), and its own paths (0.2)."""
    usual = BrokerAccess("https://broker.example", "900610", "Sim!Pass2025")
    assert (usual.third_party, usual.caller_password, usual.upper_case_digest) == ("wakala", "Password0", False)
    assert (usual.service_id, usual.certificate, usual.key, usual.authority, usual.server_name) == ("",) * 5
    assert usual.request_path == "/mminterface/request"
    assert usual.register_path == "/mminterface/registerURL"
    assert usual.query_path == "/queryTransactionService/services/transaction"
    assert usual.password_path == ""


@pytest.mark.parametrize(("url", "is_by_tls"), [("https://a", True), ("HTTPS://a", True), ("http://a", False)])
def test_the_scheme_says_whether_certificates_are_asked_for(url: str, is_by_tls: bool) -> None:
    assert BrokerAccess(url, "900610", "Sim!Pass2025").is_by_tls is is_by_tls
