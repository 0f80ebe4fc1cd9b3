"""One HTTP request and its answer, either direction, as the journal keeps it: raw, capped, secrets taken out."""

import re

import msgspec

from wakala.rules.payment import Scope

BODY_LIMIT_BYTES = 65_536  # what is kept of a body: every honest M-Pesa message is below 8 KiB
OK = "ok"

Headers = tuple[tuple[str, str], ...]


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """``verdict`` is ``ok`` or the reason for quarantine. Times in microseconds; no ``status`` means no answer."""

    id: str
    name: str
    direction: str
    method: str
    url: str
    request_headers: Headers
    request_body: bytes
    started_us: int
    duration_us: int | None = None
    status: int | None = None
    answer_headers: Headers = ()
    answer_body: bytes = b""
    error: str | None = None
    verdict: str = OK
    peer: str | None = None
    payment_id: str | None = None
    notification_id: str | None = None
    scope: Scope | None = None


# ── Redaction by field class: secret fields never leave, wherever they stand ─────────────────────────────────────────

SECRET_HEADERS = frozenset(
    {"authorization", "x-authorization", "proxy-authorization", "cookie", "set-cookie", "apikey", "appkey", "x-api-key"}
)
SECRET_FIELDS = (
    "Password",
    "Passkey",
    "SecurityCredential",
    "access_token",
    "AccessToken",
    "ConsumerKey",
    "ConsumerSecret",
    "WebhookSecret",
    "InitiatorPassword",
    "ApiKey",
    "app_key",
    "secret",
    "token",
    "pin",
)
MARK = "[secret]"

_FIELD = re.compile(
    rb'("(?:' + "|".join(SECRET_FIELDS).encode() + rb')"\s*:\s*)("(?:[^"\\]|\\.)*"?|[-0-9.]+)', re.IGNORECASE
)
_FORM = re.compile(
    rb"((?:^|[?&\s])(?:" + "|".join((*SECRET_FIELDS, "key", "sig", "signature")).encode() + rb")=)[^&\s\"']+",
    re.IGNORECASE,
)
# Our own callback paths end in a MAC that lets M-Pesa in (signing.mac). M-Pesa echoes a refused token (daraja.md 1.4).
_PATH = re.compile(rb"(/callbacks/(?:[a-z0-9_]+\\?/){2})[0-9a-f]{32}")
_ECHO = re.compile(rb"(Invalid Access Token - )(?!Invalid API)[^\s\"<]+")


def redact(body: bytes) -> bytes:
    """The body without the values of secret fields, secret form values and callback secrets; the rest is untouched."""
    if not body:
        return body
    lower = body.lower()
    if b"/callbacks/" in lower:
        body = _PATH.sub(rb"\1[secret]", body)
    if not _may_hold_secrets(lower):
        return body
    if b"invalid access token" in lower:
        body = _ECHO.sub(rb"\1[secret]", body)
    if b"=" in body:
        body = _FORM.sub(rb"\1[secret]", body)
    return _FIELD.sub(rb'\1"[secret]"', body)


def _may_hold_secrets(lower: bytes) -> bool:
    """Each secret name has one of these in it; most bodies have none, and then no pattern needs to run."""
    return (
        b"pass" in lower
        or b"secret" in lower
        or b"token" in lower
        or b"credential" in lower
        or b"key" in lower
        or b"pin" in lower
        or b"sig" in lower
    )


def redact_text(text: str) -> str:
    """`redact` for URLs and log lines."""
    if "=" not in text and "/callbacks/" not in text:
        return text
    return redact(text.encode()).decode(errors="replace")


def redact_headers(headers: Headers) -> Headers:
    """Names stay, secret values go."""
    return tuple([(name, MARK if name.lower() in SECRET_HEADERS else value) for name, value in headers])


def kept(body: bytes) -> bytes:
    """What is stored of a body: redacted, then capped."""
    return redact(body[: BODY_LIMIT_BYTES + 4096])[:BODY_LIMIT_BYTES]
