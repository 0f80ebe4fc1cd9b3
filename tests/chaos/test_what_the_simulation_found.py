"""Faults of the gateway that the simulation found, each held by itself."""

from wakala.payments import Payments, _Calling
from wakala.rules.payment import Kind, Payment, Scope, State


def test_two_calls_about_one_payment_at_once_both_end() -> None:
    """A callback may make a payment due while a question about it is under way; the first answer was dropped."""
    payments = object.__new__(Payments)
    payments._under_way = {}
    payment = Payment(
        id="pay_1",
        scope=Scope("org", "app", "sc", "sandbox"),
        kind=Kind.PUSH,
        request_id="R1",
        fingerprint="",
        state=State.PENDING,
        version=2,
        amount_cents=100,
        msisdn="",
        reference="",
        description="",
        reference_data="[]",
        callback_url=None,
        created_us=0,
        updated_us=0,
    )

    with _Calling(payment, payments._under_way), _Calling(payment, payments._under_way):
        assert payments._under_way

    assert payments._under_way == {}
