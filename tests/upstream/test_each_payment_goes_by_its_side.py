"""M-Pesa has two doors, and a payment goes by its own for all that is asked of it."""

import pytest
from msgspec.structs import replace

from journal.making import payment
from upstream.soap_speaking import Far, answer
from upstream.speaking import Mpesa
from wakala.rules.accounts import Side
from wakala.rules.facts import Accepted, StillOpen
from wakala.rules.payment import Kind
from wakala.upstream.broker import Broker
from wakala.upstream.daraja import Daraja
from wakala.upstream.door import Credentials
from wakala.upstream.sides import Sides

BY_DARAJA = payment("R-2", kind=Kind.PAYOUT, command="b2c/businesspayment", merchant_request_id="R-2")
BY_BROKER = replace(BY_DARAJA, side=Side.BROKER)
QUEUED = {"OriginatorConversationID": "R-2", "ConversationID": "AG_1", "ResponseCode": "0", "ResponseDescription": "ok"}


def url(kind: str) -> str:
    return f"https://pay.example/{kind}"


@pytest.fixture
def sides(daraja: Daraja, broker: Broker) -> Sides:
    return Sides(daraja, broker)


@pytest.fixture
def credentials(mpesa: Mpesa, far: Far) -> Credentials:
    """Of a shortcode that can speak to both."""
    return far.credentials(base_url=mpesa.url)


async def test_by_the_broker_no_token_is_needed(sides: Sides, credentials: Credentials, mpesa: Mpesa, far: Far) -> None:
    assert sides.is_ready(credentials, BY_BROKER)
    assert await sides.prepare(credentials, BY_BROKER) == (None, ())
    far.answers = [answer("0"), answer("0")]
    assert isinstance((await sides.carry(credentials, BY_BROKER, url)).fact, Accepted)
    assert isinstance((await sides.ask(credentials, BY_BROKER, url)).fact, StillOpen)
    assert (len(far.bodies), mpesa.tokens, mpesa.sent) == (2, 0, [])


async def test_by_daraja_a_token_is_fetched_first_and_kept_with_the_payment(
    sides: Sides, credentials: Credentials, mpesa: Mpesa, far: Far
) -> None:
    assert not sides.is_ready(credentials, BY_DARAJA)
    trouble, (token,) = await sides.prepare(credentials, BY_DARAJA)
    assert (trouble, token.name, token.payment_id, token.scope) == (None, "token", BY_DARAJA.id, BY_DARAJA.scope)
    assert sides.is_ready(credentials, BY_DARAJA)
    mpesa.answers = [(200, QUEUED), (200, QUEUED)]
    assert isinstance((await sides.carry(credentials, BY_DARAJA, url)).fact, Accepted)
    assert isinstance((await sides.ask(credentials, BY_DARAJA, url)).fact, StillOpen)
    assert (len(mpesa.sent), far.bodies) == (2, [])
