"""Prompts for something else than an STK push: a standing order to approve, a till that pays a business.

The phone shows them in the same place and they end in the same ways; whoever asked decides what the end means.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from wakala.simulator import results
from wakala.simulator.prompts import Prompts
from wakala.simulator.results import Result
from wakala.simulator.world import Payment, Shortcode, World


@dataclass(frozen=True, slots=True)
class Question:
    """What the phone shows. ``identity`` tells this prompt from the next one on the same phone."""

    origin: Literal["standing_order", "b2b_express"]
    identity: str
    msisdn: str
    shortcode: Shortcode
    amount_cents: int
    account: str


class Errands:
    """Shows questions on phones, one at a time as with any prompt."""

    def __init__(self, world: World, prompts: Prompts) -> None:
        self._world = world
        self._prompts = prompts

    def ask(self, question: Question, ended: Callable[[Result], object]) -> None:
        """Show it, and say at its end how it ended. A phone that shows another prompt ends it with 1001 at once."""
        phone = self._world.phone(question.msisdn)
        if phone.live is not None:
            ended(results.LOCKED)
            return
        now = self._world.clock.now()
        prompt = Payment(
            number=self._world.new_payment_number(),
            origin=question.origin,
            shortcode=question.shortcode,
            phone=phone,
            amount_cents=question.amount_cents,
            account=question.account,
            asked_at=now,
            buy_goods=question.shortcode.kind == "till",
            party_b=question.shortcode.till or question.shortcode.number,
            checkout_id=question.identity,
            expires_at=now + timedelta(seconds=self._world.rules.prompt_life_seconds),
            blocked=self._prompts.is_blocked(phone),
            errand=ended,
        )
        phone.live = prompt
        self._world.live[prompt.number] = prompt
        self._prompts.start(prompt)
