"""A thousand worlds in which everything fails that can; the second thousand is in the file beside, for the other core.

To see one: ``python chaos/simulate.py --seed 123 --trace``. For millions: ``make simulate SEEDS=1000000``.
"""

import pytest

from chaos.histories import broken, history

BLOCK_SEEDS = 25
COUNTED_SEEDS = 200  # the first, whose worlds are looked at too


@pytest.mark.parametrize("first", range(COUNTED_SEEDS, 1_000, BLOCK_SEEDS))
def test_nothing_is_lost_doubled_or_stuck(first: int) -> None:
    assert broken(range(first, first + BLOCK_SEEDS)) == {}


def test_nothing_is_lost_doubled_or_stuck_in_worlds_that_are_as_bad_as_they_should_be() -> None:
    """Two hundred runs that met no fault would show nothing: this counts what they met."""
    runs = [history(seed) for seed in range(COUNTED_SEEDS)]
    assert not [str(violation) for run in runs for violation in run.violations]
    told = [words for run in runs for _, words in run.story.lines]
    states = [payment.state for run in runs for payment in run.evidence.journal.payments]
    evidence = {payment.evidence for run in runs for payment in run.evidence.journal.payments}

    def met(words: str) -> int:
        return sum(words in line for line in told)

    assert met("dies before a commit") > 10
    assert met("dies after a commit") > 10
    assert met("dies at an await") > 10
    assert met("lost before it arrived") > 50
    assert met("its answer is lost") > 10
    assert met("arrives twice") > 50
    assert met("is lost at M-Pesa") > 10
    assert met("is told the contrary") > 3
    assert all(met(f"leaps by {leap} s") > 1 for leap in ("+60", "-60", "-3600"))
    assert met("stands still for") > 10
    assert min(met(f"owner of shop-{shop}: ") for shop in range(3)) > 10
    assert all(met(f": {deed}") > 5 for deed in ("pause", "resume", "move", "replay", "acknowledge", "rotates"))
    assert met("GET gateway /sandbox/mpesa/v1/notifications: 200") > 100
    assert sum(len(run.evidence.journal.gone) for run in runs) > 100
    assert met("says otherwise") > 10
    assert met("POST shop-1 /validations: 200") > 3
    assert met("POST mpesa /pulltransactions/v1/query: 200") > 20
    assert {payment.kind for run in runs for payment in run.evidence.journal.payments} == {
        *("push", "collection", "payout", "transfer", "reversal")
    }
    assert {run.plan.nodes for run in runs} == {1, 2}
    assert min(states.count(end) for end in ("succeeded", "failed", "expired")) > 10
    assert evidence == {
        *("stk_callback", "c2b_confirmation", "stk_query", "stk_answer"),
        *("answer", "result", "status", "gateway", "pull"),
    }
