"""The database fails after a payment is open: the caller reads what went wrong, and nothing that may be untrue."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.gateway import House, running_gateway
from wakala.errors import DatabaseFaultError

REFUSING = {
    "sqlite": "CREATE TRIGGER refusing BEFORE UPDATE ON payments BEGIN SELECT RAISE(ABORT, 'no more today'); END",
    "postgres": """
        CREATE FUNCTION refuse() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''no more today''; END' LANGUAGE plpgsql;
        CREATE TRIGGER refusing BEFORE UPDATE ON payments EXECUTE FUNCTION refuse()
    """,
}
ENOUGH = {"sqlite": "DROP TRIGGER refusing", "postgres": "DROP TRIGGER refusing ON payments"}


@pytest.fixture(params=["sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with running_gateway(tmp_path, database_url=url) as house:
        yield house


async def test_a_fault_after_the_payment_is_open_is_told_as_it_is(house: House) -> None:
    """Not as one of the record of the refusal, which the journal has already."""
    database = house.gateway.database
    await house.push("BEFORE", SenderMSISDN="254700000001")  # with M-Pesa's token in hand the next one goes out at once
    await database.script(REFUSING[database.dialect])
    answer = await house.push("ORDER-1")
    await database.script(ENOUGH[database.dialect])
    assert (answer.status_code, answer.json()["code"]) == (503, "database_fault")
    assert answer.json()["detail"] == DatabaseFaultError.sentence
    assert house.prompts() == 2  # so much for "nothing was done"

    await house.customer("approve")
    assert (await house.request_in("ORDER-1", "succeeded"))["State"] == "succeeded"
    assert house.prompts() == 2


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
async def test_what_sqlite_refuses_is_not_said_to_be_undone(house: House) -> None:
    await house.gateway.database.script(REFUSING["sqlite"])
    detail = (await house.push("ORDER-1")).json()["detail"]
    assert "nothing was done" not in detail.lower()
    assert detail.endswith("nothing is done twice.")


def test_the_faults_own_sentence_claims_as_little() -> None:
    assert DatabaseFaultError.sentence == "Try again in a moment with the same RequestID: nothing is done twice."
