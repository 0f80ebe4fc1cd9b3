"""Digests and signatures: bytes in, bytes out. Keys, times and IDs are arguments."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that Standard Webhooks gives to symmetric keys, not a key
PRIVATE_PREFIX = "whsk_"  # and to the private half of an asymmetric pair
PUBLIC_PREFIX = "whpk_"
ED25519_SEED_BYTES = 32
MAC_LENGTH_CHARS = 32  # 128 bits as hex: unguessable, and hex cannot spell one of M-Pesa's forbidden words


def app_digest(consumer_key: str, consumer_secret: str) -> str:
    """Proxy API's credential: lower-case hex SHA3-256 of ``key:secret``. It is what callers send as X-Authorization."""
    return hashlib.sha3_256(f"{consumer_key}:{consumer_secret}".encode()).hexdigest()


def stored_digest(digest: str) -> bytes:
    """What the journal keeps of an app's digest: its SHA-256. Enough to recognise the caller, useless to a thief."""
    return hashlib.sha256(digest.encode()).digest()


def mac(key: bytes, purpose: str, subject: str) -> str:
    """An unguessable path segment that proves ``subject`` came from us; nothing needs to be stored for it."""
    return _hmac(key, f"{purpose}\0{subject}".encode()).hex()[:MAC_LENGTH_CHARS]


def _hmac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256. Half of a short one is the key, and that half is done once a key."""
    begun = _keyed(key).copy()
    begun.update(message)
    return begun.digest()


@lru_cache(maxsize=1024)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")


def same(left: str, right: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def access_token(key: bytes, secret_id: str, expires_s: int) -> str:
    """A bearer token that needs no row: the secret that bought it, expiry (Unix seconds) and a MAC over both."""
    claim = f"{secret_id}.{expires_s:x}"
    return f"{claim}.{mac(key, 'token', claim)}"


def secret_of_token(key: bytes, token: str, now_s: int) -> str | None:
    """The secret's ID inside a token that is ours and not yet expired."""
    claim, _, given = token.rpartition(".")
    secret_id, _, expiry = claim.rpartition(".")
    if not secret_id or not same(given, mac(key, "token", claim)):
        return None
    return secret_id if int(expiry, 16) > now_s else None


def webhook_key(secret: str) -> bytes:
    """The key bytes of a ``whsec_...`` secret."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("A webhook secret is whsec_ followed by base64.") from None


def webhook_signature(key: bytes, notification_id: str, timestamp_s: int, body: bytes) -> str:
    """The ``webhook-signature`` header of Standard Webhooks 1.0.0: HMAC-SHA256 over id, timestamp and raw body."""
    signed = _hmac(key, b"%b.%d.%b" % (notification_id.encode(), timestamp_s, body))
    return "v1," + base64.b64encode(signed).decode()


def private_key(secret: str) -> Ed25519PrivateKey:
    """The Ed25519 key of a ``whsk_...`` secret: the 32 bytes of its seed, as base64."""
    try:
        return Ed25519PrivateKey.from_private_bytes(
            base64.b64decode(secret.removeprefix(PRIVATE_PREFIX), validate=True)
        )
    except ValueError:  # binascii's error is one too
        raise ValueError("A private webhook key is whsk_ followed by base64 of 32 bytes.") from None


def public_text(key: Ed25519PrivateKey) -> str:
    """The half that merchants get: ``whpk_`` and base64."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return PUBLIC_PREFIX + base64.b64encode(raw).decode()


@dataclass(frozen=True, slots=True)
class Signer:
    """One key that signs notifications, until ``until_us`` where a newer one has taken its place."""

    key: bytes | Ed25519PrivateKey = field(repr=False)
    until_us: int | None = None

    def signature(self, notification_id: str, timestamp_s: int, body: bytes) -> str:
        """``v1,...`` by HMAC or ``v1a,...`` by Ed25519, over the same text."""
        if isinstance(self.key, bytes):
            return webhook_signature(self.key, notification_id, timestamp_s, body)
        signed = self.key.sign(b"%b.%d.%b" % (notification_id.encode(), timestamp_s, body))
        return "v1a," + base64.b64encode(signed).decode()


def webhook_signatures(signers: tuple[Signer, ...], notification_id: str, timestamp_s: int, body: bytes) -> str:
    """The whole header: one signature for each key in force, so that a secret can be changed without a gap."""
    return " ".join(
        signer.signature(notification_id, timestamp_s, body)
        for signer in signers
        if signer.until_us is None or timestamp_s * 1_000_000 < signer.until_us
    )


def fingerprint(*parts: str) -> str:
    """One hash over the meaning of a request; equal fingerprints are the same request."""
    joined = "\x1f".join(parts)
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()
