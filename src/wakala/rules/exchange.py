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
    "AccessToken",
    "ConsumerKey",
    "ConsumerSecret",
    "ClientSecret",
    "WebhookSecret",
    "InitiatorPassword",
    "Authorization",
    "XAuthorization",
    "ApiKey",
    "AppKey",
    "Secret",
    "Token",
    "Pin",
)
MARK = "[secret]"
SECRET_MIN_CHARS = 8  # what is shorter stands in honest text as well

# In any case and with any joint: AccessToken, access_token, access-token.
_NAMES = "|".join(re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=X)(?=A)", "[_-]?", name) for name in SECRET_FIELDS).encode()
_VALUE = rb'("(?:[^"\\]|\\.)*"?|[-0-9.]+|\[[^\]]*\]?|\{[^}]*\}?)'
_FIELD = re.compile(rb'("(?:' + _NAMES + rb')"\s*:\s*)' + _VALUE, re.IGNORECASE)
# The same inside a JSON string, as an endpoint writes it that repeats our request in its complaint.
_QUOTED = re.compile(rb'(\\+"(?:' + _NAMES + rb')\\+"\s*:\s*)(\\+")[^"\\]*', re.IGNORECASE)
_FORM = re.compile(rb"((?:^|[?&\s])(?:" + _NAMES + rb"|key|sig|signature)=)[^&\s\"']+", re.IGNORECASE)
# Our own callback paths end in a MAC that lets M-Pesa in (signing.mac). M-Pesa echoes a refused token (daraja.md 1.4).
_PATH = re.compile(rb"(/callbacks\\?/[^\s\"'<>]*?)[0-9a-f]{32}", re.IGNORECASE)
_ECHO = re.compile(rb"(Invalid Access Token - )(?!Invalid API)[^\s\"<]+")


def redact(body: bytes) -> bytes:
    """The body without the values of secret fields, secret form values and callback secrets; the rest is untouched."""
    if not body:
        return body
    lower = body.lower()
    if b"/callbacks" in lower:
        body = _PATH.sub(rb"\1[secret]", body)
    if not _may_hold_secrets(lower):
        return body
    if b"invalid access token" in lower:
        body = _ECHO.sub(rb"\1[secret]", body)
    if b"=" in body:
        body = _FORM.sub(rb"\1[secret]", body)
    if b'\\"' in body:
        body = _QUOTED.sub(rb"\1\2[secret]", body)
    return _FIELD.sub(rb'\1"[secret]"', body)


def secrets_of(headers: Headers, body: bytes) -> tuple[bytes, ...]:
    """The secret values that a request of ours carries, whole and without their scheme."""
    found = [value.rpartition(" ")[2].encode() for name, value in headers if name.lower() in SECRET_HEADERS]
    found += [match[2].strip(b'"') for match in _FIELD.finditer(body)] if body else []
    return tuple(secret for secret in found if len(secret) >= SECRET_MIN_CHARS)


def without_echo(answer: bytes, secrets: tuple[bytes, ...]) -> bytes:
    """An answer that repeats our secrets, in whatever words, without them."""
    for secret in secrets:
        if secret in answer:
            answer = answer.replace(secret, MARK.encode())
    return answer


def _may_hold_secrets(lower: bytes) -> bool:
    """Each secret name has one of these in it; most bodies have none, and then no pattern needs to run."""
    return (
        b"pass" in lower
        or b"secret" in lower
        or b"token" in lower
        or b"credential" in lower
        or b"key" in lower
        or b"pin" in lower
        or b"authorization" in lower
        or b"sig" in lower
    )


def redact_text(text: str) -> str:
    """`redact` for URLs and log lines."""
    if "=" not in text and "/callbacks" not in text.lower():
        return text
    return redact(text.encode()).decode(errors="replace")


def redact_headers(headers: Headers) -> Headers:
    """Names stay, secret values go."""
    return tuple([(name, MARK if name.lower() in SECRET_HEADERS else value) for name, value in headers])


def kept(body: bytes) -> bytes:
    """What is stored of a body: redacted, then capped."""
    return redact(body[: BODY_LIMIT_BYTES + 4096])[:BODY_LIMIT_BYTES]
