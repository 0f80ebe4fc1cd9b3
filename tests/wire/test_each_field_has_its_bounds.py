"""What fits into each field of a command and what does not, at the very bound."""

import json
from typing import Any

import pytest

from wakala.errors import InvalidFieldsError
from wakala.rules.commands import BY_PATH, COMMANDS, Ask
from wakala.wire.api import read

PHONE = "0712345678"
INVOICE = {
    "ExternalReference": "E-1",
    "BilledFullName": "Akinyi",
    "BilledPhoneNumber": PHONE,
    "BilledPeriod": "May",
    "InvoiceName": "Fees",
    "DueDate": "2026-12-31",
    "AccountReference": "A",
    "Amount": 5,
}
OPT_IN = {"Email": "bills@shop.example", "OfficialContact": PHONE}
PAYOUT = {"RequestID": "R-1", "Amount": 5, "ReceiverMSISDN": PHONE}
MOVE = {"RequestID": "R-1", "Amount": 5}
TRANSFER = {**MOVE, "ReceiverShortcode": "600640"}
NEEDED: dict[str, dict[str, Any]] = {
    "PushBody": {"RequestID": "R-1", "Amount": 5, "SenderMSISDN": PHONE, "AccountReference": "A"},
    "SimulateBody": {"Amount": 5, "SenderMSISDN": PHONE},
    "RegisterBody": {},
    "PayoutBody": PAYOUT,
    "TransferBody": TRANSFER,
    "MoveBody": MOVE,
    "TaxBody": {**MOVE, "AccountReference": "P"},
    "ReversalBody": {**MOVE, "TransactionID": "TAE7B2C9QK"},
    "StatusBody": {"RequestID": "R-1"},
    "BalanceBody": {"RequestID": "R-1"},
    "StandingOrderBody": {
        "RequestID": "R-1",
        "StandingOrderName": "Rent",
        "SenderMSISDN": PHONE,
        "Amount": 5,
        "AccountReference": "A",
        "StartDate": "2026-12-01",
        "EndDate": "2026-12-31",
        "Frequency": "monthly",
    },
    "ExpressBody": {**MOVE, "SenderTill": "5123456", "AccountReference": "A", "PartnerName": "Shop"},
    "QrBody": {"Amount": 5, "AccountReference": "A", "MerchantName": "Shop"},
    "BillOptInBody": OPT_IN,
    "InvoiceBody": INVOICE,
    "InvoicesBody": {"Invoices": [INVOICE]},
    "ReconciliationBody": {
        "TransactionID": "TAE7B2C9QK",
        "PaymentDate": "2026-12-01",
        "Amount": 5,
        "AccountReference": "A",
        "PhoneNumber": PHONE,
        "FullName": "Akinyi",
        "InvoiceName": "Fees",
        "ExternalReference": "E-1",
    },
    "CancelInvoiceBody": {"ExternalReference": "E-1"},
    "CancelInvoicesBody": {"ExternalReferences": ["E-1"]},
    "PullRegisterBody": {"NominatedNumber": PHONE},
    "PullQueryBody": {"StartDate": "2026-12-01 08:00", "EndDate": "2026-12-02 08:00"},
    "PhoneBody": {"MSISDN": PHONE},
    "OrganisationBody": {"Identifier": "600984"},
}
PATH_OF = {command.body.__name__: command.path for command in COMMANDS}


def asked(body: str, **fields: Any) -> Ask:
    return read(BY_PATH[PATH_OF[body]], json.dumps(NEEDED[body] | fields).encode())


def pointers(body: str, **fields: Any) -> list[str]:
    with pytest.raises(InvalidFieldsError) as refused:
        asked(body, **fields)
    return [fault.pointer for fault in refused.value.faults]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)
def test_what_is_needed_is_enough_and_nothing_else_fits(command: Any) -> None:
    body = command.body.__name__
    read(command, json.dumps(NEEDED[body]).encode())
    assert pointers(body, Else="x") == ["/Else"]
    for name in NEEDED[body]:
        less = {other: value for other, value in NEEDED[body].items() if other != name}
        with pytest.raises(InvalidFieldsError) as refused:
            read(command, json.dumps(less).encode())
        assert [fault.pointer for fault in refused.value.faults] == [f"/{name}"]


OWN = {
    **dict.fromkeys(("PushBody", "SimulateBody", "ExpressBody"), "ReceiverShortcode"),
    **dict.fromkeys(("PayoutBody", "TransferBody", "MoveBody", "TaxBody"), "SenderShortcode"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)
def test_a_command_is_for_the_shortcode_that_it_names(command: Any) -> None:
    """As who is paid, or as who pays; without it, there is only one that it can be for."""
    body = command.body.__name__
    own = OWN.get(body, "Shortcode")
    ask = read(command, json.dumps(NEEDED[body] | {own: "600984"}).encode())
    assert (ask.shortcode, own in json.loads(ask.details)) == ("600984", False)
    assert read(command, json.dumps(NEEDED[body]).encode()).shortcode is None


MOVES = [command for command in COMMANDS if command.summary.startswith("Move own money")]


@pytest.mark.parametrize("command", MOVES, ids=lambda command: command.path)
def test_own_money_moves_to_nobody_else(command: Any) -> None:
    assert len(MOVES) == 4
    assert read(command, json.dumps(MOVE).encode()).amount_cents == 500
    with pytest.raises(InvalidFieldsError):
        read(command, json.dumps(TRANSFER).encode())


IDS = (["A", "7", "a" * 64, "A.b_c-d"], ["", "a" * 65, ".a", "_a", "-a", "a b", "a/b", "é", "a\n"])
ARABIC_ONE = "\u0661"  # a digit to a program that is not told which ones are meant
NUMBERS = (["60010", "6001000"], ["6001", "60010000", "60010a", "60010" + ARABIC_ONE, "600100\n"])
RECEIPTS = (["TAE7B2C9", "TAE7B2C9QKAB", "tae7b2c9qk"], ["TAE7B2C", "TAE7B2C9QKABC", "TAE7-B2C9", "TAE7B2C9\n"])
NO_DAYS = ("2026-00-01", "2026-13-01", "2026-20-01", "2026-01-00", "2026-01-32", "2026-01-40")
DAYS = (
    ["2026-01-01", "2026-12-31", "2026-09-10", "2026-10-29"],
    [*NO_DAYS, "26-01-01", "20261-01-01", "2026-1-1", "2026-01-01T", "2026-01-01\n", "2026-01-0" + ARABIC_ONE],
)
NO_TIMES = ("24:00", "30:00", "08:60", "08:00:60", "08:00:00.0", "8:00", "08:0" + ARABIC_ONE)
MOMENTS = (
    ["2026-12-01 00:00", "2026-12-01 23:59:59", "2026-12-01 19:00:00"],
    ["2026-12-01", "2026-12-01T08:00", "2026-13-01 08:00", *(f"2026-12-01 {time}" for time in NO_TIMES)],
)
FREQUENCIES = ["one-off", "daily", "weekly", "monthly", "bi-monthly", "quarterly", "half-yearly", "yearly"]


def up_to(chars: int, least: int = 0) -> tuple[list[str], list[str]]:
    return ["a" * max(1, least), "a" * chars], ["a" * (chars + 1), *([""] if least else [])]


@pytest.mark.parametrize(
    ("body", "name", "fits"),
    [
        *((body, "RequestID", IDS) for body in ("PushBody", "SimulateBody", "QrBody")),
        ("StatusBody", "OriginalRequestID", IDS),
        ("PushBody", "ReceiverShortcode", NUMBERS),
        ("TransferBody", "ReceiverShortcode", NUMBERS),
        ("ExpressBody", "SenderTill", NUMBERS),
        ("OrganisationBody", "Identifier", NUMBERS),
        ("ReversalBody", "TransactionID", RECEIPTS),
        ("StandingOrderBody", "StartDate", DAYS),
        ("StandingOrderBody", "EndDate", DAYS),
        ("InvoiceBody", "DueDate", DAYS),
        ("ReconciliationBody", "PaymentDate", DAYS),
        ("PullQueryBody", "StartDate", MOMENTS),
        ("PullQueryBody", "EndDate", MOMENTS),
        ("PushBody", "AccountReference", up_to(64, 1)),
        ("PushBody", "Description", up_to(64)),
        ("SimulateBody", "AccountReference", up_to(20)),
        ("TransferBody", "AccountReference", up_to(13)),  # daraja.md 2.9
        ("TaxBody", "AccountReference", up_to(20, 1)),
        ("PayoutBody", "Remarks", up_to(100)),
        ("PayoutBody", "Occasion", up_to(100)),
        ("StandingOrderBody", "StandingOrderName", up_to(64, 1)),
        ("StandingOrderBody", "Description", up_to(64)),
        ("InvoiceBody", "BilledFullName", up_to(128, 1)),
        ("BillOptInBody", "Logo", up_to(4096)),
        (
            "StandingOrderBody",
            "Frequency",
            (
                FREQUENCIES,
                ["", "fortnightly", "Monthly", "monthly\n"],
            ),
        ),
        ("RegisterBody", "ResponseType", (["Completed", "Cancelled"], ["Canceled", "Cancel", "completed", ""])),
        ("QrBody", "TrxCode", (["BG", "PB", "WA", "SM", "SB"], ["XX", "", "bg"])),
        ("QrBody", "CPI", (["60010", "254712345678"], ["6001", "2547123456789", "A6001"])),
        ("QrBody", "Size", ([50, 1000], [49, 1001, "300", 300.5])),
        ("PullQueryBody", "Offset", ([0, 1_000_000], [-1, 1_000_001])),
        ("OrganisationBody", "IdentifierType", (["paybill", "till"], ["org", ""])),
        (
            "BillOptInBody",
            "Email",
            (["a@b", "a" * 252 + "@b"], ["a", "a@", "@b", "a@b@c", "a b@c", "a" * 253 + "@b", "a@b\n"]),
        ),
        ("BillOptInBody", "SendReminders", ([True, False], ["yes", 1])),
        (
            "PushBody",
            "CallbackUrl",
            (
                ["https://shop.example/wakala?a=b", "http://shop.example", "https://a.example/" + "a" * 2030],
                ["https://a.example/" + "a" * 2031, "https://a.example/#b", "https://u@a.example/", "ftp://a.example"],
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_at_the_bound_fits_and_one_beyond_does_not(
    body: str, name: str, fits: tuple[list[Any], list[Any]]
) -> None:
    good, bad = fits
    for value in good:
        asked(body, **{name: value})
    for value in bad:
        assert pointers(body, **{name: value}) == [f"/{name}"], value


@pytest.mark.parametrize(("key", "value"), [("k" * 64, "v" * 256), ("k", "")])
def test_reference_data_fits(key: str, value: str) -> None:
    items = [{"Key": key, "Value": value}] * 20
    assert json.loads(asked("PushBody", ReferenceData=items).reference_data) == items


@pytest.mark.parametrize(
    ("items", "pointer"),
    [
        ([{"Key": "k", "Value": "v"}] * 21, "/ReferenceData"),
        ([{"Key": "k" * 65, "Value": "v"}], "/ReferenceData/0/Key"),
        ([{"Key": "", "Value": "v"}], "/ReferenceData/0/Key"),
        ([{"Key": "k", "Value": "v" * 257}], "/ReferenceData/0/Value"),
    ],
)
def test_reference_data_that_does_not_fit_is_named(items: list[Any], pointer: str) -> None:
    assert pointers("PushBody", ReferenceData=items) == [pointer]


@pytest.mark.parametrize("amount", [5, 5.0, "5", "5.00"])
def test_an_amount_may_be_a_number_or_text(amount: object) -> None:
    assert asked("PushBody", Amount=amount).amount_cents == 500


@pytest.mark.parametrize("phone", [PHONE, 254712345678, 712345678])
def test_a_phone_may_be_a_number_or_text(phone: object) -> None:
    assert asked("PushBody", SenderMSISDN=phone).msisdn == "254712345678"


@pytest.mark.parametrize(
    ("body", "name", "one"),
    [
        ("InvoicesBody", "Invoices", INVOICE),
        ("CancelInvoicesBody", "ExternalReferences", "E-1"),
    ],
)
def test_a_list_of_bills_holds_one_to_a_thousand(body: str, name: str, one: object) -> None:
    asked(body, **{name: [one] * 1000})
    for bills in ([], [one] * 1001):
        assert pointers(body, **{name: bills}) == [f"/{name}"]


def test_a_bill_has_no_more_than_its_fields_and_a_hundred_lines() -> None:
    line = {"ItemName": "tuition", "Amount": 5}
    for body, wrap, place in (
        ("InvoiceBody", lambda bill: bill, "/"),
        ("InvoicesBody", lambda bill: {"Invoices": [bill]}, "/Invoices/0/"),
    ):
        asked(body, **wrap(INVOICE | {"InvoiceItems": [line] * 100}))
        assert pointers(body, **wrap(INVOICE | {"InvoiceItems": [line] * 101})) == [f"{place}InvoiceItems"]
        assert pointers(body, **wrap(INVOICE | {"InvoiceItems": [line | {"Else": 1}]})) == [
            f"{place}InvoiceItems/0/Else"
        ]
    assert pointers("InvoicesBody", Invoices=[INVOICE | {"Else": 1}]) == ["/Invoices/0/Else"]


def test_what_is_left_out_has_a_sense() -> None:
    details = {body: json.loads(asked(body).details) for body in NEEDED}
    assert details["QrBody"]["Size"] == 300
    assert details["BillOptInBody"]["SendReminders"] is True
    assert details["OrganisationBody"]["IdentifierType"] == "paybill"
    assert details["PullQueryBody"]["Offset"] == 0
    remarks = {body: asked(body).description for body in NEEDED if asked(body).description}
    assert remarks == {
        "PayoutBody": "Payment",
        "TransferBody": "Transfer",
        "MoveBody": "Transfer",
        "TaxBody": "Tax",
        "ReversalBody": "Reversal",
        "StatusBody": "Status",
        "BalanceBody": "Balance",
    }
