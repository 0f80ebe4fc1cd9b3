"""Daraja's HTTP face for what a business asks itself: payouts, transfers, reversals, status and balance.

The answer says only that the command is queued (daraja.md 2). What becomes of it is told to the ResultURL.
"""

from collections.abc import Callable

from wakala.simulator import instructions, mishaps, refusals
from wakala.simulator.commands import Command, Instruction, Kind
from wakala.simulator.daraja import admitted, fields_of
from wakala.simulator.exchange import Answer, Api, Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.requests import Fields

ACCEPTED = "Accept the service request successfully."

Read = Callable[[Fields, bool], Instruction]


def payout(kind: Kind, *, versioned: bool = True) -> Api:
    """B2C and B2Pochi (daraja.md 2.6 and 2.7)."""

    def read(fields: Fields, strict_urls: bool) -> Instruction:
        return instructions.read_payout(fields, kind=kind, versioned=versioned, strict_urls=strict_urls)

    return _command(read)


def transfer(kind: Kind) -> Api:
    """B2B with the top-up, and taxes (daraja.md 2.9 to 2.11)."""

    def read(fields: Fields, strict_urls: bool) -> Instruction:
        return instructions.read_transfer(fields, kind=kind, strict_urls=strict_urls)

    return _command(read)


def status() -> Api:
    """What became of a transaction (daraja.md 2.12)."""
    return _command(lambda fields, strict_urls: instructions.read_status(fields, strict_urls=strict_urls))


def balance() -> Api:
    """What lies in the accounts (daraja.md 2.13)."""
    return _command(lambda fields, strict_urls: instructions.read_balance(fields, strict_urls=strict_urls))


def reversal() -> Api:
    """A customer's payment back (daraja.md 2.14)."""
    return _command(lambda fields, strict_urls: instructions.read_reversal(fields, strict_urls=strict_urls))


def _command(read: Read) -> Api:
    async def answer(simulator: Simulator, call: Incoming) -> Answer:
        app = admitted(simulator, call)
        asked = read(fields_of(call), simulator.world.rules.strict_urls)
        if asked.party_a in simulator.world.shortcodes and not app.may_use(asked.party_a):
            raise refusals.no_such_product(f"The app of this token may not use shortcode {asked.party_a}.")
        await mishaps.before_command(simulator, call, asked)
        command = simulator.office.accept(asked)
        fate = mishaps.fate_of(simulator, call, asked)
        if await mishaps.after_command(simulator, call, command, fate):
            return Answer(_acknowledgement(command))
        return Answer(_acknowledgement(command), after=lambda: simulator.office.start(command, fate))

    return answer


def _acknowledgement(command: Command) -> dict[str, str]:
    return {
        "OriginatorConversationID": command.originator_id,
        "ConversationID": command.conversation_id,
        "ResponseCode": "0",
        "ResponseDescription": ACCEPTED,
    }
