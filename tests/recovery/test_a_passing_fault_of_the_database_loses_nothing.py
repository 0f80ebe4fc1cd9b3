"""PostgreSQL answers, and refuses for as long as somebody works on a table: what came meanwhile is kept and handled."""

import json
from pathlib import Path

import pytest

from services.gateway import CUSTOMER, PAYBILL, House, running_gateway
from services.waiting import until
from wakala.web.shelter import TRIES

# As a lock that is not given in time, on a server that sets its limit by other means than ours. The sequence counts.
BUSY = """
CREATE SEQUENCE tries;
CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('tries');
    RAISE EXCEPTION 'busy' USING ERRCODE = '55P03';
END $$;
CREATE TRIGGER busy BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION busy()
"""
FREE = "DROP TRIGGER busy ON {table}"

CONFIRMATION = {
    "TransactionType": "Pay Bill",
    "TransID": "UKN70LOCKED",
    "TransTime": "20261116123000",
    "TransAmount": "70.00",
    "BusinessShortCode": PAYBILL,
    "BillRefNumber": "INV-9",
    "InvoiceNumber": "",
    "OrgAccountBalance": "1.00",
    "ThirdPartyTransID": "",
    "MSISDN": CUSTOMER,
    "FirstName": "Amani",
    "MiddleName": "",
    "LastName": "Otieno",
}


async def were_made(house: House, tries: int) -> bool:
    ((count,),) = await house.gateway.database.read("SELECT last_value FROM tries")  # type: ignore[attr-defined]
    return int(count) >= tries


async def test_a_confirmation_that_was_acknowledged_is_told_once_the_table_is_free(
    tmp_path: Path, postgres_url: str
) -> None:
    async with running_gateway(tmp_path, database_url=postgres_url) as house:
        database, payments = house.gateway.database, house.gateway.payments
        (shortcode,) = await house.gateway.journal.shortcodes()
        url = payments.callback_url("c2b_confirmation", shortcode.id)
        await database.script(BUSY.format(event="INSERT", table="confirmations"))
        path = "/callbacks" + url.partition("/callbacks")[2]
        answer = await house.client.post(path, content=json.dumps(CONFIRMATION))
        assert answer.status_code == 200
        await until(lambda: were_made(house, TRIES + 2), "more tries than a row of its own would be given")
        await database.script(FREE.format(table="confirmations"))
        await house.request_in("c2b:UKN70LOCKED", "succeeded")


async def test_what_m_pesa_answered_is_written_once_the_table_is_free(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(tmp_path, database_url=postgres_url) as house:
        database, upstream = house.gateway.database, house.gateway.payments._upstream
        carry = upstream.carry

        async def carry_while_somebody_comes(*asked: object) -> object:
            answer = await carry(*asked)  # type: ignore[arg-type]
            await database.script(BUSY.format(event="UPDATE", table="payments"))
            return answer

        monkeypatch.setattr(upstream, "carry", carry_while_somebody_comes)
        assert (await house.push("ORDER-1")).status_code == 503
        await until(lambda: were_made(house, 2), "a second try")
        await database.script(FREE.format(table="payments"))

        async def is_written() -> bool:
            exchanges = await house.gateway.journal.exchanges((await house.request("ORDER-1"))["PaymentID"])
            return any(one.direction == "out" and b"CheckoutRequestID" in (one.answer_body or b"") for one in exchanges)

        await until(is_written, "the answer that M-Pesa gave once")
        assert house.prompts() == 1
