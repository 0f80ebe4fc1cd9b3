"""Notifications on their way: staged and attempted; how their endpoints do; the desk where both are looked after."""

from wakala.deliveries.deliveries import Deliveries
from wakala.deliveries.standing import Standing

__all__ = ["Deliveries", "Standing"]
