"""Reading JSON that a stranger wrote."""

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

Shape = TypeVar("Shape")


def decode(body: bytes, shape: type[Shape]) -> Shape:
    """The body in its shape; raises msgspec.DecodeError, also for a body that is nested deeper than Python can go."""
    try:
        value: Shape = _decoder(cast("Hashable", shape)).decode(body)
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None
    return value


@cache
def _decoder(shape: Hashable) -> msgspec.json.Decoder[Any]:
    """One for each shape that the code names: to make one takes as long as to read a small body."""
    return msgspec.json.Decoder(cast("type[Any]", shape))
