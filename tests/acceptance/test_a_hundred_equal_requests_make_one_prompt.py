"""A request ID is spent for ever: a hundred equal requests at once make one prompt, other content is refused."""

import asyncio

from acceptance.sides import both_sides, paying_out
from services.town import Town


async def test_a_hundred_equal_requests_make_one_prompt(town: Town) -> None:
    gateway = await town.serve()
    answers = await asyncio.gather(*(town.pay(gateway, "ORDER-1") for _ in range(100)))
    await town.is_told("ORDER-1")

    assert len(await town.prompts()) == 1
    accepted = [answer.body for answer in answers if answer.status == 202]
    in_flight = [answer.body["code"] for answer in answers if answer.status != 202]
    assert accepted
    assert all(body == accepted[0] for body in accepted)
    assert set(in_flight) <= {"request_in_flight"}

    again = await town.pay(gateway, "ORDER-1")
    assert (again.status, again.body) == (202, accepted[0])
    assert again.headers["idempotent-replayed"] == "true"
    other = await town.pay(gateway, "ORDER-1", Amount=151)
    assert (other.status, other.body["code"]) == (409, "request_id_spent")
    assert len(await town.prompts()) == 1
    assert len(town.merchant.outcomes("ORDER-1")) == 1


@both_sides
@paying_out
async def test_a_hundred_equal_payouts_pay_once(town: Town) -> None:
    gateway = await town.serve()
    answers = await asyncio.gather(*(town.pay_out(gateway, "PAY-1") for _ in range(100)))
    await town.is_told("PAY-1")

    [paid] = [each for each in await town.commands() if each["kind"] == "b2c"]
    assert (paid["kind"], paid["amount"], paid["state"]) == ("b2c", "150.00", "done")
    accepted = [answer.body for answer in answers if answer.status == 202]
    assert accepted
    assert all(body == accepted[0] for body in accepted)
    assert {answer.body["code"] for answer in answers if answer.status != 202} <= {"request_in_flight"}
    other = await town.pay_out(gateway, "PAY-1", Amount=151)
    assert (other.status, other.body["code"]) == (409, "request_id_spent")
    assert len(town.merchant.outcomes("PAY-1")) == 1
