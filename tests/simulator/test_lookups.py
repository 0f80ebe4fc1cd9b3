"""Questions answered at once: names of customers and organisations, SIM cards, the age of a line, documents."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample
from simulator.business import shape

HAKIKISHA = "/mpesa/b2c/hakikisha/v1/hakikisha"
ORGANISATION = "/sfcverify/v1/query/info"
IDENTITY = "/v1/KYC-validation/validateID"
LINES = {
    "/imsi/v1/checkATI": "imsi_response",
    "/imsi/v2/checkATI": "swap_response",
    "/registration/lookup/v1/checkATI": "age_on_network_response",
}


async def hakikisha(box: Box, **body: Any) -> Any:
    asked = sample("b2c_hakikisha_request")
    return await box.post(HAKIKISHA, {**asked, "body": {**asked["body"], **body}})


async def test_hakikisha_tells_the_first_name_and_masks_the_rest(box: Box) -> None:
    answer = await hakikisha(box, msisdn=CUSTOMER)
    said, asked = answer.json(), sample("b2c_hakikisha_request")
    assert shape(said) == shape(sample("b2c_hakikisha_response"))
    assert said["header"]["requestID"] == asked["header"]["requestID"]
    assert (said["header"]["status"], said["body"]["firstName"]) == ("200", "WANJIRU")
    for name in ("middleName", "lastName"):
        masked = said["body"][name]
        assert masked[0].isalpha()
        assert masked[-1].isalpha()
        assert set(masked[1:-1]) == {"*"}


@pytest.mark.parametrize("msisdn", ["254799000111", "0712345678", "", None])
async def test_hakikisha_knows_no_one_there(box: Box, msisdn: Any) -> None:
    await box.control("phones", {"msisdn": "254799000111", "registered": False})
    answer = await hakikisha(box, msisdn=msisdn)
    model = sample("b2c_hakikisha_error")
    assert answer.status_code == 400
    header = {**model["header"], "timestamp": answer.json()["header"]["timestamp"]}
    assert answer.json() == {**model, "header": header}


async def test_hakikisha_takes_a_body_without_a_header_and_refuses_what_is_none(box: Box) -> None:
    assert (await box.post(HAKIKISHA, {"header": {}, "body": {"msisdn": CUSTOMER}})).status_code == 200
    assert (await box.post(HAKIKISHA, {"msisdn": CUSTOMER})).json()["errorCode"] == "400.002.05"


async def test_an_organisation_is_found_by_paybill_store_and_till(box: Box) -> None:
    answer = await box.post(ORGANISATION, sample("org_info_request"))
    expected, said = sample("org_info_response"), answer.json()
    own = ("ConversationID", "OrganizationName")
    assert said == {**expected, **{name: said[name] for name in own}}
    assert said["OrganizationName"] == "Mama Mboga Supplies"
    store = await box.post(ORGANISATION, {"IdentifierType": 4, "Identifier": "600991"})
    till = await box.post(ORGANISATION, {"IdentifierType": 2, "Identifier": 600992})
    assert store.json()["OrganizationName"] == till.json()["OrganizationName"] == "Duka la Mtaa"


@pytest.mark.parametrize(
    ("kind", "number", "field"),
    [
        ("4", "666677", "Identifier"),
        ("4", "600992", "Identifier"),  # a till
        ("2", "600984", "Identifier"),  # a paybill
        ("1", "600984", "IdentifierType"),
        (None, None, "IdentifierType"),
    ],
)
async def test_an_organisation_of_another_kind_is_not_found(box: Box, kind: Any, number: Any, field: str) -> None:
    answer = await box.post(ORGANISATION, {"IdentifierType": kind, "Identifier": number})
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")


@pytest.mark.parametrize("path", LINES)
async def test_a_line_is_told_of_in_the_printed_shape_and_always_alike(box: Box, path: str) -> None:
    first = (await box.post(path, {"customerNumber": CUSTOMER})).json()
    second = (await box.post(path, {"customerNumber": f"+{CUSTOMER}"})).json()
    assert shape(first) == shape(sample(LINES[path]))
    assert (first["responseCode"], first["responseDesc"]) == ("200", "Success")
    assert {**first, "requestRefID": ""} == {**second, "requestRefID": ""}


@pytest.mark.parametrize("path", LINES)
@pytest.mark.parametrize("body", [{}, {"customerNumber": "0712345678"}])
async def test_a_line_without_a_number_is_refused(box: Box, path: str, body: dict[str, str]) -> None:
    answer = await box.post(path, body)
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, "Bad Request - Invalid customerNumber")


async def test_a_swap_is_told_for_three_months_by_the_newer_version(box: Box) -> None:
    swapped_on = box.machine.clock.now() - timedelta(days=10)
    await box.control("lines", {"msisdn": CUSTOMER, "swapped_days_ago": 10})
    asked = {"customerNumber": CUSTOMER}
    recent = (await box.post("/imsi/v2/checkATI", asked)).json()["lastSwapDate"]
    assert recent.startswith(f"{swapped_on:%d-%m-%Y}")
    datetime.strptime(recent, "%d-%m-%Y %H:%M")  # noqa: DTZ007, it has no zone on the wire
    await box.control("lines", {"msisdn": CUSTOMER, "swapped_days_ago": 200})
    assert (await box.post("/imsi/v2/checkATI", asked)).json()["lastSwapDate"] == "01-01-1900 00:00"
    older = (await box.post("/imsi/v1/checkATI", asked)).json()["lastSwapDate"]
    assert older == f"{box.machine.clock.now() - timedelta(days=200):%d-%m-%Y}"


async def test_a_line_may_be_given_an_age(box: Box) -> None:
    await box.control("lines", {"msisdn": CUSTOMER, "registered_on": date(2019, 1, 12).isoformat()})
    answer = await box.post("/registration/lookup/v1/checkATI", {"customerNumber": CUSTOMER})
    assert answer.json()["msisdnRegistrationDate"] == "12-01-2019"


@pytest.mark.parametrize("wrong", [{"swapped_days_ago": -1}, {"swapped_days_ago": 9_999}, {"msisdn": "0712345678"}])
async def test_a_past_that_cannot_be_gets_a_sentence(box: Box, wrong: dict[str, Any]) -> None:
    answer = await box.client.post("/simulator/lines", json={"msisdn": CUSTOMER, **wrong})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize(("known", "status"), [(None, "MATCH"), ("12345678", "MATCH"), ("87654321", "MISMATCH")])
async def test_a_document_matches_its_holders_number(box: Box, known: str | None, status: str) -> None:
    await box.control("lines", {"msisdn": CUSTOMER, "id_number": known})
    asked = {"requestRefID": "9b1c-0001", "shortCode": "600984", "msisdn": CUSTOMER, "idType": "01"}
    answer = await box.post(IDENTITY, {**asked, "idNumber": "12345678"})
    assert answer.json() == {**sample("mobile_number_validation_response"), "status": status}
    missing = await box.post(IDENTITY, asked)
    assert missing.json()["errorMessage"] == "Bad Request - Invalid idNumber"
