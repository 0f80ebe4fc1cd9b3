"""The STK Password, and which part of it is wrong.

M-Pesa answers every wrong Password with the same two words. Days are lost on that, so the simulator looks closer.
"""

import base64
import binascii
from functools import lru_cache

TIMESTAMP_LENGTH_CHARS = 14
SEEN_LATELY_MAX = 1_000
"""Passwords that were looked into: a merchant's is the same for a whole second, or for as long as it likes."""


def password(shortcode: str, passkey: str, timestamp: str) -> str:
    """base64 of the three, one after the other (daraja.md 5)."""
    return base64.b64encode(f"{shortcode}{passkey}{timestamp}".encode()).decode()


@lru_cache(SEEN_LATELY_MAX)
def fault_in(given: str, shortcode: str, passkey: str, timestamp: str) -> str | None:
    """A sentence that names the wrong part, or nothing when the Password is right. It never quotes the passkey."""
    decoded = _decode(given)
    if decoded is None:
        return "Password is not base64: it must be base64(BusinessShortCode + Passkey + Timestamp)."
    expected = f"{shortcode}{passkey}{timestamp}"
    if decoded == expected:
        return None
    if _decode(decoded) == expected:
        return "Password is encoded twice: encode BusinessShortCode + Passkey + Timestamp once."
    if not decoded.startswith(shortcode):
        return f"Password has another shortcode part: it must start with BusinessShortCode {shortcode}."
    return _fault_after_shortcode(decoded.removeprefix(shortcode), passkey, timestamp)


def _fault_after_shortcode(rest: str, passkey: str, timestamp: str) -> str:
    key, stamp = rest[:-TIMESTAMP_LENGTH_CHARS], rest[-TIMESTAMP_LENGTH_CHARS:]
    if key == passkey:
        return f"Password has another timestamp part: it ends in {stamp!r}, the field Timestamp says {timestamp!r}."
    if passkey in (_decode(key) or ""):
        return "Password has a passkey part that was pasted already encoded: use the passkey as it was e-mailed."
    if stamp != timestamp and rest.startswith(passkey):
        return f"Password has another timestamp part: {rest.removeprefix(passkey)!r} is not {timestamp!r}."
    if key.strip() == passkey:
        return "Password has another passkey part: whitespace was copied with the passkey."
    return "Password has another passkey part: it is not the passkey of this shortcode."


def _decode(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
