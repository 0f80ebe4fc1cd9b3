"""Wakala: the self-hosted M-Pesa gateway."""

__version__ = "0.1.0"
