"""Every sample of the commands beyond STK, real or documented, goes through the codec that will meet it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wakala.errors import MalformedUpstreamError
from wakala.rules.commands import COMMANDS, Mode
from wakala.wire import daraja_results
from wakala.wire.daraja_codes import DecodedError, Trouble
from wakala.wire.daraja_direct import ENVELOPES
from wakala.wire.daraja_results import (
    Ack,
    CommandResult,
    Direct,
    StatusSays,
    TimeoutNotice,
    read_ack,
    read_direct,
    read_express_callback,
    read_result,
    read_standing_order_callback,
    read_status,
    read_timeout,
    result_data,
)

SAMPLES = Path(__file__).parent / "samples" / "commands"
INDEX: list[dict[str, Any]] = json.loads((SAMPLES / "index.json").read_text())
BY_NAME = {row["file"].removesuffix(".json"): row for row in INDEX}

STATUS = "transactionstatus/transactionstatusquery"
BALANCE = "accountbalance/accountbalance"
NAME = "AKINYI DEMO OTIENO"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def answer(name: str) -> tuple[int, bytes]:
    return BY_NAME[name]["http_status"], sample(name)


def named(*parts: str) -> list[str]:
    return sorted(name for name in BY_NAME if all(part in name for part in parts))


def direct(command: str) -> Callable[[str], object]:
    return lambda name: read_direct(command, *answer(name))


# By a part of the name, the first that fits.
READ_BY: dict[str, Callable[[str], object]] = {
    "_result": lambda name: read_result(sample(name)),
    "queue_timeout": lambda name: read_timeout(sample(name)),
    "b2b_express_callback": lambda name: read_express_callback(sample(name)),
    "ratiba_callback": lambda name: read_standing_order_callback(sample(name)),
    "billmanager_payment_callback_ack": lambda name: json.loads(sample(name)),  # ours, to answer with
    "billmanager_payment_callback": lambda name: daraja_results.read_billmanager_payment(sample(name)),
    "billmanager_optin": direct("billmanager/optin"),
    "billmanager_simple": direct("billmanager/changeoptindetails"),
    "billmanager_invoice": direct("billmanager/singleinvoicing"),
    "billmanager_cancel": direct("billmanager/cancelsingleinvoice"),
    "billmanager_err": direct("billmanager/bulkinvoicing"),
    "pull_register": direct("pulltransactions/register"),
    "pull_query": lambda name: daraja_results.read_pull(sample(name)),
    "qr_": direct("qrcode/generate"),
    "hakikisha": direct("b2c/hakikisha"),
    "imsi": direct("imsi/checkati"),
    "swap": direct("imsi/checkswap"),
    "org_info": direct("organisation/queryinfo"),
    "_ack": lambda name: read_ack(*answer(name)),
}


def test_the_index_lists_every_sample() -> None:
    assert {path.name for path in SAMPLES.glob("*.json")} - {"index.json"} == {row["file"] for row in INDEX}


@pytest.mark.parametrize("name", [name for name in BY_NAME if "_request" not in name])
def test_a_codec_reads_it(name: str) -> None:
    readers = [read for part, read in READ_BY.items() if part in name]
    assert readers, f"Nothing reads {name}."
    assert readers[0](name) is not None


# ── queued ──


@pytest.mark.parametrize("name", [name for name in named("_ack") if "billmanager" not in name])
def test_a_command_is_queued(name: str) -> None:
    read = read_ack(*answer(name))
    assert isinstance(read, Ack)
    told = json.loads(sample(name))
    assert read.originator_conversation_id == told.get("OriginatorConversationID", "")
    if "ratiba" in name:
        assert (read.code, read.conversation_id) == ("200", told["ResponseHeader"]["responseRefID"])
    else:
        assert (read.code, read.conversation_id) == ("0", told.get("ConversationID", ""))
    assert read.description


# ── done ──

# What became of each, its receipt, its amount in cents, and who received.
DONE: dict[str, tuple[str, bool, str | None, int | None, str | None]] = {
    "account_balance_result": ("0", True, None, None, None),
    "account_balance_result_numbers": ("0", True, None, None, None),
    "account_balance_result_till": ("0", True, None, None, None),
    "b2b_result_disburse_funds": ("0", True, "UCE9R4W0JU", None, "Demo Biller"),
    "b2b_result_fail_receiver": ("SFC_IC0003", False, None, None, None),
    "b2b_result_fail_single_param_object": ("2001", False, None, None, None),
    "b2b_result_success": ("0", True, "UCE9R4W0JT", 23_900, "Demo Biller"),
    "b2b_result_success_no_charge": ("0", True, "UCE9R4W0JT", 23_900, "Demo Biller"),
    "b2c_result_fail_above_maximum": ("3", False, None, None, None),
    "b2c_result_fail_account_rule": ("2006", False, None, None, None),
    "b2c_result_fail_below_minimum": ("2", False, None, None, None),
    "b2c_result_fail_daily_limit": ("4", False, None, None, None),
    "b2c_result_fail_debit_party_state": ("11", False, None, None, None),
    "b2c_result_fail_initiator_invalid": ("2001", False, None, None, None),
    "b2c_result_fail_insufficient": ("1", False, "UCE7M3F1QS", None, None),
    "b2c_result_fail_locked": ("8006", False, None, None, None),
    "b2c_result_fail_max_balance": ("8", False, None, None, None),
    "b2c_result_fail_not_allowed": ("21", False, None, None, None),
    "b2c_result_fail_operator_missing": ("SFC_IC0003", False, None, None, None),
    "b2c_result_fail_product": ("2028", False, None, None, None),
    "b2c_result_fail_unregistered": ("2040", False, None, None, None),
    "b2c_result_success": ("0", True, "UCE6H2D8VB", 50_000, NAME),
    "b2c_result_success_local_msisdn": ("0", True, "UCE6H2D8VB", 50_000, NAME),
    "b2c_result_success_rotated": ("0", True, "UCE6H2D8VB", 50_000, NAME),
    "b2c_topup_result_fail": ("2001", False, None, None, None),
    "b2pochi_result_success": ("0", True, "UCE6H2D8VB", 50_000, NAME),
    "reversal_result_code_21_quirk": ("21", False, "UCED8B2V6H", 15_000, NAME),
    "reversal_result_fail_already": ("R000001", False, None, None, None),
    "reversal_result_fail_invalid_id": ("R000002", False, None, None, None),
    "reversal_result_success": ("0", True, "UCED8B2V6H", 15_000, NAME),
    "tax_result_fail": ("2001", False, None, None, None),
    "tax_result_success": ("0", True, "UCEC5Y7N3L", 23_900, "Demo Tax Collector"),
    "transaction_status_result_b2c_doc": ("0", True, None, 50_000, NAME),
    "transaction_status_result_c2b_prod": ("0", True, None, 15_000, "DEMO ACADEMY"),
    "transaction_status_result_legacy": ("0", True, None, 1_000, "John Doe"),
    "transaction_status_result_not_found": ("2033", False, None, None, None),
}


def test_every_result_is_expected_above() -> None:
    assert set(named("_result")) == set(DONE)


@pytest.mark.parametrize("name", DONE)
def test_a_result_tells_what_became_of_it(name: str) -> None:
    read = read_result(sample(name))
    assert (read.code, read.paid, read.receipt, read.amount_cents, read.party_name) == DONE[name]
    told = json.loads(sample(name))["Result"]
    assert json.loads(read.raw) == told
    assert (read.conversation_id, read.description) == (told["ConversationID"], told["ResultDesc"])
    assert read.originator_conversation_id == told["OriginatorConversationID"]
    assert read.outcome.code == read.code
    assert read.outcome.cause.sw
    assert ": " not in read.raw.split('"')[2]


@pytest.mark.parametrize(
    ("name", "paid_us"),
    [
        ("b2c_result_success", 1_773_481_209_000_000),  # 14.03.2026 12:40:09, alone in being written so
        ("b2b_result_success", 1_773_483_067_000_000),
        ("b2b_result_disburse_funds", 1_773_483_067_000_000),  # the same as a number
        ("reversal_result_success", 1_773_487_631_000_000),
        ("reversal_result_code_21_quirk", None),
        ("b2b_result_fail_receiver", None),
    ],
)
def test_the_time_is_nairobis_and_comes_with_money_alone(name: str, paid_us: int | None) -> None:
    assert read_result(sample(name)).paid_us == paid_us


def test_parameters_come_by_name_from_lists_and_lone_objects() -> None:
    assert read_result(sample("b2b_result_fail_single_param_object")).parameters == {"BOCompletedTime": 20260314131110}
    assert read_result(sample("tax_result_fail")).parameters == {"BOCompletedTime": "20260314131112"}
    legacy = read_result(sample("transaction_status_result_legacy")).parameters
    assert legacy["ConversationID"] == "AG_20170727_00004492b1b6d0070000"
    assert legacy["OriginatorConversationID"] == "19455-773800-1"
    assert legacy["TransactionReason"] is None
    topup = read_result(sample("b2c_topup_result_fail"))
    assert topup.reference["BillReferenceNumber"] == 12323344
    assert topup.reference["Occassion"] is None


# ── what an enquiry found ──


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        ("b2c_doc", StatusSays(True, 50_000, "UCE6H2D8VB", 1_773_481_209_000_000, NAME)),
        ("c2b_prod", StatusSays(True, 15_000, "UCE4K7P2QX", 1_773_472_528_000_000, NAME)),
        ("legacy", StatusSays(True, 1_000, "LGR919ZZAV", 1_501_139_655_000_000, "John Doe")),
        ("not_found", StatusSays(None)),
    ],
)
def test_a_status_tells_of_the_original_payment(ending: str, says: StatusSays) -> None:
    assert read_status(read_result(sample(f"transaction_status_result_{ending}"))) == says


# ── timed out ──


def test_a_time_out_is_known_by_its_ids_or_by_nothing() -> None:
    assert read_timeout(sample("queue_timeout_inferred")) == TimeoutNotice(
        "gw-7f31-payout-000812", "AG_20260314_20103f9c21d47a0b2eef"
    )
    assert read_timeout(sample("queue_timeout_empty_body")) == TimeoutNotice(None, None)
    assert read_timeout(b"") == TimeoutNotice(None, None)


def test_a_time_out_that_comes_as_a_result_settles_nothing() -> None:
    read = read_result(sample("queue_timeout_inferred"))
    assert (read.code, read.paid) == ("1", None)


# ── prompts of other kinds ──


def test_a_standing_order_is_agreed_to_or_not_in_either_casing() -> None:
    agreed = read_standing_order_callback(sample("ratiba_callback_success"))
    assert (agreed.paid, agreed.code, agreed.receipt) == (True, "0", "UCE8F2IQ5X")
    ack = read_ack(*answer("ratiba_ack"))
    assert isinstance(ack, Ack)
    assert agreed.conversation_id == ack.conversation_id
    refused = read_standing_order_callback(sample("ratiba_callback_fail"))
    assert (refused.paid, refused.code, refused.receipt) == (False, "1037", None)
    assert refused.originator_conversation_id == "c8c2bb31-3b3a-402e-84fc-21ef35160000"


@pytest.mark.parametrize(
    ("ending", "code", "paid", "receipt"),
    [
        ("success", "0", True, "UCEF01NR1Q"),
        ("cancelled", "4001", False, None),
        ("fail_4102", "4102", False, None),
        ("fail_4104", "4104", False, None),
        ("fail_4201", "4201", False, None),
        ("fail_4203", "4203", False, None),
    ],
)
def test_a_checkout_between_tills_ends(ending: str, code: str, paid: bool, receipt: str | None) -> None:
    read = read_express_callback(sample(f"b2b_express_callback_{ending}"))
    assert (read.code, read.paid, read.receipt, read.amount_cents) == (code, paid, receipt, 10_000)
    assert read.originator_conversation_id == "3d0f2c1a-4f0e-4f8e-9a4b-2f9a6d1e7b77"
    assert read.reference == ({} if paid else {"PaymentReference": "PO-118"})


# ── at once ──


def test_every_command_that_is_answered_at_once_has_an_envelope() -> None:
    direct_ones = {command.path for command in COMMANDS if command.mode is Mode.DIRECT}
    assert set(ENVELOPES) == direct_ones | {"standingorder/create", "b2b/expresscheckout"}


@pytest.mark.parametrize(
    ("name", "command", "is_success", "code"),
    [
        ("qr_response", "qrcode/generate", True, "00"),
        ("qr_response_doc_variant", "qrcode/generate", True, "AG_20260314_000043fdf61864fe0000"),
        ("billmanager_optin_response", "billmanager/optin", True, "200"),
        ("billmanager_simple_ok", "billmanager/reconciliation", True, "200"),
        ("billmanager_invoice_response", "billmanager/bulkinvoicing", True, "200"),
        ("billmanager_invoice_response", "billmanager/changeinvoice", True, "200"),
        ("billmanager_cancel_conflict", "billmanager/changeinvoices", False, "409"),
        ("billmanager_cancel_ok", "billmanager/cancelbulkinvoices", True, "200"),
        ("billmanager_cancel_conflict", "billmanager/cancelsingleinvoice", False, "409"),
        ("pull_register_response", "pulltransactions/register", True, "1000"),
        ("pull_register_response_spaces", "pulltransactions/register", True, "1001"),
        ("pull_query_response", "pulltransactions/query", True, "1000"),
        ("pull_query_response_empty", "pulltransactions/query", True, "1001"),
        ("b2c_hakikisha_response", "b2c/hakikisha", True, "200"),
        ("b2c_hakikisha_error", "b2c/hakikisha", False, "400"),
        ("org_info_response", "organisation/queryinfo", True, "4000"),
        ("imsi_response", "imsi/checkati", True, "200"),
        ("swap_response", "imsi/checkswap", True, "200"),
        ("ratiba_ack", "standingorder/create", True, "200"),
        ("b2b_express_ack", "b2b/expresscheckout", True, "0"),
    ],
)
def test_an_answer_says_yes_or_no_in_its_own_envelope(name: str, command: str, is_success: bool, code: str) -> None:
    read = read_direct(command, *answer(name))
    assert isinstance(read, Direct)
    assert (read.is_success, read.code) == (is_success, code)
    assert read.description
    assert read.body == json.loads(sample(name))


@pytest.mark.parametrize("name", ["c2b_register_ack", "c2b_register_ack_sparse", "c2b_register_ack_zero_padded"])
def test_a_registration_is_taken_in_every_form(name: str) -> None:
    body = (SAMPLES.parent / "daraja" / f"{name}.json").read_bytes()
    read = read_direct("c2b/registerurl", 200, body)
    assert isinstance(read, Direct)
    assert read.is_success


def test_why_a_payee_is_not_known_stands_in_the_body() -> None:
    read = read_direct("b2c/hakikisha", *answer("b2c_hakikisha_error"))
    assert isinstance(read, Direct)
    assert read.description == "Customer not found"


def test_an_old_token_is_an_error_and_no_answer() -> None:
    read = read_direct("billmanager/singleinvoicing", *answer("billmanager_err_401"))
    assert isinstance(read, DecodedError)
    assert read.trouble is Trouble.TOKEN


# ── Pull and bills ──


def test_a_pulled_payment_has_nairobis_time_and_a_whole_number() -> None:
    (read,) = daraja_results.read_pull(sample("pull_query_response"))
    assert read == daraja_results.PulledPayment(
        "UCE1Q0Z8MN", 1_773_476_553_000_000, "254700000142", "MPESA", "ACC-19", 7_500, "c2b-pay-bill-debit"
    )
    assert daraja_results.read_pull(sample("pull_query_response_empty")) == ()


def test_a_paid_bill_is_read_in_both_casings() -> None:
    paid = daraja_results.read_billmanager_payment(sample("billmanager_payment_callback"))
    assert paid == daraja_results.BillPayment("UCE1Q0Z8MN", 80_000, "254700000142", "2026-03-14", "ADM-77", "600984")
    told = json.loads(sample("billmanager_payment_callback"))
    pascal = {name[0].upper() + name[1:]: value for name, value in told.items()}
    assert daraja_results.read_billmanager_payment(json.dumps(pascal).encode()) == paid


@pytest.mark.parametrize("missing", ["transactionId", "paidAmount", "shortCode"])
def test_a_bill_without_receipt_amount_or_shortcode_is_malformed(missing: str) -> None:
    told = json.loads(sample("billmanager_payment_callback"))
    del told[missing]
    with pytest.raises(MalformedUpstreamError):
        daraja_results.read_billmanager_payment(json.dumps(told).encode())


# ── what merchants see ──


def seen(name: str, command: str) -> dict[str, Any]:
    return result_data(command, read_result(sample(name)).raw)


def test_merchants_see_a_payout() -> None:
    wanted = {
        "TransactionAmount": 500,
        "TransactionReceipt": "UCE6H2D8VB",
        "ReceiverPartyName": f"254700000142 - {NAME}",
        "TransactionCompletedTime": "20260314124009",
        "UtilityAccountBalance": 84210.6,
        "WorkingAccountBalance": 120000,
        "ChargesPaidAccountBalance": -1980,
        "IsReceiverRegistered": True,
    }
    assert seen("b2c_result_success", "b2c/businesspayment") == wanted
    assert seen("b2c_result_success_rotated", "b2c/salarypayment") == wanted
    assert result_data("b2c/businesspayment", sample("b2c_result_success").decode()) == wanted


def test_merchants_see_a_transfer() -> None:
    data = seen("b2b_result_success", "b2b/businesspaybill")
    assert data["TransactionAmount"] == 239
    assert data["ReceiverPartyName"] == "600000 - Demo Biller"
    assert data["Charges"] == [{"Name": "Business Pay Bill Charge", "Currency": "KES", "Amount": 8}]
    assert data["DebitAccountBalance"] == 6186.83
    assert data["AccountBalances"][0]["ReservedBalance"] == 340382
    assert data["BillReferenceNumber"] == "SUP-353"
    assert seen("b2b_result_success_no_charge", "b2b/businesspaybill")["Charges"] == []
    disbursed = seen("b2b_result_disburse_funds", "b2b/disbursefundstobusiness")
    assert disbursed["DebitAccountCurrentBalance"] == 399
    assert [account["AccountName"] for account in disbursed["CreditAccountBalance"]] == [
        "Working Account",
        "Charges Paid Account",
    ]


def test_merchants_see_balances() -> None:
    data = seen("account_balance_result", BALANCE)
    assert data["CompletedTime"] == "20260314140000"
    assert data["AccountBalances"][2] == {
        "AccountName": "Utility Account",
        "Currency": "KES",
        "CurrentBalance": 84210.6,
        "AvailableBalance": 83210.6,
        "ReservedBalance": 1000,
        "UnclearedBalance": 0,
    }


def test_merchants_see_a_reversal_and_a_status() -> None:
    reversal = seen("reversal_result_success", "reversal/transactionreversal")
    assert (reversal["OriginalTransactionID"], reversal["TransactionReceipt"]) == ("UCE4K7P2QX", "UCED8B2V6H")
    assert reversal["Charge"] == 0
    status = seen("transaction_status_result_c2b_prod", STATUS)
    assert (status["TransactionStatus"], status["TransactionReceipt"]) == ("Completed", "UCE4K7P2QX")
    assert (status["ReceiverPartyName"], status["TransactionAmount"]) == ("600984 - DEMO ACADEMY", 150)
    assert status["TransactionReason"] is None
    assert status["Charges"] == []


def test_merchants_see_answers_that_came_at_once() -> None:
    assert result_data("b2c/hakikisha", sample("b2c_hakikisha_response").decode()) == {
        "FirstName": "AKINYI",
        "MiddleName": "D**O",
        "LastName": "O****O",
    }
    assert set(result_data("qrcode/generate", sample("qr_response").decode())) == {"QRCode"}
    assert result_data("imsi/checkswap", sample("swap_response").decode()) == {"LastSwapDate": "01-01-1900 00:00"}
    (payment,) = result_data("pulltransactions/query", sample("pull_query_response").decode())["Payments"]
    assert (payment["MpesaReceiptNumber"], payment["Amount"], payment["TransactionTime"]) == (
        "UCE1Q0Z8MN",
        75,
        "20260314112233",
    )


def test_merchants_see_prompts_of_other_kinds() -> None:
    order = result_data("standingorder/create", sample("ratiba_callback_fail").decode())
    assert order == {"TransactionReceipt": None, "ResponseCode": "1037", "Status": "ERROR", "Msisdn": "*********142"}
    paid = result_data("b2b/expresscheckout", sample("b2b_express_callback_success").decode())
    assert paid == {"TransactionAmount": 100, "TransactionReceipt": "UCEF01NR1Q", "Status": "SUCCESS"}


@pytest.mark.parametrize("name", DONE)
def test_no_address_of_a_callback_is_shown_to_merchants(name: str) -> None:
    assert "://" not in json.dumps(seen(name, "b2b/paytaxtokra"))


def test_a_result_shows_its_record() -> None:
    assert isinstance(read_result(sample("b2c_result_success")), CommandResult)
