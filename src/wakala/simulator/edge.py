"""The edge in front of every path: what its faults do before a call reaches its API, and to the answer on its way out.

A request that is merely slow or dies within its API is the business of ``mishaps``.
"""

from collections.abc import Callable

from msgspec.structs import replace

from wakala.simulator import refusals
from wakala.simulator.edge_faults import ANY, EDGE_FAULTS
from wakala.simulator.exchange import Answer, Api, Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.refusals import Refusal

NOTHING_MADE = "Fault {name} of the edge: nothing was made."
CARRIED_OUT = "Fault {name} of the edge: it was carried out all the same."

REFUSED: dict[str, Callable[[str], Refusal]] = {
    "spike_arrest": refusals.spike_arrest,
    "quota": refusals.quota,
    "too_many": refusals.raw_spike_arrest,
    "html_403": refusals.blocked_by_firewall,
    "empty": lambda reason: Refusal(400, "", "", reason),
    "maintenance": refusals.maintenance,
    "internal_error": refusals.internal_error,
}
LOST_ANSWERS: dict[str, Callable[[str], Refusal]] = {
    "answer_lost": refusals.generic_error,
    "answer_empty": lambda reason: Refusal(200, "", "", reason),
    "answer_hung": lambda reason: Refusal(504, "", "", reason),
}


def guarded(api: Api) -> Api:
    """The API behind the edge."""

    async def answer(simulator: Simulator, call: Incoming) -> Answer:
        struck = _struck(simulator, call)
        for name in struck:
            if name in REFUSED:
                raise REFUSED[name](NOTHING_MADE.format(name=name))
        if "hang" in struck:
            await simulator.clock.sleep(simulator.world.rules.hang_seconds)
            raise Refusal(504, "", "", NOTHING_MADE.format(name="hang"))
        said = await api(simulator, call)
        for name in struck:
            if name in LOST_ANSWERS:
                raise await _lost(simulator, name, said)
        return said

    return answer


def _struck(simulator: Simulator, call: Incoming) -> list[str]:
    """The names of the edge's faults that strike this call; those of its own path come after those of any."""
    simulator.faults.begin(ANY)
    simulator.faults.begin(call.kind)
    if not simulator.faults.any_waiting:
        return []
    struck = [
        *simulator.faults.take(ANY, names=EDGE_FAULTS),
        *simulator.faults.take(call.kind, names=EDGE_FAULTS),
    ]
    call.faults.extend(struck)
    return struck


async def _lost(simulator: Simulator, name: str, said: Answer) -> Refusal:
    refusal = LOST_ANSWERS[name](CARRIED_OUT.format(name=name))
    if name == "answer_hung":
        if said.after is not None:
            said.after()
        said = replace(said, after=None)
        await simulator.clock.sleep(simulator.world.rules.hang_seconds)
    refusal.after = said.after
    return refusal
