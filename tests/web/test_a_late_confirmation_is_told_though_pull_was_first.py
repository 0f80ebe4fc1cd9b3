"""Who registered a ConfirmationURL by Daraja's paths is told of each, even where Pull spoke first."""

from pathlib import Path

import pytest

from services.gateway import CUSTOMER, PAYBILL, running_gateway
from wakala.rules.exchange import Exchange
from wakala.rules.matching import Confirmation as Notice
from wakala.rules.payment import Evidence
from wakala.rules.receipt import us_to_nairobi
from web.test_daraja_paths_answer_as_daraja_does import post
from web.test_inbound_callbacks_are_believed_only_if_all_agrees import confirmation, path_of

RECEIPT = "TST1ABC234"


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
@pytest.mark.parametrize("is_pull_first", [False, True])
async def test_a_confirmation_of_a_push_is_told_once(
    request: pytest.FixtureRequest, tmp_path: Path, is_pull_first: bool, database: str
) -> None:
    url = None if database == "sqlite" else request.getfixturevalue("postgres_url")
    async with running_gateway(tmp_path, database_url=url, finisher={"poll_s": 3_600.0}) as house:
        urls = {
            "ConfirmationURL": f"{house.merchant.url}/c2b/confirm",
            "ValidationURL": f"{house.merchant.url}/c2b/ask",
        }
        asked = {"ShortCode": PAYBILL, "ResponseType": "Completed"} | urls
        assert (await post(house, "/sandbox/mpesa/c2b/v2/registerurl", asked)).status_code == 200
        await house.settle_directory()
        [shortcode] = await house.gateway.journal.shortcodes()
        assert (await house.push("R-1")).json()["State"] == "pending"
        source = house.gateway.source
        now_us = source.now_us()
        if is_pull_first:  # as `Pulling._enter` does with a row of M-Pesa's list
            row = Notice(RECEIPT, PAYBILL, "INV-1", 15_000, CUSTOMER, now_us, now_us, Evidence.PULL)
            told = Exchange(source.new_id("xch"), "pull_row", "out", "POST", "/", (), b"", now_us)
            await house.gateway.confirmations.receive(row, None, shortcode, told)
        stamp = us_to_nairobi(now_us)
        body = confirmation(receipt=RECEIPT, TransAmount="150.00", BillRefNumber="INV-1", TransTime=stamp)
        for _ in range(2):  # M-Pesa may say it twice
            await house.client.post(path_of(house, "c2b_confirmation", shortcode.id), content=body)

        found = await house.gateway.journal.list_notifications(shortcode.organisation_id, "sandbox")
        assert sorted(one.type for one in found) == ["payment.confirmed", "payment.succeeded"]
