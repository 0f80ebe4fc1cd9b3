"""Organisations' accounts as M-Pesa spells them (daraja.md 2.9 and 2.13), and what it charges (7.7)."""

from bisect import bisect_left

from wakala.simulator.messages import shillings
from wakala.simulator.world import CHARGES, AccountName, Shortcode

BUSINESS_FEES = (
    (49, 2),
    (100, 3),
    (500, 8),
    (1_000, 13),
    (1_500, 18),
    (2_500, 25),
    (3_500, 30),
    (5_000, 39),
    (7_500, 48),
    (10_000, 54),
    (15_000, 63),
    (20_000, 68),
    (25_000, 74),
    (30_000, 79),
    (35_000, 90),
    (40_000, 106),
    (45_000, 110),
)
BUSINESS_FEE_ABOVE = 115
PAYOUT_FEES = ((100, 0), (1_500, 5), (5_000, 9), (20_000, 11))
PAYOUT_FEE_ABOVE = 13
"""Up to an amount, its fee, in shillings (daraja.md 7.7)."""


def business_fee_cents(amount_cents: int) -> int:
    """What a business pays for paying another."""
    return _fee_cents(amount_cents, BUSINESS_FEES, BUSINESS_FEE_ABOVE)


def payout_fee_cents(amount_cents: int) -> int:
    """What a business pays for paying a customer."""
    return _fee_cents(amount_cents, PAYOUT_FEES, PAYOUT_FEE_ABOVE)


def charge(shortcode: Shortcode, fee_cents: int, name: str) -> str:
    """Write a fee to the Charges Paid account, which sinks below zero until it is settled; its string in results."""
    shortcode.accounts[CHARGES] -= fee_cents
    return f"{name}|KES|{shillings(fee_cents)}"


def line(name: AccountName, cents: int) -> str:
    """Six fields: name, currency, current, available, reserved, uncleared. Nothing is ever held back here."""
    return f"{name}|KES|{shillings(cents)}|{shillings(cents)}|0.00|0.00"


def lines(shortcode: Shortcode) -> str:
    """All accounts of an organisation, joined as in a balance result."""
    return "&".join(line(name, cents) for name, cents in shortcode.accounts.items())


def java_map(cents: int) -> str:
    """A balance as M-Pesa's Java prints it; MinimumAmount is cents (daraja.md 2.9)."""
    amount = f"CurrencyCode=KES, MinimumAmount={cents}, BasicAmount={shillings(cents)}"
    return "{Amount={" + amount + "}}"


def _fee_cents(amount_cents: int, tiers: tuple[tuple[int, int], ...], above: int) -> int:
    place = bisect_left(tiers, amount_cents, key=lambda tier: tier[0] * 100)
    return (tiers[place][1] if place < len(tiers) else above) * 100
