"""M-Pesa may refuse a token before its time: nothing was carried out, so the command is sent once more with a new one.

A token is not used up to its last second, and what M-Pesa has named is not sent again, whatever else it says.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from journal.making import payment
from wakala.identity import Source
from wakala.outgoing import Outgoing
from wakala.rules.facts import Accepted, LostSight, Refused, Unsent
from wakala.rules.payment import Evidence, Kind, Payment
from wakala.simulator.certificate import Certificate
from wakala.upstream.daraja import Daraja
from wakala.upstream.door import Asked, Credentials

TOO_OLD = {"requestId": "1-2", "errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}
TAKEN = {"MerchantRequestID": "1-2-3", "CheckoutRequestID": "ws_CO_1", "ResponseCode": "0"}
QUEUED = {"OriginatorConversationID": "R-1", "ConversationID": "AG_1", "ResponseCode": "0"}
CERTIFICATE = Certificate().pem()
PUSH = payment("R-1")
PAYOUT = payment("R-1", kind=Kind.PAYOUT, command="b2c/businesspayment")


class Mpesa:
    """Gives a new token whenever it is asked for one, and to commands its answers in turn."""

    def __init__(self) -> None:
        self.url = ""
        self.lives_s: list[int] = []
        self.token_status = 200
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.tokens = 0
        self.sent_with: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if "/oauth/" in head:
            self.tokens += 1
            life_s = self.lives_s.pop(0) if self.lives_s else 3599
            status, body = self.token_status, {"access_token": f"token-{self.tokens}", "expires_in": str(life_s)}
        else:
            self.sent_with.append(head.partition("Bearer ")[2].split()[0])
            status, body = self.answers.pop(0)
        told = json.dumps(body).encode()
        writer.write(
            b"HTTP/1.1 %d Said\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(told)) + told
        )
        await writer.drain()
        writer.close()


class Clock:
    now_us = 1_795_000_000_000_000

    def advance(self, seconds: float) -> None:
        self.now_us += int(seconds * 1_000_000)


@pytest.fixture
async def mpesa() -> AsyncIterator[Mpesa]:
    mpesa = Mpesa()
    server = await asyncio.start_server(mpesa.serve, "127.0.0.1", 0)
    mpesa.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield mpesa
    server.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def daraja(clock: Clock) -> AsyncIterator[Daraja]:
    outgoing = Outgoing(guarded=False)
    await outgoing.open()
    yield Daraja(outgoing, Source(lambda: clock.now_us, os.urandom), answer_limit_s=600)
    await outgoing.close()


def credentials(mpesa: Mpesa) -> Credentials:
    return Credentials(
        "sc_1", mpesa.url, "600100", "600100", False, "key", "secret", "passkey", "api", "Safe#1", CERTIFICATE
    )


async def carry(daraja: Daraja, mpesa: Mpesa, what: Payment = PUSH) -> Asked:
    return await daraja.carry(credentials(mpesa), what, lambda kind: f"https://pay.example/{kind}")


async def test_what_a_new_token_gets_through_is_accepted(daraja: Daraja, mpesa: Mpesa) -> None:
    mpesa.answers = [(404, TOO_OLD), (200, TAKEN)]
    asked = await carry(daraja, mpesa)
    assert isinstance(asked.fact, Accepted)
    assert mpesa.sent_with == ["token-1", "token-2"]
    assert [exchange.name for exchange in asked.exchanges] == ["token", "stk_push", "token", "stk_push"]


async def test_who_is_refused_again_is_refused(daraja: Daraja, mpesa: Mpesa) -> None:
    mpesa.answers = [(404, TOO_OLD), (404, TOO_OLD)]
    asked = await carry(daraja, mpesa)
    assert asked.fact == Refused("404.001.03", "Invalid Access Token", Evidence.STK_ANSWER)
    assert len(mpesa.sent_with) == 2


async def test_where_no_new_token_is_given_nothing_has_left(daraja: Daraja, mpesa: Mpesa) -> None:
    assert (await daraja.prepare(credentials(mpesa)))[0] is None
    mpesa.answers, mpesa.token_status = [(404, TOO_OLD)], 503
    asked = await carry(daraja, mpesa)
    assert isinstance(asked.fact, Unsent)
    assert mpesa.sent_with == ["token-1"]


@pytest.mark.parametrize(("what", "ids"), [(PUSH, TAKEN), (PAYOUT, QUEUED)], ids=["push", "payout"])
async def test_what_m_pesa_has_named_is_not_sent_again(
    daraja: Daraja, mpesa: Mpesa, what: Payment, ids: dict[str, str]
) -> None:
    mpesa.answers = [(404, ids | TOO_OLD), (200, ids)]
    asked = await carry(daraja, mpesa, what)
    assert isinstance(asked.fact, LostSight)
    assert asked.fact.checkout_request_id in ids.values()
    assert len(mpesa.sent_with) == 1


@pytest.mark.parametrize(("life_s", "good_for_s"), [(3599, 3539), (120, 60), (100, 50), (1, 1)])
async def test_a_token_is_used_until_a_minute_before_its_end_or_for_half_its_life(
    daraja: Daraja, mpesa: Mpesa, clock: Clock, life_s: int, good_for_s: int
) -> None:
    mpesa.lives_s = [life_s]
    assert (await daraja.prepare(credentials(mpesa)))[0] is None
    clock.advance(good_for_s - 0.001)
    assert daraja.is_ready(credentials(mpesa))
    clock.advance(0.001)
    assert not daraja.is_ready(credentials(mpesa))


async def test_each_shortcode_has_a_token_of_its_own(daraja: Daraja, mpesa: Mpesa) -> None:
    mine, other = credentials(mpesa), replace(credentials(mpesa), shortcode_id="sc_2", consumer_key="other")
    assert (await daraja.prepare(mine))[0] is None
    assert not daraja.is_ready(other)
    mpesa.answers = [(404, TOO_OLD), (200, TAKEN), (200, TAKEN)]
    await daraja.carry(other, PUSH, lambda kind: f"https://pay.example/{kind}")
    await carry(daraja, mpesa)
    assert mpesa.sent_with == ["token-2", "token-3", "token-1"]
