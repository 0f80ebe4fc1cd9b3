"""No code is invented: each that the simulator can send stands in the reference's tables, restated here.

The tables are daraja.md 1.2 and 1.4 for refusals, 4.1 for prompts, 4.2 for commands, 2.17 and 2.18 for standing orders
and the checkouts of tills.
"""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from wakala.simulator import checkouts, command_results, refusals, results, standing_orders
from wakala.simulator.refusals import Refusal

REFUSALS: dict[str, dict[int, tuple[str, ...]]] = {
    "400.001": {400: ("Invalid ShortCode",)},
    "400.002.02": {400: ("Bad Request - Invalid ", "Invalid ValidationURL - URL has the word MPESA")},
    "400.002.05": {400: ("Invalid Request Payload",)},
    "400.003.01": {400: ("Invalid Access Token",)},
    "400.003.02": {400: ("Bad Request",)},
    "400.008.01": {400: ("Invalid Authentication passed", "Invalid authentication type passed")},
    "400.008.02": {400: ("Invalid grant type passed",)},
    "401.001": {401: ("Invalid Access Token",)},
    "401.002.01": {
        401: (
            "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found",
            "The element The value of Request.Identity.ReceiverParty.IdentifierType can not be ",
        )
    },
    "404.001.01": {404: ("Resource not found",)},
    "404.001.03": {404: ("Invalid Access Token",)},
    "404.001.04": {404: ("Invalid Authentication Header",)},
    "405.001": {405: ("Method Not Allowed",)},
    "500.001.1001": {
        500: (
            "Merchant does not exist",
            "[MerchantValidate] - Wrong credentials",
            "Unable to lock subscriber, a transaction is already in process for the current subscriber",
            "The transaction is being processed",
            "The transaction does not Exist",
        )
    },
    "500.002.1001": {
        500: (
            "Duplicate OriginatorConversationID.",
            "System internal error.",
            "Service is currently under maintenance. Please try again later",
        ),
        503: ("Service is currently under maintenance. Please try again later",),
    },
    "500.003.02": {500: ("System is busy. Please try again in few minutes.", "Error Occurred: Spike Arrest Violation")},
    "500.003.03": {500: ("Error Occurred: Quota Violation",)},
    "500.003.1001": {500: ("Internal Server Error", "Urls are already registered.")},
}
OTHER_SHAPES = {(400, "Wrong key or secret"), (403, ""), (429, ""), (500, "")}

STK = {0, 1, 2, 3, 4, 8, 15, 17, 20, 21, 26, 1001, 1019, 1025, 9999, 1031, 1032, 1036, 1037, 1101, 1102}
STK_TOO = {2001, 2002, 2008, 2026, 2028, 2029, 4999, 8006, 100000100, "SFC_IC0003", "TP40087", "TP40153"}
COMMANDS = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 24, 25, 26, 29, 1005, 2001, 2006}
COMMANDS_TOO = {2007, 2020, 2028, 2029, 2033, 2040, 2043, 2051, 2202, 8006, "R000001", "R000002", "R002", "R003"}
BROKER_FAMILY = {"SFC_IC0003", *(100000000 + last for last in (0, 1, 2, 4, 5, 7, 9, 10, 11))}
STANDING_ORDERS = {0, 1001, 1025, 1032, 1037, 1050, 1051, 2001}
CHECKOUTS = {0, 4001, 4102, 4104, 4201, 4203}

SAMPLES: dict[str, Any] = {"party": "ReceiverParty", "field": "ValidationURL", "word": "mpesa", "allowed": ("4",)}


def makers() -> list[Callable[..., Refusal]]:
    return [
        made
        for _, made in inspect.getmembers(refusals, inspect.isfunction)
        if made.__module__ == refusals.__name__ and inspect.signature(made).return_annotation is Refusal
    ]


@pytest.mark.parametrize("make", makers(), ids=lambda make: make.__name__)
def test_a_refusal_has_a_status_code_and_text_of_the_table(make: Callable[..., Refusal]) -> None:
    required = [
        name for name, each in inspect.signature(make).parameters.items() if each.default is inspect.Parameter.empty
    ]
    refusal = make(*(SAMPLES.get(name, "5") for name in required))
    if not refusal.code:
        assert refusal.status in {status for status, _ in OTHER_SHAPES}
        return
    texts = REFUSALS[refusal.code][refusal.status]
    assert any(refusal.message == text or (text.endswith(" ") and refusal.message.startswith(text)) for text in texts)


def test_a_prompt_ends_with_codes_of_the_table() -> None:
    assert {*results.TEXTS, int(results.PENDING_CODE)} <= STK | STK_TOO


def test_a_command_ends_with_codes_of_the_table() -> None:
    assert {*command_results.TEXTS} <= COMMANDS | COMMANDS_TOO | BROKER_FAMILY


def test_every_code_of_the_tables_can_be_ordered() -> None:
    """By its own text, or, where the reference has none, with one that a test gives."""
    unknown = (STK | STK_TOO | COMMANDS | COMMANDS_TOO | BROKER_FAMILY) - {*results.TEXTS, *command_results.TEXTS}
    for code in unknown:
        assert results.result(code, "as told").text == "as told"
        assert command_results.command_result(code, "as told").text == "as told"


def test_standing_orders_and_checkouts_have_their_own_codes() -> None:
    assert {standing_orders.DUPLICATE_NAME.code, standing_orders.BAD_REQUEST.code} <= STANDING_ORDERS
    own = {each.code for each in checkouts.OWN_RESULTS.values()}
    assert own | {checkouts.KYC_FAILED.code, checkouts.NO_NOMINATED_NUMBER.code} <= CHECKOUTS
