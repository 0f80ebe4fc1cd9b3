"""Who may speak to the Broker, and how it proves who it is (broker.md 2)."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from wakala.simulator.broker.reading import Element

SP_ID, SP_PASSWORD = "900610", "Sim!Pass2025"
CHANGE_KEY, CHANGE_IV = b"sharedkey0123456", b"initvector012345"
"""What new passwords are encrypted with; the Broker's people hand them out (broker.md 8.4)."""

AUTHENTICATION_FAILED = ("100000007", "Authentication failed")


@dataclass(slots=True)
class Provider:
    """A service provider, as the Broker calls whoever connects."""

    sp_id: str = SP_ID
    password: str = SP_PASSWORD
    active: bool = True


@dataclass(frozen=True, slots=True)
class Denied(Exception):  # noqa: N818 - a denial is the domain's word
    """The Broker's own no: code and text for the caller, the reason for the call log."""

    code: str
    text: str
    reason: str


def missing(name: str) -> Denied:
    """Something mandatory is not there."""
    return Denied("100000014", f"Missing mandatory parameter:{name}", f"Send {name}.")


def check(providers: dict[str, Provider], header: Element) -> Provider:
    """The provider behind the elements spId, spPassword and timeStamp; raises Denied."""
    sp_id, password, stamp = (header.value(name) for name in ("spId", "spPassword", "timeStamp"))
    if not sp_id:
        raise missing("spId")
    provider = providers.get(sp_id)
    if provider is None:
        raise Denied(*AUTHENTICATION_FAILED, f"Nobody knows a provider {sp_id}.")
    if not password:
        raise missing("spPassword")
    if not stamp:
        raise missing("timeStamp")
    if not any(hmac.compare_digest(password.encode(), each) for each in digests(sp_id, provider.password, stamp)):
        raise Denied(*AUTHENTICATION_FAILED, "spPassword is not base64(hex(SHA-256(spId + password + timeStamp))).")
    if not provider.active:
        raise Denied("100000006", "SP status abnormal", f"Provider {sp_id} is not active.")
    return provider


def digests(sp_id: str, password: str, stamp: str) -> tuple[bytes, bytes]:
    """Both spellings in the field: the guide's own value is in capitals, most programs write small letters."""
    text = hashlib.sha256(f"{sp_id}{password}{stamp}".encode()).hexdigest()
    return base64.b64encode(text.encode()), base64.b64encode(text.upper().encode())
