"""M-Pesa's back office: takes commands, carries each out some seconds later, and tells the merchant (daraja.md 3.3)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from wakala.simulator import (
    authority,
    enquiries,
    envelopes,
    identifiers,
    messages,
    payouts,
    refusals,
    reversals,
    transfers,
)
from wakala.simulator.broker import telling
from wakala.simulator.callbacks import Courier, Letter
from wakala.simulator.certificate import Certificate
from wakala.simulator.commands import Command, Instruction, Kind, Outcome
from wakala.simulator.results import Result
from wakala.simulator.world import WORKING, World

CARRY_OUT: dict[Kind, Callable[[World, Command], Outcome]] = {
    "b2c": payouts.pay_out,
    "b2pochi": payouts.pay_out,
    "b2b": transfers.transfer,
    "tax": transfers.transfer,
    "transaction_status": enquiries.tell_status,
    "account_balance": enquiries.tell_balance,
    "reversal": reversals.reverse,
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What was ordered to become of a command instead of its natural end."""

    result: Result | None = None
    timed_out: bool = False  # a notice to the QueueTimeOutURL
    late_after_seconds: float | None = None  # and yet it is carried out that long after the notice


AS_USUAL = Fate()


class Office:
    """Accepts commands, and ends each exactly once."""

    def __init__(self, world: World, courier: Courier, certificate: Certificate) -> None:
        self._world = world
        self._courier = courier
        self._certificate = certificate
        self._tasks: set[asyncio.Task[None]] = set()

    def drop_all(self) -> None:
        """Forget what is under way, for a reset."""
        for task in self._tasks:
            task.cancel()
        for command in self._world.commands.values():
            command.quiet()

    def accept(self, asked: Instruction) -> Command:
        """A command that waits in the queue. Its OriginatorConversationID is spent for ever, within its shortcode."""
        if asked.originator_id and self._world.command_of(asked.party_a, asked.originator_id) is not None:
            raise refusals.duplicate_originator(asked.originator_id, asked.party_a)
        now = self._world.clock.now()
        command = Command(
            number=self._world.new_command_number(),
            asked=asked,
            originator_id=asked.originator_id or self._world.next_request_id(),
            conversation_id=identifiers.conversation_id(now, self._world.random),
            asked_at=now,
        )
        self._world.remember_command(command)
        return command

    def start(self, command: Command, fate: Fate = AS_USUAL) -> None:
        """Let the command take its seconds and then its end."""
        rules = self._world.rules
        shortest_seconds = min(rules.result_after_min_seconds, rules.result_after_max_seconds)
        delay_seconds = self._world.random.uniform(shortest_seconds, rules.result_after_max_seconds)
        command.alarms.append(self._world.clock.after(delay_seconds, lambda: self._end(command, fate)))

    async def end_now(self, command: Command, fate: Fate = AS_USUAL) -> None:
        """End it at once and see the merchant told: for a result that overtakes the answer."""
        await asyncio.wait([self._end(command, fate)])

    def _end(self, command: Command, fate: Fate) -> asyncio.Future[None]:
        command.quiet()  # its alarm has rung, or a fault was faster
        if not fate.timed_out:
            return self._carry_out(command, fate)
        command.timed_out = True
        notice = self._send_notice(command)
        if fate.late_after_seconds is not None:
            task = asyncio.create_task(self._carry_out_late(command, fate, notice))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return notice

    async def _carry_out_late(self, command: Command, fate: Fate, notice: asyncio.Future[None]) -> None:
        due_seconds = self._world.clock.seconds() + (fate.late_after_seconds or 0)
        await asyncio.wait([notice])
        await self._world.clock.sleep(max(0.0, due_seconds - self._world.clock.seconds()))
        self._carry_out(command, fate)

    def _carry_out(self, command: Command, fate: Fate) -> asyncio.Future[None]:
        command.settled_at = self._world.clock.now()
        outcome = self._outcome(command, fate)
        command.result, command.reason = outcome.result, outcome.reason
        told = self._send_result(command, outcome)
        if command.done and command.asked.kind in ("b2b", "tax"):
            self._tell_receiver(command)
        return told

    def _outcome(self, command: Command, fate: Fate) -> Outcome:
        if fate.result is not None:
            return Outcome(fate.result, "Ordered by a fault.")
        denied = authority.denial(self._world, self._certificate, command.asked)
        return denied or CARRY_OUT[command.asked.kind](self._world, command)

    def _send_result(self, command: Command, outcome: Outcome) -> asyncio.Future[None]:
        def count() -> None:
            command.results_answered += 1

        portal_types, is_broker = self._world.rules.portal_types, command.asked.side == "broker"
        letter = Letter(
            kind=f"{command.asked.kind}_result",
            url=command.asked.result_url,
            msisdn=command.asked.msisdn,
            amount_cents=command.asked.amount_cents,
            write=(
                (lambda amount_cents: telling.result(command, outcome, amount_cents))
                if is_broker
                else (lambda amount_cents: envelopes.result(command, outcome, amount_cents, portal_types=portal_types))
            ),
            headers=telling.HEADERS if is_broker else {},
            answered=count,
            reason=outcome.reason,
            also="broker_result" if is_broker else "",
            judge=telling.fault_in_acknowledgement if is_broker else None,
            variants=telling.variants(command, outcome) if is_broker else {},
        )
        return self._courier.dispatch(letter)

    def _send_notice(self, command: Command) -> asyncio.Future[None]:
        is_broker = command.asked.side == "broker"
        letter = Letter(
            kind="queue_timeout",
            url=command.asked.timeout_url,
            msisdn=command.asked.msisdn,
            amount_cents=command.asked.amount_cents,
            write=lambda _: telling.queue_timeout(command) if is_broker else envelopes.queue_timeout(command),
            headers=telling.HEADERS if is_broker else {},
            answered=_nothing,
            judge=telling.fault_in_acknowledgement if is_broker else None,
            reason="A queue time-out tells nothing about what became of the command.",
        )
        return self._courier.dispatch(letter)

    def _tell_receiver(self, command: Command) -> None:
        """A business that is paid into its collecting account hears of it as of any C2B payment (daraja.md 2.5)."""
        payer, receiver = self._world.shortcodes[command.asked.party_a], transfers.receiver_of(self._world, command)
        move = transfers.move_of(command.asked.command_id)
        if receiver is None or receiver.urls is None or receiver is payer or move.credit == WORKING:
            return
        letter = Letter(
            kind="c2b_confirmation",
            url=receiver.urls.confirmation,
            msisdn="",
            amount_cents=command.asked.amount_cents,
            write=lambda amount_cents: messages.transfer_notice(command, payer, receiver, amount_cents),
            headers={},
            answered=_nothing,
        )
        self._courier.dispatch(letter)


def _nothing() -> None:
    """Nobody counts this letter."""
