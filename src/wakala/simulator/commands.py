"""What a business asks of M-Pesa through its operator: payouts, transfers, reversals and enquiries.

Each is accepted at once and answered later, at the merchant's ResultURL (daraja.md 2 and 3.3). These are the records;
``instructions`` reads them, ``office`` carries them out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from wakala.simulator.clock import Alarm
from wakala.simulator.results import Result

Kind = Literal["b2c", "b2pochi", "b2b", "tax", "transaction_status", "account_balance", "reversal"]

PAYOUTS = ("BusinessPayment", "SalaryPayment", "PromotionPayment")
POCHI = "BusinessPayToPochi"
TOP_UP = "BusinessPayToBulk"
DISBURSEMENT = "DisburseFundsToBusiness"
TAX = "PayTaxToKRA"
TAX_COLLECTOR = "572572"
"""The only receiver of taxes (daraja.md 2.11)."""

Item = dict[str, Any]
"""A Key with its Value, or a Key alone: results carry both kinds."""


def item(key: str, value: Any) -> Item:
    """One parameter of a result."""
    return {"Key": key, "Value": value}


@dataclass(frozen=True, slots=True)
class Instruction:
    """A request that passed every check of the synchronous answer. What its command does not use stays empty."""

    kind: Kind
    command_id: str
    initiator: str
    credential: str
    party_a: str
    result_url: str
    timeout_url: str
    occasion: str = ""
    amount_cents: int = 0
    party_b: str = ""
    account: str = ""  # AccountReference
    originator_id: str = ""  # as the merchant chose it
    party_a_type: str = "4"
    receipt: str = ""  # what a status query or a reversal is about
    original_id: str = ""  # the OriginatorConversationID that a status query is about
    side: Literal["daraja", "broker"] = "daraja"  # by which door it came; its result leaves by the same
    references: tuple[tuple[str, str], ...] = ()  # the Broker's ReferenceData, which returns with the result
    origin: str = ""  # the Broker's request without its header, in base64, for a queue time-out

    @property
    def msisdn(self) -> str:
        """The phone that is to be paid, for faults that strike one phone only."""
        return self.party_b if self.kind in ("b2c", "b2pochi") else ""


@dataclass(slots=True)
class Command:
    """An accepted instruction, from its acknowledgement to its result."""

    number: int
    asked: Instruction
    originator_id: str
    conversation_id: str
    asked_at: datetime
    result: Result | None = None
    reason: str = ""  # our sentence on a failure
    receipt: str = ""  # given when money moved, and to a payout for which it did not suffice
    charge: str = ""  # as results spell it
    settled_at: datetime | None = None
    timed_out: bool = False  # it expired in the queue, or was said to
    results_answered: int = 0
    alarms: list[Alarm] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether it did what was asked."""
        return self.result is not None and self.result.code == 0

    def quiet(self) -> None:
        """Cancel what still waits for this command."""
        for alarm in self.alarms:
            alarm.cancel()
        self.alarms.clear()


def no_parameters(_: int) -> list[Item]:
    """Failures mostly carry none."""
    return []


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. ``parameters`` takes the amount, because a fault may ask for a false one."""

    result: Result
    reason: str = ""
    parameters: Callable[[int], list[Item]] = no_parameters
