"""M-Pesa may refuse a token before its time: nothing was carried out, so the command is sent once more with a new one.

A token is not used up to its last second, and what M-Pesa has named is not sent again, whatever else it says.
"""

from dataclasses import replace

import pytest

from journal.making import payment
from upstream.speaking import Clock, Mpesa
from wakala.rules.facts import Accepted, LostSight, Refused, Unsent
from wakala.rules.payment import Evidence, Kind, Payment
from wakala.upstream.daraja import Daraja
from wakala.upstream.door import Asked

TOO_OLD = {"requestId": "1-2", "errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}
TAKEN = {"MerchantRequestID": "1-2-3", "CheckoutRequestID": "ws_CO_1", "ResponseCode": "0"}
QUEUED = {"OriginatorConversationID": "R-1", "ConversationID": "AG_1", "ResponseCode": "0"}
PUSH = payment("R-1")
PAYOUT = payment("R-1", kind=Kind.PAYOUT, command="b2c/businesspayment")


async def carry(daraja: Daraja, mpesa: Mpesa, what: Payment = PUSH) -> Asked:
    return await daraja.carry(mpesa.credentials, what, lambda kind: f"https://pay.example/{kind}")


async def test_what_a_new_token_gets_through_is_accepted(daraja: Daraja, mpesa: Mpesa) -> None:
    mpesa.answers = [(404, TOO_OLD), (200, TAKEN)]
    asked = await carry(daraja, mpesa)
    assert isinstance(asked.fact, Accepted)
    assert mpesa.sent_with == ["token-1", "token-2"]
    assert [exchange.name for exchange in asked.exchanges] == ["token", "stk_push", "token", "stk_push"]
    assert {(exchange.payment_id, exchange.scope) for exchange in asked.exchanges} == {(PUSH.id, PUSH.scope)}


async def test_who_is_refused_again_is_refused(daraja: Daraja, mpesa: Mpesa) -> None:
    mpesa.answers = [(404, TOO_OLD), (404, TOO_OLD)]
    asked = await carry(daraja, mpesa)
    assert asked.fact == Refused("404.001.03", "Invalid Access Token", Evidence.STK_ANSWER)
    assert len(mpesa.sent) == 2


async def test_another_refusal_is_not_the_tokens(daraja: Daraja, mpesa: Mpesa) -> None:
    mpesa.answers = [(400, {"errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid Amount"})]
    assert isinstance((await carry(daraja, mpesa)).fact, Refused)
    assert daraja.is_ready(mpesa.credentials), "its token is as good as before"


async def test_where_no_new_token_is_given_nothing_has_left(daraja: Daraja, mpesa: Mpesa) -> None:
    assert (await daraja.prepare(mpesa.credentials))[0] is None
    mpesa.answers, mpesa.token_status = [(404, TOO_OLD)], 503
    asked = await carry(daraja, mpesa)
    assert isinstance(asked.fact, Unsent)
    assert mpesa.sent_with == ["token-1"]


@pytest.mark.parametrize(
    ("status", "is_refused"), [(400, True), (401, True), (403, False), (429, False), (500, False), (503, False)]
)
async def test_wrong_keys_are_refused_for_good_and_everything_else_may_pass(
    daraja: Daraja, mpesa: Mpesa, status: int, is_refused: bool
) -> None:
    mpesa.token_status, mpesa.token_body = status, b"<p>No.</p>"
    asked = await carry(daraja, mpesa)
    assert isinstance(asked.fact, Refused if is_refused else Unsent)
    assert mpesa.sent == []


@pytest.mark.parametrize(("what", "ids"), [(PUSH, TAKEN), (PAYOUT, QUEUED)], ids=["push", "payout"])
async def test_what_m_pesa_has_named_is_not_sent_again(
    daraja: Daraja, mpesa: Mpesa, what: Payment, ids: dict[str, str]
) -> None:
    mpesa.answers = [(404, ids | TOO_OLD), (200, ids)]
    asked = await carry(daraja, mpesa, what)
    assert isinstance(asked.fact, LostSight)
    assert asked.fact.checkout_request_id in ids.values()
    assert len(mpesa.sent) == 1


@pytest.mark.parametrize(("life_s", "good_for_s"), [(3599, 3539), (120, 60), (100, 50), (1, 1)])
async def test_a_token_is_used_until_a_minute_before_its_end_or_for_half_its_life(
    daraja: Daraja, mpesa: Mpesa, clock: Clock, life_s: int, good_for_s: int
) -> None:
    mpesa.token_lives_s = [life_s]
    assert (await daraja.prepare(mpesa.credentials))[0] is None
    clock.advance(good_for_s - 0.001)
    assert daraja.is_ready(mpesa.credentials)
    clock.advance(0.001)
    assert not daraja.is_ready(mpesa.credentials)


async def test_each_shortcode_has_a_token_of_its_own(daraja: Daraja, mpesa: Mpesa) -> None:
    mine, other = mpesa.credentials, replace(mpesa.credentials, shortcode_id="sc_2", consumer_key="other")
    assert (await daraja.prepare(mine))[0] is None
    assert not daraja.is_ready(other)
    mpesa.answers = [(404, TOO_OLD), (200, TAKEN), (200, TAKEN)]
    await daraja.carry(other, PUSH, lambda kind: f"https://pay.example/{kind}")
    await carry(daraja, mpesa)
    assert mpesa.sent_with == ["token-2", "token-3", "token-1"]
