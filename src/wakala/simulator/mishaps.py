"""What each fault does to a call that comes in. Faults of what goes out are the courier's business."""

from collections.abc import Collection

from wakala.simulator import command_results, refusals, results
from wakala.simulator.commands import Command, Instruction
from wakala.simulator.exchange import Incoming
from wakala.simulator.faults import CATALOGUE, Fault
from wakala.simulator.machine import Simulator
from wakala.simulator.office import AS_USUAL, Fate
from wakala.simulator.refusals import Refusal
from wakala.simulator.world import Payment

BEFORE_PROMPT = ("spike_arrest", "error_before_prompt", "hang_before_prompt")
AFTER_PROMPT = ("callback_first", "slow", "error_after_prompt", "hang_after_prompt")
BEFORE_COMMAND = ("hang_before", "busy", "error_before", "duplicate_id")
FATES = ("refused", "not_found", "queue_timeout", "queue_timeout_then_result")
AFTER_COMMAND = ("result_first", "slow", "error_after", "hang_after")


async def at_token(simulator: Simulator, call: Incoming) -> None:
    """Trouble at the token endpoint; raises what the caller is to see."""
    struck = _take(simulator, call, ("slow", "error_500", "error_503", "hang"))
    if "slow" in struck:
        await simulator.clock.sleep(struck["slow"])
    if "hang" in struck:
        raise await _hang(simulator)
    if "error_500" in struck:
        raise refusals.internal_error("Fault error_500 of kind token.")
    if "error_503" in struck:
        raise refusals.maintenance("Fault error_503 of kind token.", status=503)


def at_admission(simulator: Simulator, call: Incoming) -> None:
    """A good token is refused; an app must fetch another and try again."""
    if not simulator.faults.any_waiting or "refused_token" not in CATALOGUE.get(call.kind, {}):
        return
    if _take(simulator, call, ("refused_token",)):
        raise refusals.invalid_token("Fault refused_token: the token is good; fetch another and try again.")


async def before_prompt(simulator: Simulator, call: Incoming, msisdn: str) -> None:
    """Trouble that leaves no prompt behind."""
    struck = _take(simulator, call, BEFORE_PROMPT, msisdn)
    if "hang_before_prompt" in struck:
        raise await _hang(simulator)
    if "spike_arrest" in struck:
        raise refusals.spike_arrest("Fault spike_arrest: nothing was made.")
    if "error_before_prompt" in struck:
        raise refusals.internal_error("Fault error_before_prompt: nothing was made.")


async def after_prompt(simulator: Simulator, call: Incoming, payment: Payment) -> bool:
    """Trouble around a prompt that exists. Says whether the prompt was already sent on its way."""
    struck = _take(simulator, call, AFTER_PROMPT, payment.phone.msisdn)
    if "error_after_prompt" in struck:
        refusal = refusals.internal_error("Fault error_after_prompt: the prompt exists all the same.")
        refusal.after = lambda: simulator.prompts.start(payment)
        raise refusal
    if "callback_first" in struck:
        await simulator.prompts.settle_and_call_back(payment)
    elif struck:
        simulator.prompts.start(payment)
    if "slow" in struck:
        await simulator.clock.sleep(struck["slow"])
    if "hang_after_prompt" in struck:
        raise await _hang(simulator)
    return bool(struck)


async def at_query(simulator: Simulator, call: Incoming, payment: Payment | None) -> Collection[str]:
    """Trouble with the answer to a query; the faults that are in what it says are for who writes it."""
    msisdn = payment.phone.msisdn if payment is not None else ""
    struck = _take(simulator, call, ("slow", "hang", "error_500", "does_not_exist", "contradicts", "mixed_up"), msisdn)
    if "slow" in struck:
        await simulator.clock.sleep(struck["slow"])
    if "hang" in struck:
        raise await _hang(simulator)
    if "error_500" in struck:
        raise refusals.internal_error("Fault error_500 of kind stk_query.")
    if "does_not_exist" in struck:
        raise refusals.no_such_transaction("Fault does_not_exist: the id exists all the same.")
    return struck


async def before_command(simulator: Simulator, call: Incoming, asked: Instruction) -> None:
    """Trouble that leaves no command behind."""
    struck = _take(simulator, call, BEFORE_COMMAND, asked.msisdn)
    if "hang_before" in struck:
        raise await _hang(simulator)
    if "busy" in struck:
        raise refusals.system_busy("Fault busy: nothing was made.")
    if "error_before" in struck:
        raise refusals.internal_error("Fault error_before: nothing was made.")
    if "duplicate_id" in struck:
        refusal = refusals.duplicate_originator(asked.originator_id, asked.party_a)
        refusal.reason = "Fault duplicate_id: the identifier is new; nothing was made."
        raise refusal


def fate_of(simulator: Simulator, call: Incoming, asked: Instruction) -> Fate:
    """What a fault made of this command's end; of several the one that was ordered first in ``FATES`` holds."""
    struck = simulator.faults.take(call.kind, asked.msisdn, FATES)
    call.faults.extend(struck)
    if "refused" in struck:
        return Fate(result=_ordered_result(struck["refused"]))
    if "not_found" in struck:
        return Fate(result=command_results.NO_SUCH_RECEIPT)
    if "queue_timeout" in struck:
        return Fate(timed_out=True)
    if "queue_timeout_then_result" in struck:
        return Fate(timed_out=True, late_after_seconds=struck["queue_timeout_then_result"].delay_ms / 1000)
    return AS_USUAL


async def after_command(simulator: Simulator, call: Incoming, command: Command, fate: Fate) -> bool:
    """Trouble around a command that exists. Says whether it was already sent on its way."""
    struck = _take(simulator, call, AFTER_COMMAND, command.asked.msisdn)
    if "error_after" in struck:
        refusal = refusals.internal_error("Fault error_after: it is carried out all the same.")
        refusal.after = lambda: simulator.office.start(command, fate)
        raise refusal
    if "result_first" in struck:
        await simulator.office.end_now(command, fate)
    elif struck:
        simulator.office.start(command, fate)
    if "slow" in struck:
        await simulator.clock.sleep(struck["slow"])
    if "hang_after" in struck:
        raise await _hang(simulator)
    return bool(struck)


def _ordered_result(fault: Fault) -> results.Result:
    if not fault.code:
        return command_results.BUSY
    return command_results.command_result(results.code_from(fault.code), fault.text)


def _take(simulator: Simulator, call: Incoming, names: tuple[str, ...], msisdn: str = "") -> dict[str, float]:
    """The faults that strike this call and their delay in seconds, noted for the call log."""
    struck = simulator.faults.take(call.kind, msisdn, names)
    if not struck:
        return {}
    call.faults.extend(struck)
    return {name: fault.delay_ms / 1000 for name, fault in struck.items()}


async def _hang(simulator: Simulator) -> Refusal:
    """Silence until the bounded end; a caller who is still there then gets an empty 504."""
    await simulator.clock.sleep(simulator.world.rules.hang_seconds)
    return Refusal(504, "", "", "A hung socket, which ended at its limit (rule hang_seconds).")
