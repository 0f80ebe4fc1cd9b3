"""What the control API shows of the world: plain records for JSON, and for the checkers that read it."""

from typing import Any

from wakala.simulator.calls import Call
from wakala.simulator.commands import Command
from wakala.simulator.faults import CATALOGUE, Fault
from wakala.simulator.initiators import Initiator
from wakala.simulator.machine import RULE_NAMES, Simulator
from wakala.simulator.messages import shillings
from wakala.simulator.world import Payment, Phone, Shortcode

STATE_PAYMENTS_MAX = 50
"""The state shows the latest; the whole list has a cursor of its own."""

STATE_COMMANDS_MAX = 50
STATE_PHONES_MAX = 200
"""A load test makes thousands; the state shows the first."""


def state(simulator: Simulator) -> dict[str, Any]:
    """The whole world on one page."""
    world = simulator.world
    latest = [payment for payment, _ in zip(reversed(world.payments.values()), range(STATE_PAYMENTS_MAX), strict=False)]
    latest_commands = [
        command for command, _ in zip(reversed(world.commands.values()), range(STATE_COMMANDS_MAX), strict=False)
    ]
    phones = [phone for phone, _ in zip(world.phones.values(), range(STATE_PHONES_MAX), strict=False)]
    return {
        "now": simulator.clock.now().isoformat(),
        "clock_ahead_seconds": simulator.clock.ahead_seconds,
        "clock_stopped": simulator.clock.stopped,
        "seed": simulator.start_with.seed,
        "rules": {name: getattr(world.rules, name) for name in RULE_NAMES},
        "autopilot": {"outcomes": world.autopilot.outcomes, "answer_after_ms": world.autopilot.answer_after_ms},
        "shortcodes": [shortcode_view(each) for each in world.shortcodes.values()],
        "apps": [{"key": app.key, "shortcodes": sorted(app.shortcodes)} for app in world.apps.values()],
        "phones_count": len(world.phones),
        "phones": [phone_view(each) for each in phones],
        "prompts": [payment_view(each) for each in world.live.values()],
        "payments": [payment_view(each) for each in latest],
        "commands": [command_view(each) for each in latest_commands],
        "initiators": [initiator_view(each) for each in world.initiators.values()],
        "counters": counters(simulator),
        "faults": [fault_view(each) for each in simulator.faults.waiting],
    }


def counters(simulator: Simulator) -> dict[str, int]:
    """How many payments there are of each fate, over all that are remembered."""
    payments = simulator.world.payments.values()
    paid = sum(1 for payment in payments if payment.paid)
    pending = sum(1 for payment in payments if payment.result is None)
    return {
        "all": len(payments),
        "paid": paid,
        "pending": pending,
        "failed": len(payments) - paid - pending,
        "paid_cents": sum(payment.amount_cents for payment in payments if payment.paid),
        "callbacks_answered": sum(payment.callbacks_answered for payment in payments),
        "confirmations_answered": sum(payment.confirmations_answered for payment in payments),
    }


def payment_view(payment: Payment) -> dict[str, Any]:
    """One payment; ``state`` is pending, paid or failed."""
    result = payment.result
    return {
        "number": payment.number,
        "origin": payment.origin,
        "state": "pending" if result is None else "paid" if payment.paid else "failed",
        "checkout_request_id": payment.checkout_id,
        "merchant_request_id": payment.merchant_request_id,
        "shortcode": payment.shortcode.number,
        "msisdn": payment.phone.msisdn,
        "amount": shillings(payment.amount_cents),
        "amount_cents": payment.amount_cents,
        "account": payment.account,
        "result_code": None if result is None else result.code,
        "result_text": "" if result is None else result.text,
        "receipt": payment.receipt if payment.paid else "",
        "reversed_by": payment.reversed_by,
        "third_party_id": payment.third_party_id,
        "asked_at": payment.asked_at.isoformat(),
        "settled_at": payment.settled_at.isoformat() if payment.settled_at else None,
        "callback_url": payment.callback_url,
        "callbacks_answered": payment.callbacks_answered,
        "confirmations_answered": payment.confirmations_answered,
    }


def command_view(command: Command) -> dict[str, Any]:
    """One command; ``state`` is queued, done, failed or, when its result never comes, timed out."""
    asked, result = command.asked, command.result
    unsettled = "timed out" if command.timed_out else "queued"
    return {
        "number": command.number,
        "kind": asked.kind,
        "command_id": asked.command_id,
        "state": unsettled if result is None else "done" if command.done else "failed",
        "originator_conversation_id": command.originator_id,
        "conversation_id": command.conversation_id,
        "initiator": asked.initiator,
        "party_a": asked.party_a,
        "party_b": asked.party_b,
        "amount": shillings(asked.amount_cents),
        "amount_cents": asked.amount_cents,
        "account": asked.account,
        "about": asked.receipt or asked.original_id,
        "result_code": None if result is None else result.code,
        "result_text": "" if result is None else result.text,
        "reason": command.reason,
        "receipt": command.receipt,
        "charge": command.charge,
        "asked_at": command.asked_at.isoformat(),
        "settled_at": command.settled_at.isoformat() if command.settled_at else None,
        "result_url": asked.result_url,
        "timeout_url": asked.timeout_url,
        "timed_out": command.timed_out,
        "results_answered": command.results_answered,
    }


def initiator_view(initiator: Initiator) -> dict[str, Any]:
    """One operator; without a shortcode it acts for all."""
    return {
        "name": initiator.name,
        "shortcode": initiator.shortcode,
        "password": initiator.password,
        "roles": sorted(initiator.roles),
        "active": initiator.active,
        "locked": initiator.locked,
        "failures": initiator.failures,
    }


def accounts_view(shortcode: Shortcode) -> dict[str, Any]:
    """The accounts of one shortcode."""
    return {
        "number": shortcode.number,
        "accounts": dict(shortcode.accounts),
        "balances": {name: shillings(cents) for name, cents in shortcode.accounts.items()},
    }


def phone_view(phone: Phone) -> dict[str, Any]:
    """One phone. Its PIN is shown: nobody should have to guess it here."""
    return {
        "msisdn": phone.msisdn,
        "name": phone.name,
        "pin": phone.pin,
        "balance": shillings(phone.balance_cents),
        "balance_cents": phone.balance_cents,
        "switch": phone.switch,
        "low_balance": phone.low_balance,
        "never_answers": phone.never_answers,
        "registered": phone.registered,
        "pochi_cents": phone.pochi_cents,
        "prompt": payment_view(phone.live) if phone.live else None,
    }


def shortcode_view(shortcode: Shortcode) -> dict[str, Any]:
    """One shortcode with the passkey that a merchant needs for it."""
    urls = shortcode.urls
    return {
        "number": shortcode.number,
        "name": shortcode.name,
        "kind": shortcode.kind,
        "till": shortcode.till,
        "passkey": shortcode.passkey,
        "balance": shillings(shortcode.balance_cents),
        "balance_cents": shortcode.balance_cents,
        "accounts": dict(shortcode.accounts),
        "active": shortcode.active,
        "b2c": shortcode.b2c,
        "external_validation": shortcode.external_validation,
        "urls": None
        if urls is None
        else {
            "confirmation": urls.confirmation,
            "validation": urls.validation,
            "response_type": urls.response_type,
            "version": urls.version,
        },
    }


def fault_view(fault: Fault) -> dict[str, Any]:
    """One fault that waits."""
    return {
        "number": fault.number,
        "kind": fault.kind,
        "name": fault.name,
        "means": CATALOGUE[fault.kind][fault.name],
        "times": fault.times,
        "probability": fault.probability,
        "delay_ms": fault.delay_ms,
        "msisdn": fault.msisdn,
        "code": fault.code,
        "text": fault.text,
        "turn": fault.turn,
        "hits": fault.hits,
    }


def call_view(call: Call) -> dict[str, Any]:
    """One call, in or out."""
    return {
        "number": call.number,
        "at": call.at.isoformat(),
        "direction": call.direction,
        "kind": call.kind,
        "method": call.method,
        "target": call.target,
        "request": call.request,
        "status": call.status,
        "answer": call.answer,
        "reason": call.reason,
        "took_ms": call.took_ms,
        "faults": list(call.faults),
    }
