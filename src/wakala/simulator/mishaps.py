"""What each fault does to a call that comes in. Faults of what goes out are the courier's business."""

from wakala.simulator import refusals
from wakala.simulator.exchange import Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.refusals import Refusal
from wakala.simulator.world import Payment

BEFORE_PROMPT = ("spike_arrest", "error_before_prompt", "hang_before_prompt")
AFTER_PROMPT = ("callback_first", "slow", "error_after_prompt", "hang_after_prompt")


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
        raise refusals.maintenance("Fault error_503 of kind token.")


def at_admission(simulator: Simulator, call: Incoming) -> None:
    """A good token is refused; an app must fetch another and try again."""
    if call.kind in ("stk_push", "stk_query") and _take(simulator, call, ("refused_token",)):
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


async def at_query(simulator: Simulator, call: Incoming, payment: Payment | None) -> None:
    """Trouble with the answer to a query."""
    msisdn = payment.phone.msisdn if payment is not None else ""
    struck = _take(simulator, call, ("slow", "hang", "error_500", "does_not_exist"), msisdn)
    if "slow" in struck:
        await simulator.clock.sleep(struck["slow"])
    if "hang" in struck:
        raise await _hang(simulator)
    if "error_500" in struck:
        raise refusals.internal_error("Fault error_500 of kind stk_query.")
    if "does_not_exist" in struck:
        raise refusals.no_such_transaction("Fault does_not_exist: the id exists all the same.")


def _take(simulator: Simulator, call: Incoming, names: tuple[str, ...], msisdn: str = "") -> dict[str, float]:
    """The faults that strike this call and their delay in seconds, noted for the call log."""
    struck = simulator.faults.take(call.kind, msisdn, names)
    call.faults.extend(struck)
    return {name: fault.delay_ms / 1000 for name, fault in struck.items()}


async def _hang(simulator: Simulator) -> Refusal:
    """Silence until the bounded end; a caller who is still there then gets an empty 504."""
    await simulator.clock.sleep(simulator.world.rules.hang_seconds)
    return Refusal(504, "", "", "A hung socket, which ended at its limit (rule hang_seconds).")
