"""What the encoders write for every command beyond STK, compared with M-Pesa's own samples of requests."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.errors import InvalidAmountError, InvalidFieldsError, InvalidMsisdnError
from wakala.rules.commands import BY_PATH, COMMANDS, Command
from wakala.rules.payment import Kind
from wakala.wire.daraja_commands import ENCODERS, NEEDS_APP_KEY, Outbound, path_below

SAMPLES = Path(__file__).parent / "samples"
SEALED = "c2VjdXJpdHktY3JlZGVudGlhbC1leGFtcGxlLW5vdC1yZWFs"
HOST = "https://pay.example.co.ke"


def sample(name: str, folder: str = "commands") -> Any:
    """A sample with every number as text where it stands at the top: M-Pesa takes numbers and their digits alike."""
    read = json.loads((SAMPLES / folder / f"{name}.json").read_text())
    if isinstance(read, dict):
        return {key: str(value) if isinstance(value, int) else value for key, value in read.items()}
    return read


def outbound(**changes: Any) -> Outbound:
    fields: dict[str, Any] = {
        "request_id": "R-1",
        "amount_cents": 23_900,
        "msisdn": "",
        "reference": "",
        "description": "OK",
        "details": {},
        "shortcode": "600979",
        "till": None,
        "initiator": "testapi",
        "security_credential": SEALED,
        "result_url": f"{HOST}/b2b/result",
        "timeout_url": f"{HOST}/b2b/timeout",
        "callback_url": f"{HOST}/cb",
        "now_us": 1_773_472_000_000_000,
    }
    return Outbound(**(fields | changes))


def asked(command: str, **changes: Any) -> tuple[str, Any]:
    """Path and body, after a round through JSON: nothing that a JSON writer would stumble over."""
    path, body = ENCODERS[command](outbound(**changes))
    return path, json.loads(json.dumps(body))


# ── the table ──


def test_every_declared_command_but_a_push_has_an_encoder() -> None:
    assert set(ENCODERS) == {command.path for command in COMMANDS if command.kind is not Kind.PUSH}


@pytest.mark.parametrize("command", sorted(ENCODERS))
def test_an_encoder_writes_to_a_path_of_its_declaration(command: str) -> None:
    details = {
        "Frequency": "monthly",
        "MSISDN": "0700000142",
        "NominatedNumber": "0700000142",
        "OfficialContact": "0700000142",
        "Invoices": [],
        "ExternalReferences": [],
        **INVOICE,
        **RECONCILIATION,
    }
    path, body = asked(command, details=details)
    assert path in BY_PATH[command].facade
    command_id = BY_PATH[command].command_id
    if command_id is not None:
        assert body["CommandID"] == command_id


def test_only_bill_manager_wants_its_own_key() -> None:
    assert {name.partition("/")[0] for name in NEEDS_APP_KEY} == {"billmanager"}
    assert "billmanager/optin" not in NEEDS_APP_KEY


def test_a_credential_does_not_show_in_a_repr() -> None:
    assert SEALED not in repr(outbound())


# ── payouts ──


def test_a_payout_is_the_sample_and_carries_our_id() -> None:
    path, body = asked(
        "b2c/businesspayment",
        request_id="gw-7f31-payout-000812",
        amount_cents=50_000,
        msisdn="254700000142",
        shortcode="600992",
        description="refund 812",
        details={"Occasion": "refund"},
        result_url=f"{HOST}/b2c/result",
        timeout_url=f"{HOST}/b2c/timeout",
    )
    assert (path, body) == ("/mpesa/b2c/v3/paymentrequest", sample("b2c_request_v3"))


def test_the_older_payout_sample_differs_by_the_id_alone() -> None:
    _, body = asked(
        "b2c/salarypayment",
        amount_cents=50_000,
        msisdn="254700000142",
        shortcode="600992",
        description="refund 812",
        result_url=f"{HOST}/b2c/result",
        timeout_url=f"{HOST}/b2c/timeout",
    )
    assert body.pop("OriginatorConversationID") == "R-1"
    assert body == sample("b2c_request_v1")


def test_a_payout_to_pochi_is_the_sample() -> None:
    path, body = asked(
        "b2c/businesspaytopochi",
        request_id="gw-7f31-pochi-000044",
        amount_cents=30_000,
        msisdn="254700000142",
        shortcode="600992",
        description="supplier 44",
        details={"Occasion": "stock"},
        result_url=f"{HOST}/b2c/result",
        timeout_url=f"{HOST}/b2c/timeout",
    )
    assert (path, body) == ("/mpesa/b2pochi/v1/paymentrequest", sample("b2pochi_request"))


def test_remarks_have_a_length_that_mpesa_takes() -> None:
    assert asked("b2c/businesspayment", description="x")[1]["Remarks"] == "BusinessPayment"
    assert asked("b2c/businesspayment", description="a\n b")[1]["Remarks"] == "a b"
    assert len(asked("b2c/businesspayment", description="x" * 200)[1]["Remarks"]) == 100


@pytest.mark.parametrize("cents", [0, 50, 150, 25_000_100, -100])
@pytest.mark.parametrize("command", ["b2c/businesspayment", "b2b/businesspaybill", "qrcode/generate"])
def test_only_whole_shillings_within_the_limits_leave(command: str, cents: int) -> None:
    with pytest.raises(InvalidAmountError):
        asked(command, amount_cents=cents)


# ── transfers ──


@pytest.mark.parametrize(
    ("command", "name", "receiver"),
    [
        ("b2b/businesspaybill", "b2b_request_paybill", "600000"),
        ("b2b/businessbuygoods", "b2b_request_buygoods", "5123456"),
        ("b2b/businesspaytobulk", "b2b_request_b2c_topup", "600000"),
    ],
)
def test_a_transfer_is_the_sample_and_carries_our_id(command: str, name: str, receiver: str) -> None:
    path, body = asked(command, reference="SUP-353", details={"ReceiverShortcode": receiver, "Requester": "0708374149"})
    assert path == "/mpesa/b2b/v1/paymentrequest"
    assert body.pop("OriginatorConversationID") == "R-1"
    assert body == sample(name)


def test_tax_goes_to_the_revenue_authority_and_to_nobody_else() -> None:
    path, body = asked(
        "b2b/paytaxtokra",
        reference="PRN2026031401",
        details={"ReceiverShortcode": "600000", "Requester": "0708374149"},
    )
    assert path == "/mpesa/b2b/v1/remittax"
    assert body.pop("OriginatorConversationID") == "R-1"
    assert body == sample("b2b_request_tax")


def test_a_reference_of_a_bill_is_never_cut() -> None:
    assert asked("b2b/paytaxtokra", reference="PRN20260314010000001")[1]["AccountReference"] == "PRN20260314010000001"


def test_own_money_stays_with_the_shortcode() -> None:
    _, body = asked("b2b/businesstransferfrommmftoutility")
    assert (body["PartyA"], body["PartyB"]) == ("600979", "600979")
    assert not {"AccountReference", "Requester", "Occassion"} & set(body)


def test_a_requester_who_is_no_phone_is_refused() -> None:
    with pytest.raises(InvalidMsisdnError):
        asked("b2b/businesspaybill", details={"Requester": "600000"})


# ── reversal, status, balance ──


def test_a_reversal_is_the_sample() -> None:
    path, body = asked(
        "reversal/transactionreversal",
        amount_cents=15_000,
        initiator="apiop37",
        shortcode="600984",
        description="wrong payment",
        details={"TransactionID": "uce4k7p2qx"},
        result_url=f"{HOST}/rev/result",
        timeout_url=f"{HOST}/rev/timeout",
    )
    assert (path, body) == ("/mpesa/reversal/v1/request", sample("reversal_request"))


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("transaction_status_request", {"TransactionID": "UCE4K7P2QX", "Occasion": "recon"}),
        ("transaction_status_request_by_conversation", {"OriginalConversationID": "gw-7f31-payout-000812"}),
        ("transaction_status_request_by_conversation", {"OriginalRequestID": "gw-7f31-payout-000812"}),
    ],
)
def test_a_status_enquiry_is_the_sample(name: str, details: dict[str, str]) -> None:
    path, body = asked(
        "transactionstatus/transactionstatusquery",
        amount_cents=0,
        initiator="testapiuser",
        shortcode="600782",
        details=details,
        result_url=f"{HOST}/status/result",
        timeout_url=f"{HOST}/status/timeout",
    )
    assert (path, body) == ("/mpesa/transactionstatus/v1/query", sample(name))


def test_a_balance_enquiry_is_the_sample() -> None:
    path, body = asked(
        "accountbalance/accountbalance",
        amount_cents=0,
        initiator="testapiuser",
        shortcode="600000",
        description="ok",
        result_url=f"{HOST}/bal/result",
        timeout_url=f"{HOST}/bal/timeout",
    )
    assert (path, body) == ("/mpesa/accountbalance/v1/query", sample("account_balance_request"))


# ── C2B and QR ──


def test_a_registration_is_the_sample_and_asks_for_masked_numbers() -> None:
    urls = {"ConfirmationURL": f"{HOST}/c2b/confirm", "ValidationURL": f"{HOST}/c2b/validate"}
    path, body = asked("c2b/registerurl", shortcode="600984", details=urls)
    assert (path, body) == ("/mpesa/c2b/v2/registerurl", sample("c2b_register_request", "daraja"))
    assert asked("c2b/registerurl", details={"ResponseType": "Cancelled"})[1]["ResponseType"] == "Cancelled"


def test_a_payment_by_hand_is_the_sample() -> None:
    payer = {"shortcode": "600984", "amount_cents": 7_500, "msisdn": "254708374149"}
    path, body = asked("c2b/customerpaybill", **payer, reference="ACC-19")
    assert (path, body) == ("/mpesa/c2b/v2/simulate", sample("c2b_simulate_request", "daraja"))
    _, body = asked("c2b/customerbuygoods", **payer, till="5123456")
    assert body == sample("c2b_simulate_request_till", "daraja")


def test_a_qr_code_is_the_sample() -> None:
    _, body = asked(
        "qrcode/generate",
        amount_cents=15_000,
        shortcode="7654321",
        till="373132",
        reference="INV-2041",
        details={"MerchantName": "DEMO DUKA"},
    )
    assert body["Amount"] == 150
    assert body | {"Amount": "150"} == sample("qr_request")


def test_a_paybills_qr_code_pays_the_paybill_unless_told_otherwise() -> None:
    _, body = asked("qrcode/generate", details={"Size": 400})
    assert (body["TrxCode"], body["CPI"], body["Size"]) == ("PB", "600979", "400")
    _, body = asked("qrcode/generate", details={"TrxCode": "SM", "CPI": "254700000142"})
    assert (body["TrxCode"], body["CPI"]) == ("SM", "254700000142")


# ── Bill Manager ──

INVOICE: dict[str, Any] = {
    "ExternalReference": "EXT-9001",
    "BilledFullName": "Akinyi Demo",
    "BilledPhoneNumber": "254700000142",
    "BilledPeriod": "March 2026",
    "InvoiceName": "School fees",
    "DueDate": "2026-03-31",
    "AccountReference": "ADM-77",
    "Amount": 800,
    "InvoiceItems": [{"ItemName": "tuition", "Amount": 700}, {"ItemName": "lunch", "Amount": "100"}],
}
RECONCILIATION: dict[str, Any] = {
    "PaymentDate": "2026-03-14",
    "TransactionID": "UCE1Q0Z8MN",
    "PhoneNumber": "254700000142",
    "FullName": "Akinyi Demo",
    "InvoiceName": "School fees",
    "ExternalReference": "EXT-9001",
}


@pytest.mark.parametrize("command", ["billmanager/optin", "billmanager/changeoptindetails"])
def test_an_opt_in_is_the_sample(command: str) -> None:
    details = {"Email": "bills@example.co.ke", "OfficialContact": "254700000142", "SendReminders": True}
    _, body = asked(command, shortcode="600984", details=details, callback_url=f"{HOST}/bm/cb")
    assert body == sample("billmanager_optin_request")
    assert asked(command, details=details | {"SendReminders": False})[1]["sendReminders"] == "0"


@pytest.mark.parametrize("name", ["single-invoicing", "change-invoice"])
def test_an_invoice_is_the_sample_wherever_its_fields_stand(name: str) -> None:
    command = f"billmanager/{name.replace('-', '')}"
    path, body = asked(command, details=INVOICE)
    assert path == f"/v1/billmanager-invoice/{name}"
    assert body == sample("billmanager_single_invoice_request")
    rest = {name: value for name, value in INVOICE.items() if name not in {"AccountReference", "Amount"}}
    assert asked(command, details=rest, reference="ADM-77", amount_cents=80_000)[1] == body


@pytest.mark.parametrize("name", ["bulk-invoicing", "change-invoices"])
def test_invoices_are_a_bare_list(name: str) -> None:
    second = INVOICE | {"ExternalReference": "EXT-9002", "DueDate": "2026-03-31 00:00:00.00"}
    path, body = asked(f"billmanager/{name.replace('-', '')}", details={"Invoices": [INVOICE, second]})
    assert path == f"/v1/billmanager-invoice/{name}"
    assert body == sample("billmanager_bulk_invoice_request")


def test_a_bill_may_have_cents_and_no_lines() -> None:
    _, body = asked("billmanager/singleinvoicing", details=INVOICE | {"Amount": "300000.50", "InvoiceItems": []})
    assert body["amount"] == "300000.50"
    assert "invoiceItems" not in body


def test_a_reconciliation_is_the_sample() -> None:
    _, body = asked("billmanager/reconciliation", details=RECONCILIATION, reference="ADM-77", amount_cents=80_000)
    assert body == sample("billmanager_reconciliation_request")


def test_cancellations_are_the_samples() -> None:
    _, one = asked("billmanager/cancelsingleinvoice", details={"ExternalReference": "EXT-9001"})
    _, many = asked("billmanager/cancelbulkinvoices", details={"ExternalReferences": ["EXT-9001", "EXT-9002"]})
    assert one == sample("billmanager_cancel_single_request")
    assert many == sample("billmanager_cancel_bulk_request")


@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if each.kind is not Kind.PUSH], ids=lambda each: each.path
)
def test_another_prefix_is_bill_managers_alone(command: Command) -> None:
    documented = command.facade[-1]
    path = path_below("/v9/bills", documented)
    if command.path.startswith("billmanager/"):
        assert path == "/v9/bills/" + documented.rpartition("/")[2]
    else:
        assert path == documented


# ── prompts of other kinds ──

ORDER = {"StandingOrderName": "Rent flat 4B", "StartDate": "2026-04-01", "EndDate": "2027-03-31"}


def order(frequency: str, **changes: Any) -> dict[str, Any]:
    _, body = asked(
        "standingorder/create",
        **{
            "shortcode": "174379",
            "amount_cents": 450_000,
            "msisdn": "254700000142",
            "reference": "FLAT4B",
            "description": "Rent",
            "details": ORDER | {"Frequency": frequency},
            "callback_url": f"{HOST}/so/cb",
            **changes,
        },
    )
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("frequency", ["monthly", "Monthly", "4"])
def test_a_standing_order_is_the_sample(frequency: str) -> None:
    assert order(frequency) == sample("ratiba_request")


def test_a_standing_order_to_a_till_has_mpesas_spelling() -> None:
    body = order("yearly", till="5123456")
    assert body["TransactionType"] == "Standing Order Customer Pay Marchant"
    assert (body["BusinessShortCode"], body["ReceiverPartyIdentifierType"]) == ("5123456", "2")
    assert body["Frequency"] == "8"


def test_an_unheard_of_frequency_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidFieldsError, match="bi-monthly"):
        order("fortnightly")


@pytest.mark.parametrize("field", ["PrimaryShortcode", "SenderTill"])
def test_a_checkout_between_tills_is_the_sample(field: str) -> None:
    _, body = asked(
        "b2b/expresscheckout",
        request_id="3d0f2c1a-4f0e-4f8e-9a4b-2f9a6d1e7b77",
        amount_cents=10_000,
        shortcode="600984",
        reference="PO-118",
        details={field: "5123456", "PartnerName": "Demo Vendor"},
        callback_url=f"{HOST}/b2bx/cb",
    )
    assert body == sample("b2b_express_request")


# ── Pull, and questions about numbers ──


def test_pull_requests_are_the_samples() -> None:
    _, register = asked(
        "pulltransactions/register",
        shortcode="600984",
        details={"NominatedNumber": "0700000142"},
        callback_url=f"{HOST}/pull",
    )
    assert register == sample("pull_register_request")
    window = {"StartDate": "2026-03-14 08:00:00", "EndDate": "2026-03-14 18:00:00", "Offset": 0}
    assert asked("pulltransactions/query", shortcode="600984", details=window)[1] == sample("pull_query_request")


@pytest.mark.parametrize("number", [{"msisdn": "254700000142"}, {"details": {"MSISDN": "0700000142"}}])
def test_questions_about_a_phone_are_the_samples(number: dict[str, Any]) -> None:
    request_id = "0b3a4b1e-1111-4a4a-8b8b-000000000001"
    _, name = asked("b2c/hakikisha", request_id=request_id, shortcode="600992", **number)
    assert name == sample("b2c_hakikisha_request")
    for command, path in (("imsi/checkati", "/imsi/v1/checkATI"), ("imsi/checkswap", "/imsi/v2/checkATI")):
        assert asked(command, **number) == (path, sample("ati_request"))


def test_a_question_about_an_organisation_is_the_sample() -> None:
    asked_of = {"Identifier": "600984", "IdentifierType": "paybill"}
    assert asked("organisation/queryinfo", details=asked_of)[1] == sample("org_info_request")
    assert asked("organisation/queryinfo", details=asked_of | {"IdentifierType": "till"})[1]["IdentifierType"] == "2"


# ── any request ──

TEXTS = st.text(max_size=150)


@given(TEXTS, TEXTS, TEXTS, st.integers(1, 250_000))
def test_no_text_of_a_merchant_breaks_a_request(remark: str, occasion: str, reference: str, shillings: int) -> None:
    for command in ("b2c/promotionpayment", "b2b/businesspaybill", "reversal/transactionreversal"):
        _, body = asked(
            command,
            description=remark,
            reference=reference,
            details={"Occasion": occasion},
            amount_cents=shillings * 100,
            msisdn="254700000142",
        )
        assert 2 <= len(body["Remarks"]) <= 100
        assert len(body.get("Occassion", body.get("Occasion", ""))) <= 100
        assert body["Amount"] == str(shillings)
