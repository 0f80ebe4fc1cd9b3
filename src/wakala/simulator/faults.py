"""Things that go wrong on demand: for the next calls, now and then by a seeded chance, or call by call by a script."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from wakala.simulator.edge_faults import ANY, EDGE_FAULTS, PATH_KINDS, SERVICE_CALLBACKS

COMMAND_FAULTS = {
    "refused_token": "a good token is called invalid; nothing was made",
    "busy": "HTTP 500, System is busy; nothing was made",
    "duplicate_id": "HTTP 500, Duplicate OriginatorConversationID, for one that is new; nothing was made",
    "error_before": "HTTP 500, System internal error; nothing was made",
    "error_after": "HTTP 500, System internal error, and yet it is carried out",
    "hang_before": "the socket stays silent; nothing was made",
    "hang_after": "the socket stays silent, and it is carried out",
    "slow": "the answer takes its milliseconds; it is carried out meanwhile",
    "result_first": "the result is delivered before the synchronous answer",
    "refused": "accepted, and ends with the fault's result code; without one with 26, system busy",
    "queue_timeout": "accepted, and expires in the queue: a time-out notice and no result; nothing was made",
    "queue_timeout_then_result": "a time-out notice, and the result comes its milliseconds later all the same",
}
RESULT_FAULTS = {
    "lost": "never sent",
    "late": "sent after its milliseconds",
    "doubled": "sent twice",
    "reordered": "held back until the next one was sent",
    "malformed": "the body breaks off in the middle",
}
MONEY_RESULT_FAULTS = {**RESULT_FAULTS, "other_amount": "names another amount than was moved"}
"""What can go wrong with a business's commands, and with what is told about them."""

CATALOGUE: dict[str, dict[str, str]] = {
    "token": {
        "error_500": "no token: HTTP 500, System internal error",
        "error_503": "no token: HTTP 503, maintenance",
        "slow": "the answer takes its milliseconds",
        "hang": "the socket stays silent until its bounded end",
    },
    "stk_push": {
        "refused_token": "a good token is called invalid; nothing was made",
        "spike_arrest": "HTTP 500, Spike Arrest Violation; nothing was made",
        "error_before_prompt": "HTTP 500; nothing was made",
        "error_after_prompt": "HTTP 500, and yet the prompt is on the phone and can be paid",
        "hang_before_prompt": "the socket stays silent; nothing was made",
        "hang_after_prompt": "the socket stays silent, and the prompt is on the phone",
        "callback_first": "the callback is delivered before the synchronous answer",
        "slow": "the answer takes its milliseconds; the prompt is on the phone meanwhile",
    },
    "stk_query": {
        "refused_token": "a good token is called invalid",
        "does_not_exist": "an id that exists is said not to",
        "contradicts": "says the opposite of the callback: failed for what was paid, paid for what failed",
        "mixed_up": "the answer is that of another prompt, which was paid",
        "error_500": "HTTP 500, System internal error",
        "slow": "the answer takes its milliseconds",
        "hang": "the socket stays silent until its bounded end",
    },
    "stk_callback": {
        "lost": "never sent",
        "late": "sent after its milliseconds",
        "doubled": "sent twice",
        "reordered": "held back until the next one was sent",
        "other_amount": "names another amount than was paid",
        "malformed": "the body breaks off in the middle",
    },
    "c2b_confirmation": {
        "lost": "never sent",
        "late": "sent after its milliseconds",
        "doubled": "sent twice",
        "reordered": "held back until the next one was sent",
        "other_amount": "names another amount than was paid",
        "malformed": "the body breaks off in the middle",
    },
    "b2c": COMMAND_FAULTS,
    "b2c_result": MONEY_RESULT_FAULTS,
    "b2pochi": COMMAND_FAULTS,
    "b2pochi_result": MONEY_RESULT_FAULTS,
    "b2b": COMMAND_FAULTS,
    "b2b_result": MONEY_RESULT_FAULTS,
    "tax": COMMAND_FAULTS,
    "tax_result": MONEY_RESULT_FAULTS,
    "reversal": COMMAND_FAULTS,
    "reversal_result": MONEY_RESULT_FAULTS,
    "transaction_status": {
        **COMMAND_FAULTS,
        "not_found": "ends with 2033, receipt does not exist, for one that does",
    },
    "transaction_status_result": RESULT_FAULTS,
    "account_balance": COMMAND_FAULTS,
    "account_balance_result": RESULT_FAULTS,
    "broker_result": {
        "wrong_namespace": "the result comes in a namespace that nobody knows",
        "core_namespace": "the result comes in the core's own namespace, its document in none",
        "contradicted": "a second result follows that says the opposite",
    },
    "broker": {
        "soap_fault": "HTTP 500 with a SOAP fault; nothing was made",
        "soap_fault_after": "HTTP 500 with a SOAP fault, and yet it is carried out",
        "wrong_namespace": "the answer comes in namespaces that nobody knows",
        "cached": "the answer is 100000000, queued at the Broker; the result comes all the same",
    },
    "queue_timeout": {
        "lost": "never sent",
        "late": "sent after its milliseconds",
        "doubled": "sent twice",
        "empty": "sent without a body",
    },
}
CATALOGUE |= {kind: CATALOGUE.get(kind, {}) | EDGE_FAULTS for kind in PATH_KINDS} | {ANY: EDGE_FAULTS}
CATALOGUE |= SERVICE_CALLBACKS
"""What can go wrong where; the control API and the phone page list it from here."""

FAULTS_MAX = 1_000
"""Waiting faults of one simulator; a test that needs more wants a probability."""


@dataclass(slots=True)
class Fault:
    """One thing that is to go wrong: the next ``times`` matching calls, each with that probability."""

    number: int
    kind: str
    name: str
    times: int | None = 1  # None is without end
    probability: float = 1.0
    delay_ms: int = 0
    msisdn: str = ""  # only calls about this phone; empty is every phone
    code: str = ""  # the result code that a refusal ends with
    text: str = ""
    hits: int = 0
    turn: int = 0  # only this call of its kind, by a script; 0 is any

    @property
    def spent(self) -> bool:
        """Whether it has happened as often as it should."""
        return self.times is not None and self.hits >= self.times


class UnknownFaultError(ValueError):
    """The catalogue has no such kind or name, or the queue is full."""


class Faults:
    """The faults that wait, and the dice. One seed and one order of calls give one run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.clear()

    def clear(self) -> None:
        """Forget all faults and begin the seeded chance anew."""
        self._random = Random(self._seed)  # noqa: S311, a run must be repeatable
        self._waiting: list[Fault] = []
        self._count = 0
        self._turns: Counter[str] = Counter()

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """What may still happen."""
        return tuple(self._waiting)

    @property
    def any_waiting(self) -> bool:
        """Whether anything may still happen."""
        return bool(self._waiting)

    def add(
        self,
        kind: str,
        name: str,
        *,
        times: int | None = 1,
        probability: float = 1.0,
        delay_ms: int = 0,
        msisdn: str = "",
        code: str = "",
        text: str = "",
        turn: int = 0,
    ) -> Fault:
        """Queue a fault; raises UnknownFaultError when the catalogue lacks it."""
        if name not in CATALOGUE.get(kind, {}):
            raise UnknownFaultError(f"There is no fault {name!r} of kind {kind!r}. {_offer(kind)}")
        if len(self._waiting) >= FAULTS_MAX:
            raise UnknownFaultError(f"{FAULTS_MAX} faults wait already; use a probability instead.")
        self._count += 1
        fault = Fault(self._count, kind, name, times, probability, delay_ms, msisdn, code=code, text=text, turn=turn)
        self._waiting.append(fault)
        return fault

    def turn_of(self, kind: str) -> int:
        """How many calls of a kind there were."""
        return self._turns[kind]

    def begin(self, kind: str) -> None:
        """Count a call. What a script meant for an earlier one can strike no more."""
        self._turns[kind] += 1
        if self._waiting and any(fault.turn for fault in self._waiting):
            now = self._turns[kind]
            self._waiting = [fault for fault in self._waiting if fault.kind != kind or not 0 < fault.turn < now]

    def remove(self, number: int) -> bool:
        """Drop one fault; says whether it was there."""
        before = len(self._waiting)
        self._waiting = [fault for fault in self._waiting if fault.number != number]
        return len(self._waiting) < before

    def take(self, kind: str, msisdn: str = "", names: Iterable[str] | None = None) -> dict[str, Fault]:
        """The faults that strike this call, by name. Of two with one name the older strikes, the other waits.

        Calls that come in are counted by the edge; one that is asked about all its names at once is counted here.
        """
        if names is None:
            self.begin(kind)
        if not self._waiting:
            return {}
        wanted = CATALOGUE[kind] if names is None else set(names)
        struck: dict[str, Fault] = {}
        for fault in self._waiting:
            if fault.kind == kind and fault.name in wanted and self._strikes(fault, msisdn, struck):
                fault.hits += 1
                struck[fault.name] = fault
        if struck:
            self._waiting = [fault for fault in self._waiting if not fault.spent]
        return struck

    def _strikes(self, fault: Fault, msisdn: str, struck: dict[str, Fault]) -> bool:
        if fault.name in struck or (fault.msisdn and fault.msisdn != msisdn):
            return False
        if fault.turn and fault.turn != self._turns[fault.kind]:
            return False
        return fault.probability >= 1 or self._random.random() < fault.probability


def _offer(kind: str) -> str:
    names = CATALOGUE.get(kind)
    if names is None:
        return f"Kinds are {', '.join(CATALOGUE)}."
    return f"Of that kind there are {', '.join(names)}."
