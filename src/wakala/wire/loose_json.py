"""JSON from outside, read without ever raising anything but "this is not an object".

M-Pesa's texts are mostly ASCII, but names are typed by people: one broken byte in a name must not lose a payment, nor
must half a character or a line break in it.
"""

import json
import re

import msgspec

_decode = msgspec.json.Decoder().decode
NUMBER_LIMIT = 10**30  # far above any identifier; Python refuses to spell integers of thousands of digits

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"  # JSON's own
_DOUBTFUL = re.compile(rb"[\x00-\x1f]|\\u[dD][89a-fA-F]")  # halves of a character are spelled so; most are whole ones
_HALF = re.compile("[\ud800-\udfff]")


def read_object(body: bytes) -> dict[str, object] | None:
    """The JSON object in these bytes, or None where there is none. Bytes that are no UTF-8 become U+FFFD."""
    try:
        read = _decode(body)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        read = _second_try(body)
    return read if isinstance(read, dict) else None


def mended(body: bytes) -> bytes:
    """The same bytes as strict readers take them: UTF-8, and neither a byte-order mark before it nor blanks around it.

    With blanks it could not be signed: where it stands inside other JSON, as in the list of notifications, they go.
    Control characters in a text are spelled, and half a character becomes U+FFFD.
    """
    plain = body.removeprefix(_BYTE_ORDER_MARK).strip(_BLANKS).decode(errors="replace").encode()
    return _respelled(plain) if _DOUBTFUL.search(plain) else plain


def _respelled(plain: bytes) -> bytes:
    try:
        _decode(plain)
    except (ValueError, RecursionError):
        pass
    else:
        return plain
    try:
        read = json.loads(plain.decode(), strict=False)
    except (ValueError, RecursionError):
        return plain
    return _HALF.sub("\ufffd", json.dumps(read, ensure_ascii=False)).encode()


def inner(outer: dict[str, object], name: str) -> dict[str, object] | None:
    """The object under this name, or None."""
    found = outer.get(name)
    return found if isinstance(found, dict) else None


def text(value: object) -> str | None:
    """A scalar as M-Pesa might as well have written it: 17, 17.0 and "17" are one text. None for anything else.

    Null characters become U+FFFD: PostgreSQL takes none, and one in a name must not lose a payment.
    """
    match value:
        case str():
            return value.replace("\x00", "\ufffd").strip()
        case bool():
            return None
        case int() if abs(value) < NUMBER_LIMIT:
            return str(value)
        case float() if value.is_integer() and abs(value) < NUMBER_LIMIT:
            return str(int(value))
        case float():
            return repr(value)
        case _:
            return None


def _second_try(body: bytes) -> object:
    again = mended(body)
    if again == body:
        return None
    try:
        return _decode(again)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return None
