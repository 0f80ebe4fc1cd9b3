"""Who may speak to the Broker: service providers with their passwords (broker.md 2 and 8.4)."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from wakala.simulator.broker.tree import Element

AUTHENTICATION_FAILED = ("100000007", "authentication failed")
NOT_ACTIVE = ("100000006", "SP status abnormal")


@dataclass(slots=True)
class Provider:
    """One that Safaricom knows. Key and IV of sixteen bytes seal a new password on its way."""

    sp_id: str
    password: str = field(repr=False)
    service_id: str
    active: bool = True
    shared_key: bytes = field(default=b"sharedkey0123456", repr=False)
    shared_iv: bytes = field(default=b"initvector012345", repr=False)


def sandbox_providers() -> dict[str, Provider]:
    """The one that every new simulator knows."""
    return {"900610": Provider("900610", "Sim!Pass2025", "900610000")}


def refusal(providers: dict[str, Provider], header: Element | None) -> tuple[str, str] | None:
    """Code and words for whoever may not come in; None for who may."""
    if header is None or not header.value("spId"):
        return ("100000014", "missing mandatory parameter:spId")
    provider = providers.get(header.value("spId"))
    if provider is None or not is_password(provider, header.value("spPassword"), header.value("timeStamp")):
        return AUTHENTICATION_FAILED
    return None if provider.active else NOT_ACTIVE


def is_password(provider: Provider, given: str, stamp: str) -> bool:
    """Base64 of the hexadecimal digest, whose case clients do not agree on (broker.md 2)."""
    digest = hashlib.sha256(f"{provider.sp_id}{provider.password}{stamp}".encode()).hexdigest()
    wanted = (base64.b64encode(digest.encode()), base64.b64encode(digest.upper().encode()))
    return any(hmac.compare_digest(each, given.encode()) for each in wanted)


def opened(provider: Provider, sealed: str) -> str | None:
    """The new password; None where it was not sealed with this provider's key."""
    try:
        decryptor = Cipher(algorithms.AES(provider.shared_key), modes.CBC(provider.shared_iv)).decryptor()
        padded = decryptor.update(base64.b64decode(sealed, validate=True)) + decryptor.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:
        return None
