"""The test of the tester: a gateway broken on purpose is caught; the whole one is clean on the same seed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

import planted
from case import Invariant
from chaos.histories import history
from virtual.weather import OFTEN, Plan, Rests, plan

SEEDS_LIMIT = 200  # a fault that hides for longer would need a harsher world

CAUGHT_AS = {
    "skip a commit": {Invariant.LOST_CALLBACK, Invariant.LOST_MONEY, Invariant.DOUBLED_PROMPT, Invariant.TOLD_TWICE},
    "call before the commit": {Invariant.DOUBLED_PROMPT, Invariant.LOST_MONEY},
    "acknowledge before the commit": {Invariant.LOST_CALLBACK},
    "resend on unknown": {Invariant.DOUBLED_PROMPT},
    "treat a time out as failure": {Invariant.MOVED_AFTER_REFUSAL},
    "give up too soon": {Invariant.LOST_MONEY},
    "ignore that a request id is spent": {Invariant.DOUBLED_PROMPT},
    "settle twice": {Invariant.TOLD_TWICE},
    "forget to stage the notification": {Invariant.UNTOLD},
    "drop the lease of a notification": {Invariant.AT_ONCE},
    "drop both guards of a payment that is sent": {Invariant.DOUBLED_PROMPT},
    "give a confirmation that is not told": {Invariant.UNTOLD},
    "keep every outcome": {Invariant.UNTOLD},
    "answer a repeat with news": {Invariant.OTHER_ANSWER},
    "leave a repeat in flight": {Invariant.STUCK},
    "deliver out of order": {Invariant.OUT_OF_ORDER},
    "call delivered what was not": {Invariant.UNTOLD},
    "send to who is paused": {Invariant.WHILE_PAUSED},
    "send to the first url": {Invariant.WRONG_PLACE},
    "forget what was acknowledged": {Invariant.AFTER_ALL},
    "send what was to be held": {Invariant.AFTER_ALL},
    "sign with the first secret alone": {Invariant.FORGED},
    "let a cursor pass what is to come": {Invariant.UNREAD},
    "begin each reading at the beginning": {Invariant.READ_TWICE},
    "overrule a merchant who is asked": {Invariant.DECIDED_WRONG},
    "forget by the age of the debt": {Invariant.FORGOTTEN},
}


def without_tokens(seed: int) -> Plan:
    """Two gateways, and payments that wait for a token: both find them due, which is rare in an ordinary world."""
    drawn = replace(plan(seed), nodes=2, leap_s=0.0)
    drawn.weather.token_refused = OFTEN
    return drawn


def where_confirmations_are_heard(seed: int) -> Plan:
    """A caller of Daraja's paths has registered a URL for them, and M-Pesa confirms every push."""
    return replace(plan(seed), is_registered=True, is_heard=True, leap_s=0.0)


def where_merchants_are_asked(seed: int) -> Plan:
    """M-Pesa asks about each customer who pays unasked."""
    return replace(plan(seed), is_registered=True, validation="Cancelled", leap_s=0.0)


def where_what_is_old_is_forgotten(seed: int) -> Plan:
    """It is old after a minute."""
    return replace(plan(seed), is_forgetful=True, is_read=False, is_looked_after=False, leap_s=0.0)


def where_owners_are_busy(seed: int) -> Plan:
    """Every shop has an owner who pauses, moves and replays."""
    drawn = replace(where_somebody_reads(seed), is_looked_after=True, refusal="", stand_s=0.0)
    drawn.weather.doubled = 0  # then secrets are changed too
    return drawn


def where_somebody_reads(seed: int) -> Plan:
    """Two programs come for a shop's notifications by cursor."""
    return replace(plan(seed), is_read=True, leap_s=0.0, rests=Rests(timekeeper=5.0, directory=1.0))


WORLDS: dict[str, Callable[[int], Plan]] = {
    "drop both guards of a payment that is sent": without_tokens,
    "give a confirmation that is not told": where_confirmations_are_heard,
    "send to who is paused": where_owners_are_busy,
    "send to the first url": where_owners_are_busy,
    "forget what was acknowledged": where_owners_are_busy,
    "send what was to be held": where_owners_are_busy,
    "sign with the first secret alone": where_owners_are_busy,
    "let a cursor pass what is to come": where_somebody_reads,
    "begin each reading at the beginning": where_somebody_reads,
    "overrule a merchant who is asked": where_merchants_are_asked,
    "forget by the age of the debt": where_what_is_old_is_forgotten,
}


@pytest.mark.parametrize("fault", CAUGHT_AS)
def test_it_is_found_and_named(fault: str) -> None:
    drawn = WORLDS.get(fault, plan)
    for seed in range(SEEDS_LIMIT):
        caught = {violation.invariant for violation in history(seed, fault, drawn).violations}
        if caught & CAUGHT_AS[fault]:
            assert history(seed, drawn=drawn).violations == [], "the whole gateway passes the same seed"
            return
    pytest.fail(f"{SEEDS_LIMIT} worlds did not find: {fault}")


def test_every_fault_is_expected_somewhere() -> None:
    assert set(planted.FAULTS) == set(CAUGHT_AS)


def test_a_fault_leaves_nothing_behind() -> None:
    clean = history(3).digest
    for fault in planted.FAULTS:
        history(3, fault)

    assert history(3).digest == clean
