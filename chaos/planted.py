"""Faults that are planted on purpose: the test of the tester. Each swaps one method of the gateway for a broken one.

Nowhere else is our own code replaced in a test; here that is the point. The product's files know nothing of it: a fault
lives as long as its ``with`` block. Where a fault needs luck (every seventh commit), it counts, so that a seed replays.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

FAULTS: dict[str, Callable[[], AbstractContextManager[None]]] = {}
"""By name; see the README for what each of them breaks."""
