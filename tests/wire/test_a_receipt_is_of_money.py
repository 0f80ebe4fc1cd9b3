"""M-Pesa gives failed payouts one generic TransactionID (daraja.md 2.6); as a receipt it would be one's only."""

import json
from pathlib import Path

import pytest

from wakala.rules.facts import Settled
from wakala.rules.payment import Kind, Payment, Scope, State
from wakala.wire.daraja_results import read_result
from wakala.wire.result_facts import result_fact

SAMPLES = Path(__file__).parent / "samples" / "commands"


def payout(request_id: str) -> Payment:
    return Payment(
        id="pay_1",
        scope=Scope("org", "app", "sc", "sandbox"),
        kind=Kind.PAYOUT,
        request_id=request_id,
        fingerprint="",
        state=State.PENDING,
        version=2,
        amount_cents=50_000,
        msisdn="254700000142",
        reference="",
        description="",
        reference_data="[]",
        callback_url=None,
        created_us=0,
        updated_us=0,
    )


@pytest.mark.parametrize(
    ("sample", "receipt"), [("b2c_result_success", "UCE6H2D8VB"), ("b2c_result_fail_locked", None)]
)
def test_a_result_names_a_receipt_only_where_money_moved(sample: str, receipt: str | None) -> None:
    body = (SAMPLES / f"{sample}.json").read_bytes()
    told = json.loads(body)["Result"]

    fact = result_fact(payout(told["OriginatorConversationID"]), read_result(body))

    assert isinstance(fact, Settled)
    assert told["TransactionID"]
    assert fact.receipt == receipt
