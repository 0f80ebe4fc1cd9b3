"""Notifications on their way: staged and attempted; how their endpoints do; the desk where both are looked after."""

from wakala.deliveries.deliveries import Deliveries
from wakala.deliveries.standing import Standing
from wakala.deliveries.validations import Validations

__all__ = ["Deliveries", "Standing", "Validations"]
