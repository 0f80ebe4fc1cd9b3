"""What may be asked of the simulator from outside, checked once for both doors: the control API and the phone page."""

import math
from typing import Any

import msgspec

from wakala.simulator import command_results, results
from wakala.simulator.c2b import Order
from wakala.simulator.faults import CATALOGUE, Fault
from wakala.simulator.machine import RULE_NAMES, Simulator
from wakala.simulator.prompts import check_outcome
from wakala.simulator.requests import AMOUNT_MAX_SHILLINGS
from wakala.simulator.world import Autopilot, Payment, Phone, Switch

DELAY_MAX_MS = 24 * 3600 * 1000
"""A callback may be late by a day, not for ever."""


STEPS_MAX = 500
"""Of one script."""


class BadOrderError(ValueError):
    """What was asked for cannot be; the text says why. ``key`` is its wording on the page."""

    def __init__(self, sentence: str, key: str) -> None:
        super().__init__(sentence)
        self.key = key


class PhoneOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What to set of a phone; what is left out stays as it was."""

    msisdn: str
    name: str | None = None
    pin: str | None = None
    balance_cents: int | None = None
    switch: Switch | None = None
    low_balance: bool | None = None
    never_answers: bool | None = None
    registered: bool | None = None
    pochi_cents: int | None = None


class RulesOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What to set of the rules; what is left out stays as it was."""

    prompt_life_seconds: float | None = None
    unreachable_after_seconds: float | None = None
    validation_limit_seconds: float | None = None
    token_life_seconds: float | None = None
    hang_seconds: float | None = None
    result_after_min_seconds: float | None = None
    result_after_max_seconds: float | None = None
    bill_push_pause_seconds: float | None = None
    lock_after_failures: int | None = None
    rule_17: bool | None = None
    one_minute: bool | None = None
    ignored_block: bool | None = None
    strict_174379: bool | None = None
    strict_urls: bool | None = None
    register_once: bool | None = None
    pending_as_500: bool | None = None
    v1_plain_msisdn: bool | None = None
    portal_types: bool | None = None


def check_msisdn(msisdn: str) -> str:
    """The number itself when it is one in the wire form."""
    if not (msisdn.isascii() and msisdn.isdigit() and len(msisdn) == 12 and msisdn.startswith(("2547", "2541"))):
        raise BadOrderError("A phone number has 12 digits like 254712345678.", "bad_msisdn")
    return msisdn


def check_pin(simulator: Simulator, msisdn: str, pin: str | None) -> None:
    """Nothing when the PIN is right or was left out by a test."""
    if pin is not None and pin != simulator.world.phone(msisdn).pin:
        raise BadOrderError("Wrong PIN.", "bad_pin")


def menu_order(simulator: Simulator, *, number: str, msisdn: str, amount: int, account: str) -> Order:
    """A payment from the menu, checked as the phone's menu checks it."""
    check_msisdn(msisdn)
    shortcode = simulator.world.owner_of(number)
    if shortcode is None:
        raise BadOrderError(f"There is no paybill or till {number}.", "bad_number")
    if not 1 <= amount <= AMOUNT_MAX_SHILLINGS:
        raise BadOrderError(f"The amount is a whole number from 1 to {AMOUNT_MAX_SHILLINGS}.", "bad_amount")
    buy_goods = shortcode.kind == "till"
    if not buy_goods and not account.strip():
        raise BadOrderError("A paybill wants an account number.", "bad_account")
    return Order(shortcode, msisdn, amount * 100, "" if buy_goods else account, buy_goods)


def set_phone(simulator: Simulator, wanted: PhoneOrder) -> Phone:
    """Add or change a phone."""
    phone = simulator.world.phone(check_msisdn(wanted.msisdn))
    for name, value in msgspec.structs.asdict(wanted).items():
        if value is not None and name != "msisdn":
            setattr(phone, name, value)
    return phone


def ignore(simulator: Simulator, payment: Payment, *, at_once: bool = False) -> None:
    """Nobody answers: the prompt stays until its time is over, or ends now. The autopilot keeps its hands off."""
    payment.quiet()
    payment.ignored = True
    life_seconds = (payment.expires_at or payment.asked_at).timestamp() - simulator.clock.seconds()
    if at_once or life_seconds <= 0:
        simulator.prompts.settle(payment, results.NO_RESPONSE)
    else:
        alarm = simulator.clock.after(life_seconds, lambda: simulator.prompts.settle(payment, results.NO_RESPONSE))
        payment.alarms.append(alarm)


def autopilot_outcomes(mode: str) -> dict[str, float]:
    """The outcomes of a mode: none when it is off."""
    if mode in ("", "off"):
        return {}
    check_outcome(mode)
    return {mode: 1.0}


def set_autopilot(simulator: Simulator, outcomes: dict[str, float], answer_after_ms: int) -> None:
    """Who answers the prompts that come from now on."""
    for outcome, weight in outcomes.items():
        check_outcome(outcome)
        if not 0 <= weight < math.inf:
            raise BadOrderError("A weight is a number from 0.", "bad_fault")
    if outcomes and not sum(outcomes.values()):
        raise BadOrderError("At least one weight is above 0.", "bad_fault")
    simulator.world.autopilot = Autopilot(outcomes, min(max(0, answer_after_ms), DELAY_MAX_MS))


def add_fault(
    simulator: Simulator,
    *,
    kind: str,
    name: str,
    times: int | None,
    probability: float,
    delay_ms: int,
    msisdn: str,
    code: str | int = "",
    text: str = "",
) -> Fault:
    """Queue a fault. It strikes once, unless a number of times or a probability says otherwise."""
    if not 0 < probability <= 1:
        raise BadOrderError("A probability lies above 0 and is at most 1.", "bad_fault")
    if times is not None and times < 1:
        raise BadOrderError("A fault strikes at least once.", "bad_fault")
    if not 0 <= delay_ms <= DELAY_MAX_MS:
        raise BadOrderError(f"A delay is at most {DELAY_MAX_MS} ms.", "bad_fault")
    if times is None and probability == 1:
        times = 1
    _check_code(str(code), text)
    return simulator.faults.add(
        kind,
        name,
        times=times,
        probability=probability,
        delay_ms=delay_ms,
        msisdn=msisdn,
        code=str(code),
        text=text,
    )


def add_script(
    simulator: Simulator, *, kind: str, steps: list[str], delay_ms: int, code: str | int = "", text: str = ""
) -> list[Fault]:
    """One step for each of the next calls of a kind: the name of a fault, or nothing for a call that goes well."""
    if kind not in CATALOGUE or not 1 <= len(steps) <= STEPS_MAX:
        raise BadOrderError(f"A script has a kind of call and 1 to {STEPS_MAX} steps.", "bad_fault")
    unknown = next((name for name in steps if name and name not in CATALOGUE[kind]), None)
    if unknown is not None:
        raise BadOrderError(
            f"{kind} has no fault {unknown!r}; leave a step empty for a call that goes well.", "bad_fault"
        )
    if not 0 <= delay_ms <= DELAY_MAX_MS:
        raise BadOrderError(f"A delay is at most {DELAY_MAX_MS} ms.", "bad_fault")
    _check_code(str(code), text)
    first = simulator.faults.turn_of(kind) + 1
    return [
        simulator.faults.add(kind, name, delay_ms=delay_ms, code=str(code), text=text, turn=first + place)
        for place, name in enumerate(steps)
        if name
    ]


def _check_code(code: str, text: str) -> None:
    if code and not text and results.code_from(code) not in command_results.TEXTS:
        known = ", ".join(map(str, command_results.TEXTS))
        raise BadOrderError(
            f"No text is known for result code {code}. Give it one, or say one of {known}.", "bad_fault"
        )


def rules_view(simulator: Simulator) -> dict[str, Any]:
    """Every rule and its value."""
    return {name: getattr(simulator.world.rules, name) for name in RULE_NAMES}


def set_rules(simulator: Simulator, wanted: RulesOrder) -> None:
    """Change the rules that are named."""
    for name, value in msgspec.structs.asdict(wanted).items():
        if value is None:
            continue
        if not isinstance(value, bool) and not value > 0:
            raise BadOrderError(f"{name} is above 0.", "bad_rule")
        setattr(simulator.world.rules, name, value)
