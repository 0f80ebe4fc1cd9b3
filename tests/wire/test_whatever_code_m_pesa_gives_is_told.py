"""A payment ends and is told whatever M-Pesa's result code is made of, in every format."""

import json

import pytest

from journal.making import NOW_US, SCHEDULE, payment
from wakala.rules.accounts import BodyFormat
from wakala.rules.decisions import decide
from wakala.rules.facts import Settled
from wakala.rules.payment import Evidence, State
from wakala.wire.notification import render


def told(code: str, body_format: BodyFormat) -> object:
    pending = payment(state=State.PENDING, sent_us=NOW_US)
    change = decide(pending, Settled(Evidence.STK_QUERY, False, code, "told"), NOW_US, SCHEDULE)
    body = json.loads(render(change.payment, change.notify or "", body_format, "174379", NOW_US))
    while "ResultCode" not in body:
        body = next(value for value in body.values() if isinstance(value, dict))
    return body["ResultCode"]


@pytest.mark.parametrize("code", ["\u00b2", "\u0661", "9" * 5_000, "", "-1", "1.0", "SFC_IC0003"])
@pytest.mark.parametrize("body_format", BodyFormat)
def test_what_is_no_number_is_told_as_it_came(code: str, body_format: BodyFormat) -> None:
    assert told(code, body_format) == code


@pytest.mark.parametrize(("code", "number"), [("1032", 1032), ("1", 1)])
@pytest.mark.parametrize("body_format", [BodyFormat.DARAJA, BodyFormat.PROXYAPI])
def test_a_number_is_told_as_a_number(code: str, number: int, body_format: BodyFormat) -> None:
    assert told(code, body_format) == number
