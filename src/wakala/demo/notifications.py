"""Checking a signed notification: Standard Webhooks 1.0.0, all that a shop needs of it.

The signature is HMAC-SHA256 over ``id.timestamp.body`` with the app's webhook secret, in base64. Several signatures
may stand in the header while a secret is being changed; one that fits is enough.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

TOLERANCE_S: Final = 300  # an older message may be a recorded one that somebody plays again


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str, now_s: float) -> bool:
    """True if whoever holds the secret signed exactly these bytes within the last five minutes."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (message_id and timestamp.isascii() and timestamp.isdigit()) or abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    given = (part.partition(",") for part in headers.get("webhook-signature", "").split(" "))
    fits = [hmac.compare_digest(signature.encode(), expected) for version, _, signature in given if version == "v1"]
    return any(fits)
