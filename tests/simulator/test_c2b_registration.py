"""C2B URLs: who may register which."""

from typing import Any

import pytest

from simulator.box import Box, sample


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_registration_is_acknowledged_and_may_be_repeated(box: Box, version: str) -> None:
    for _ in range(2):
        body = (await box.register(version=version)).json()
        expected = sample("c2b_register_ack")
        assert body == {**expected, "OriginatorCoversationID": body["OriginatorCoversationID"]}
    [shortcode] = [each for each in (await box.control("state", method="GET"))["shortcodes"] if each["urls"]]
    assert (shortcode["number"], shortcode["urls"]["version"]) == ("600984", version)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ShortCode", "1"),
        ("ShortCode", "999999"),
        ("ShortCode", "600992"),
        ("ResponseType", "completed"),
        ("ConfirmationURL", ""),
        ("ValidationURL", "not a url"),
    ],
)
async def test_the_first_wrong_field_is_named(box: Box, field: str, value: Any) -> None:
    answer = await box.register(**{"shortcode": "600984", field: value})
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"


@pytest.mark.parametrize(
    ("path", "word"),
    [("MPesa/c2b", "MPESA"), ("m-pesa", "M-PESA"), ("run.exe", "EXE"), ("sql", "SQL"), ("?query", "QUERY")],
)
async def test_forbidden_words_are_refused_in_any_case(box: Box, path: str, word: str) -> None:
    answer = await box.register(ValidationURL=f"{box.merchant.url}/{path}")
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == f"Invalid ValidationURL - URL has the word {word}"


async def test_174379_registers_unless_the_rule_is_strict(box: Box) -> None:
    assert (await box.register("174379")).status_code == 200
    await box.control("rules", {"strict_174379": True})
    answer = await box.register("174379")
    assert answer.status_code == 500
    assert answer.json() == sample("error_soap_like_fault_500")


async def test_production_registers_once(box: Box) -> None:
    await box.control("rules", {"register_once": True})
    assert (await box.register()).status_code == 200
    answer = await box.register()
    assert answer.status_code == 500
    assert answer.json() == {
        **sample("error_500_003_1001_urls_registered"),
        "requestId": answer.json()["requestId"],
    }
