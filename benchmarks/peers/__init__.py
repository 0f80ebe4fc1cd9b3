"""What others built for the same job, measured in the same run as ours."""

from peers.shop_in_django import IN_FLIGHT, mainfinity

__all__ = ["IN_FLIGHT", "mainfinity"]
