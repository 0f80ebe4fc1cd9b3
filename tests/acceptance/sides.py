"""Marks for what both of M-Pesa's sides promise: the same test, and nothing in it knows which one is used."""

import pytest

from wakala.rules.accounts import Side

both_sides = pytest.mark.parametrize("side", list(Side))
paying_out = pytest.mark.parametrize("pays_out", [True], ids=["payouts"])
