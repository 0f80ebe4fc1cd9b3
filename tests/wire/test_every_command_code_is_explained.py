"""The result codes of commands beyond STK, typed here once more, apart from the tables of the program."""

import pytest

from wakala.rules.commands import COMMANDS, Mode
from wakala.rules.outcome import Outcome, Verdict
from wakala.wire import command_results, other_results, stk_results
from wakala.wire.daraja_codes import Family, ResultClass, decode_result_of, explain, family_of

COMMAND = {
    ResultClass.SUCCESS: "0",
    ResultClass.FAILED: (
        "1 2 3 4 5 6 7 8 12 13 14 24 25 1005 2007 2020 2033 2040 2051 2202 R000001 R000002 R002 R003 SFC_IC0003"
    ),
    ResultClass.UNKNOWN: "10 15 17 19 26 2029 100000001 100000002 100000011 100000004 100000007 100000009",
    ResultClass.PENDING: "100000000",
    ResultClass.CONFIG: "11 18 20 21 22 29 2001 2006 2028 2043 8006 TP40153 100000005 100000010",
}
STANDING_ORDER = {
    ResultClass.SUCCESS: "0",
    ResultClass.FAILED: "1025 1032 1037 1050 1051 2001",
    ResultClass.UNKNOWN: "1001",
}
EXPRESS = {ResultClass.SUCCESS: "0", ResultClass.FAILED: "4001 4201 4203", ResultClass.CONFIG: "4102 4104"}
FAMILIES: dict[Family, dict[ResultClass, str]] = {
    "command": COMMAND,
    "standing_order": STANDING_ORDER,
    "express": EXPRESS,
}
ROWS = [
    (family, code, kind)
    for family, classes in FAMILIES.items()
    for kind, codes in classes.items()
    for code in codes.split()
]


def is_explained(outcome: Outcome | None) -> bool:
    if outcome is None:
        return False
    return all(
        said.en.strip() and said.sw.strip() and said.en != said.sw for said in (outcome.cause, outcome.next_step)
    )


@pytest.mark.parametrize(("family", "code", "kind"), ROWS)
def test_a_result_is_classed_and_explained(family: Family, code: str, kind: ResultClass) -> None:
    result = decode_result_of(family, code, "as M-Pesa wrote it")
    assert result.kind is kind
    assert (result.outcome.code, result.outcome.description) == (code, "as M-Pesa wrote it")
    assert is_explained(result.outcome)
    assert explain(code, "as M-Pesa wrote it", family) == result.outcome
    told = decode_result_of(family, code, "").outcome.description
    assert told


@pytest.mark.parametrize(
    ("family", "table"),
    [
        ("command", command_results.BY_CODE),
        ("standing_order", other_results.STANDING_ORDER_BY_CODE),
        ("express", other_results.EXPRESS_BY_CODE),
    ],
)
def test_a_table_lists_these_and_no_others(family: Family, table: dict[str, object]) -> None:
    assert sorted(table) == sorted(code for name, code, _ in ROWS if name == family)


def test_no_code_stands_twice_in_a_table() -> None:
    for rows in (command_results.ROWS, other_results.STANDING_ORDER_ROWS, other_results.EXPRESS_ROWS):
        assert len({row.code for row in rows}) == len(rows)


def test_one_code_means_one_thing_to_a_push_and_another_to_a_payout() -> None:
    push, payout = explain("2001"), explain("2001", family="command")
    assert push is not None
    assert payout is not None
    assert "PIN" in push.cause.en
    assert "operator" in payout.cause.en


@pytest.mark.parametrize("row", stk_results.ROWS, ids=lambda row: row.code)
def test_the_explanations_of_pushes_stay_as_they_were(row: stk_results.ResultRow) -> None:
    assert explain(row.code) == explain(row.code, "", "stk")
    result = explain(row.code)
    assert result is not None
    if row.code != "500.001.1001":  # which is also an error of the gateway, and explained as that
        assert (result.cause, result.next_step) == (row.cause, row.next_step)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("code", ["", "-1", "00", "999999", "1.0", "R000003"])
def test_an_unlisted_result_is_unknown_and_never_a_failure(family: Family, code: str) -> None:
    result = decode_result_of(family, code, "new")
    assert result.kind is ResultClass.UNKNOWN
    assert result.outcome.verdict is Verdict.UNKNOWN
    assert is_explained(result.outcome)
    assert explain(code, "new", family) is None


@pytest.mark.parametrize("code", ["400", "409", "1099", "anything"])
def test_a_services_refusal_always_has_words(code: str) -> None:
    assert is_explained(explain(code, "told", "service"))


def test_errors_of_the_gateway_are_the_same_to_every_family() -> None:
    for family in FAMILIES:
        assert explain("500.002.1001", "Duplicate OriginatorConversationID.", family) == explain(
            "500.002.1001", "Duplicate OriginatorConversationID."
        )


def test_every_command_belongs_to_a_family() -> None:
    families = {command.path: family_of(command.path) for command in COMMANDS}
    assert families["lnm/customerpaybill"] == "stk"
    assert families["b2c/businesspayment"] == "command"
    assert families["standingorder/create"] == "standing_order"
    assert families["b2b/expresscheckout"] == "express"
    assert {families[each.path] for each in COMMANDS if each.mode is Mode.QUEUED} == {"command"}
    assert {families[each.path] for each in COMMANDS if each.mode is Mode.DIRECT} == {"service"}
    assert family_of("") == family_of("no/such") == "stk"
