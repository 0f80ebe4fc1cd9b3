"""Whether the operator behind a command may give it: asked before any money is looked at (daraja.md 4.2 and 5)."""

from wakala.simulator import command_results
from wakala.simulator.certificate import Certificate
from wakala.simulator.commands import Instruction, Outcome
from wakala.simulator.initiators import Initiator, role_for
from wakala.simulator.world import Shortcode, World

MSISDN_TYPE = "1"
SHORTCODE_TYPE = "4"


def organisation(world: World, asked: Instruction) -> Shortcode | None:
    """The organisation that asks. A status query may name a phone instead, which belongs to none."""
    if asked.party_a_type == MSISDN_TYPE:
        return None
    if asked.party_a_type == SHORTCODE_TYPE:
        return world.shortcodes.get(asked.party_a)
    return world.owner_of(asked.party_a)


def denial(world: World, certificate: Certificate, asked: Instruction) -> Outcome | None:
    """The result that the operator earns instead of what was asked; None when it may."""
    shortcode = organisation(world, asked)
    if shortcode is None and asked.party_a_type != MSISDN_TYPE:
        return Outcome(command_results.NO_SUCH_OPERATOR, f"There is no shortcode {asked.party_a} here.")
    initiator = _initiator(world, shortcode, asked.initiator)
    if initiator is None:
        return _stranger(world, asked)
    return _locked_or_wrong(world, certificate, initiator, asked) or _without_rights(initiator, asked)


def _initiator(world: World, shortcode: Shortcode | None, name: str) -> Initiator | None:
    if shortcode is not None:
        return world.initiator(shortcode.number, name)
    return next((each for each in world.initiators.values() if each.name == name), None)


def _stranger(world: World, asked: Instruction) -> Outcome:
    if world.knows_initiator(asked.initiator):
        reason = f"Initiator {asked.initiator!r} is no operator of {asked.party_a}."
        return Outcome(command_results.NO_SUCH_OPERATOR, reason)
    return Outcome(command_results.BAD_CREDENTIAL, f"Nobody knows an initiator {asked.initiator!r}.")


def _locked_or_wrong(
    world: World, certificate: Certificate, initiator: Initiator, asked: Instruction
) -> Outcome | None:
    if initiator.locked:
        return Outcome(command_results.INITIATOR_LOCKED, f"Initiator {initiator.name} is locked; unlock it here.")
    password = certificate.read(asked.credential)
    if password is not None and password != initiator.password:
        locked_now = initiator.fail(world.rules.lock_after_failures)
        reason = f"SecurityCredential holds another password than initiator {initiator.name}'s."
        if locked_now:
            reason += " That was once too often: the initiator is locked now."
        return Outcome(command_results.BAD_CREDENTIAL, reason)
    initiator.failures = 0
    return None


def _without_rights(initiator: Initiator, asked: Instruction) -> Outcome | None:
    if not initiator.active:
        return Outcome(command_results.INITIATOR_INACTIVE, f"Initiator {initiator.name} is not active.")
    role = role_for(asked)
    if role not in initiator.roles:
        return Outcome(command_results.NO_ROLE, f"Initiator {initiator.name} lacks the role {role!r}.")
    return None
