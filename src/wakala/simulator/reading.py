"""Reading JSON that a stranger wrote."""

from typing import TypeVar

import msgspec

Shape = TypeVar("Shape")


def decode(body: bytes, shape: type[Shape]) -> Shape:
    """The body in its shape; raises msgspec.DecodeError, also for a body that is nested deeper than Python can go."""
    try:
        return msgspec.json.decode(body, type=shape)
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None
