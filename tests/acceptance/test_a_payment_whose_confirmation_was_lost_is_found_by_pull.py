"""Money that M-Pesa took and never told of is found in its list of payments, and enters once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.gateway import CUSTOMER, PAYBILL, SANDBOX, House, eventually, running_gateway
from wakala.rules.accounts import Product

QUICK = {"poll_s": 0.02, "interval_s": 0.1, "settle_s": 0}


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    database = None if database_url.startswith("sqlite") else database_url
    async with running_gateway(tmp_path, database_url=database, pull=QUICK) as house:
        yield house


async def registered(house: House, *products: Product) -> None:
    """M-Pesa knows where to confirm; the shortcode has what Safaricom granted it."""
    (shortcode,) = await house.gateway.journal.shortcodes()
    url = house.gateway.payments.callback_url
    await house.box.register(
        PAYBILL,
        ConfirmationURL=url("c2b_confirmation", shortcode.id),
        ValidationURL=url("c2b_validation", shortcode.id),
    )
    await house.gateway.journal.set_collector(shortcode.id, house.app.app.id)
    for product in products:
        await house.admin.add_product(shortcode, product)
    await house.settle_directory()


async def pay(house: House, amount: int = 70, account: str = "INV-7") -> str:
    """A customer pays from the phone's menu; M-Pesa's receipt."""
    order = {"number": PAYBILL, "msisdn": CUSTOMER, "amount": amount, "account": account}
    receipt: str = (await house.box.control("c2b/pay", order))["receipt"]
    return receipt


async def all_of(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await house.get(f"{SANDBOX}/requests")).json()["Requests"]
    return found


async def test_a_lost_confirmation_is_found_and_told_once(house: House) -> None:
    await registered(house, Product.PULL)
    await house.box.fault("c2b_confirmation", "lost")
    receipt = await pay(house)

    view = await house.request_in(f"c2b:{receipt}", "succeeded")

    assert view["Evidence"] == "pull"
    assert (view["MpesaReceiptNumber"], view["Amount"], view["AccountReference"]) == (receipt, 70, "INV-7")
    await eventually(lambda: house.merchant.at("/wakala"))
    trace = (await house.get(f"{SANDBOX}/requests/c2b:{receipt}/trace")).json()
    assert "pull_row" in [entry["Name"] for entry in trace["Entries"]]
    assert [post.json["type"] for post in house.merchant.at("/wakala")] == ["collection.succeeded"]


async def test_what_a_confirmation_told_is_not_entered_again(house: House) -> None:
    await registered(house, Product.PULL)
    receipt = await pay(house)
    await house.request_in(f"c2b:{receipt}", "succeeded")
    lost = await lost_payment(house)

    await house.request_in(f"c2b:{lost}", "succeeded")  # so the list, which holds both, has been read

    assert sorted(each["MpesaReceiptNumber"] for each in await all_of(house)) == sorted([receipt, lost])


async def lost_payment(house: House) -> str:
    await house.box.fault("c2b_confirmation", "lost")
    return await pay(house, 90, "INV-8")


async def test_a_confirmation_that_comes_after_all_is_the_second_source(house: House) -> None:
    await registered(house, Product.PULL)
    await house.box.fault("c2b_confirmation", "late", delay_ms=1_500)
    receipt = await pay(house)
    await house.request_in(f"c2b:{receipt}", "succeeded")

    async def both_are_on_record() -> bool:
        trace = (await house.get(f"{SANDBOX}/requests/c2b:{receipt}/trace")).json()
        return {"pull_row", "c2b_confirmation"} <= {entry["Name"] for entry in trace["Entries"]}

    await eventually(both_are_on_record)
    assert [each["MpesaReceiptNumber"] for each in await all_of(house)] == [receipt]
    assert [post.json["type"] for post in house.merchant.at("/wakala")].count("collection.succeeded") == 1


async def test_a_push_that_lost_everything_is_settled_by_the_list(house: House) -> None:
    await registered(house, Product.PULL)
    await house.autopilot("pay")
    await house.box.fault("stk_callback", "lost")
    await house.box.fault("c2b_confirmation", "lost")
    await house.push("R-1")

    view = await house.request_in("R-1", "succeeded")

    assert view["Evidence"] == "pull"
    assert view["MpesaReceiptNumber"]
    assert len(await all_of(house)) == 1


async def test_a_shortcode_without_pull_is_never_listed(house: House) -> None:
    await registered(house)
    await house.box.fault("c2b_confirmation", "lost")
    lost = await pay(house)
    (shortcode,) = await house.gateway.journal.shortcodes()
    assert await house.gateway.journal.pulled_until(shortcode.id) is None
    assert (await house.get(f"{SANDBOX}/requests/c2b:{lost}")).status_code == 404


async def test_a_list_that_cannot_be_read_is_read_again_from_where_it_was(house: House) -> None:
    await house.box.fault("pull_query", "internal_error")
    await house.box.fault("c2b_confirmation", "lost")
    await registered(house, Product.PULL)
    receipt = await pay(house)
    assert (await house.request_in(f"c2b:{receipt}", "succeeded"))["Evidence"] == "pull"
