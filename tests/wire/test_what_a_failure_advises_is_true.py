"""Why something failed, and what to do next, as every face tells it: nothing is said to be asked that is not."""

import pytest

from journal.making import NOW_US, payment
from wakala.rules.facts import DATABASE_AWAY, INTERRUPTED, NO_ANSWER, STOOD_STILL, UNREACHABLE
from wakala.rules.payment import Evidence, Kind, State
from wakala.wire.view import cause_of


def advice(code: str, by: Evidence, **changes: object) -> tuple[str, str]:
    failed = {"state": State.FAILED, "sent_us": NOW_US, "result_code": code, "evidence": by}
    found = cause_of(payment(**failed | changes))
    assert found is not None
    assert all(sentence.en and sentence.sw for sentence in found)
    return found[0].en, found[1].en


LOOK_UP = {"kind": Kind.SERVICE, "command": "b2c/hakikisha"}


@pytest.mark.parametrize("code", [NO_ANSWER, INTERRUPTED, "500.001.1001"])
def test_a_look_up_whose_answer_was_lost_is_not_said_to_be_asked_about(code: str) -> None:
    cause, following = advice(code, Evidence.GATEWAY, **LOOK_UP)
    assert "never left" not in cause
    assert following.startswith("Wakala does not ask again by itself.")


@pytest.mark.parametrize("code", [UNREACHABLE, STOOD_STILL, DATABASE_AWAY])
def test_what_never_left_is_said_to_have_stayed(code: str) -> None:
    cause, following = advice(code, Evidence.GATEWAY, **LOOK_UP)
    assert cause == "It never left this gateway."
    assert following.startswith("No money moved.")


def test_what_m_pesa_itself_refused_is_explained_in_its_own_words() -> None:
    cause, following = advice("1032", Evidence.STK_CALLBACK)
    assert "cancelled" in cause.lower()
    assert "does not ask" not in following
