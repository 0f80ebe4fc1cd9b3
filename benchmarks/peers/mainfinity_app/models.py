"""The library's models are abstract; a shop makes them its own."""

from django_mpesa.models import AbstractMpesaCallbackLog, AbstractMpesaTransaction


class Transaction(AbstractMpesaTransaction):
    """A payment."""


class CallbackLog(AbstractMpesaCallbackLog):
    """A callback as it came."""
