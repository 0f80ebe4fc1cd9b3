"""M-Pesa refuses the API operator by now; what was asked before is answered as before, and nothing new is begun."""

from pathlib import Path

import httpx2

from services.gateway import CUSTOMER, PAYBILL, SANDBOX, House, basic, is_problem, running_gateway
from wakala.rules.accounts import INITIATOR_FAILURES_LIMIT, Product


async def pay(house: House, request_id: str) -> httpx2.Response:
    body = {"RequestID": request_id, "SenderShortcode": PAYBILL, "Amount": 150, "ReceiverMSISDN": CUSTOMER}
    return await house.client.post(f"{SANDBOX}/b2c/businesspayment", json=body, headers=basic(house.app))


async def test_a_repeat_is_answered_as_the_first_time(tmp_path: Path) -> None:
    async with running_gateway(tmp_path) as house:
        [shortcode] = await house.gateway.journal.shortcodes()
        await house.grant(shortcode, Product.B2C)
        first = await pay(house, "WAGES-1")
        assert first.status_code == 202

        for number in range(INITIATOR_FAILURES_LIMIT):
            await house.box.fault("b2c", "refused", code=2001)
            await pay(house, f"REFUSED-{number}")
            await house.request_in(f"REFUSED-{number}", "failed")
        is_problem(await pay(house, "WAGES-2"), 409, "initiator_stopped")
        again = await pay(house, "WAGES-1")
        assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true"), again.text
        assert again.json()["PaymentID"] == first.json()["PaymentID"]
