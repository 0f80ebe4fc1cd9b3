"""One HTTP request and its answer, either direction, as the journal keeps it: raw, capped, secrets taken out."""

import re
from functools import lru_cache

import msgspec

from wakala.rules.markup_secrets import ELEMENT as _XML_FIELD
from wakala.rules.markup_secrets import marked, places_of, without_elements
from wakala.rules.payment import Scope

BODY_LIMIT_BYTES = 65_536  # what is kept of a body: every honest M-Pesa message is below 8 KiB
OK = "ok"
PATH_GUESSED = "the secret in the path is not ours"
PATH_UNKNOWN = "nobody was given this path"
AGEING = (OK, f"quarantined: {PATH_GUESSED}", f"quarantined: {PATH_UNKNOWN}")
"""Verdicts of what age may take. Any other is of a message on a path that M-Pesa was given: it is never dropped."""

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

# Every repetition is bounded or eats what it has seen: a body from a stranger must not cost more than its length.
# In any case and with any joint: AccessToken, access_token, access-token.
_NAMES = "|".join(re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=X)(?=A)", "[_-]?", name) for name in SECRET_FIELDS).encode()
# With backslashes it stands in JSON within a JSON string, as an endpoint writes it that repeats our request; those
# before the first quote are counted afterwards, for a pattern that begins with one character is found many times
# faster. It is for bodies in lower case.
_FIELD = re.compile(rb'"(?:' + _NAMES.lower() + rb')\\{0,15}"\s*:\s*(?=[-0-9."\\\[{])')
_DEPTH_LIMIT = 15
_NUMBER = re.compile(rb"[-+0-9.eE]*")
_QUOTE_OR_BRACKET = re.compile(rb'(\\*)"|[\[\]{}]')
_FORM = re.compile(rb"((?:^|[?&\s])(?:" + _NAMES + rb"|key|sig|signature)=)[^&\s\"']+", re.IGNORECASE)
# How each of those names ends: base64 brings many bodies an equals sign, and few of them a form.
_FORM_ENDS = (b"word", b"key", b"credential", b"token", b"secret", b"authorization", b"pin", b"sig", b"ture")
_EQUALS_LIMIT = 8  # base64 has two at most; of more it is the pattern that looks quicker
# Our own callback paths end in a MAC that lets M-Pesa in (signing.mac), whole or cut short, at any depth of escaping:
# as in JSON, in an address within an address, in a page.
# None is read in two ways, so that a body which is full of them costs no more than its length.
_SLASH = rb"(?:\\u002f|[\\/]|%(?:25){0,3}2f|&#(?:x2f|47);){1,20}+"
_PATH = re.compile(
    rb"(callbacks(?:" + _SLASH + rb"\w{1,40}" + _SLASH + rb"\w{1,60}" + _SLASH + rb"(?=[0-9a-f]{4})"
    rb"|[\\/][^\s\"'<>]{0,200}?(?=[0-9a-f]{32})))[0-9a-f]{4,64}",
    re.IGNORECASE,
)
_SCHEME = re.compile(rb"\b(Basic|Bearer)(\s+)[A-Za-z0-9+/=._~-]{20,}", re.IGNORECASE)
# M-Pesa repeats a refused token in its complaint.
_ECHO = re.compile(rb"(Invalid Access Token - )(?!Invalid API)[^\s\"<]+")


def redact(body: bytes) -> bytes:
    """The body without the values of secret fields, secret form values and callback secrets; the rest is untouched."""
    if not body:
        return body
    given, lower = body, body.lower()
    words = lower.decode("latin-1")  # a word is looked for in text: bytes ask first whether they were given a number
    if "callbacks" in words:
        body = marked(body, _PATH, places_of(b"callbacks", lower))
    if "basic" in words or "bearer" in words:
        body = _SCHEME.sub(rb"\1\2[secret]", body)
    if body[:64].lstrip()[:1] == b"<":
        body = without_elements(body)
    if not _may_hold_secrets(words):
        return body
    if "invalid access token" in words:
        body = _ECHO.sub(_marked, body)
    if _may_be_form(lower):
        body = _FORM.sub(_marked, body)
    return _without_fields(body, lower if body is given else body.lower())


def _may_be_form(lower: bytes) -> bool:
    place = -1
    for _ in range(_EQUALS_LIMIT):
        place = lower.find(b"=", place + 1)
        if place < 0:
            return False
        if lower.endswith(_FORM_ENDS, 0, place):
            return True
    return True


def _marked(match: re.Match[bytes]) -> bytes:
    """What stands before the secret, and the mark; a function costs half of what a template does."""
    return match[1] + b"[secret]"


def _without_fields(body: bytes, lower: bytes) -> bytes:
    parts: list[bytes] = []
    end = 0
    while match := _FIELD.search(lower, end):
        before = body[max(end, match.start() - _DEPTH_LIMIT) : match.start()]
        depth = len(before) - len(before.rstrip(b"\\"))
        quote = b"\\" * depth + b'"'
        parts += body[end : match.end()], quote, MARK.encode(), quote
        end = _value_end(body, match.end(), depth)
    return b"".join((*parts, body[end:])) if parts else body


def _value_end(body: bytes, start: int, depth: int) -> int:
    """Where the JSON value that begins here ends; ``depth`` backslashes stand before each of its quotes."""
    if body[start : start + 1] not in b'[{"\\':
        return _NUMBER.match(body, start).end()  # type: ignore[union-attr]  # it matches nothing as well
    if depth == 0 and body[start : start + 1] == b'"':  # as nearly always, a text without escapes
        end = body.find(b'"', start + 1)
        if end >= 0 and body.find(b"\\", start, end) < 0:
            return end + 1
    open_brackets, in_string = 0, False
    for token in _QUOTE_OR_BRACKET.finditer(body, start):
        if token[1] is not None:
            if in_string and (len(token[1]) > depth if depth else len(token[1]) % 2):
                continue  # a quote within the string
            in_string = not in_string
        elif not in_string:
            open_brackets += 1 if token[0] in b"[{" else -1
        if not in_string and open_brackets <= 0:
            return token.end()
    return len(body)  # cut off


def secrets_of(headers: Headers, body: bytes) -> tuple[bytes, ...]:
    """The secret values that a request of ours carries, whole and without their scheme."""
    found = [value.rpartition(" ")[2].encode() for name, value in headers if name.lower() in SECRET_HEADERS]
    fields = _FIELD.finditer(body.lower())
    found += [body[field.end() : _value_end(body, field.end(), 0)].strip(b'"') for field in fields]
    found += [body[match.end(1) : match.end()] for match in _XML_FIELD.finditer(body)]
    return tuple(secret for secret in found if len(secret) >= SECRET_MIN_CHARS)


def without_echo(answer: bytes, secrets: tuple[bytes, ...]) -> bytes:
    """An answer that repeats our secrets, in whatever words, without them."""
    for secret in secrets:
        if secret in answer:
            answer = answer.replace(secret, MARK.encode())
    return answer


def _may_hold_secrets(words: str) -> bool:
    """Each secret name has one of these in it; most bodies have none, and then no pattern needs to run."""
    return (
        "pass" in words
        or "secret" in words
        or "token" in words
        or "credential" in words
        or "key" in words
        or "pin" in words
        or "authorization" in words
        or "sig" in words
    )


def redact_text(text: str) -> str:
    """`redact` for URLs and log lines."""
    if "=" not in text and "callbacks" not in text.lower():
        return text
    return redact(text.encode()).decode(errors="replace")


def redact_headers(headers: Headers) -> Headers:
    """Names stay, secret values go."""
    return tuple([(name, MARK if name.lower() in SECRET_HEADERS else _shown(value)) for name, value in headers])


def headers_may_hold_secrets(text: str) -> bool:
    """False where `redact_headers` would change none of the headers that stand in this text, names and values."""
    words = text.lower()
    return (
        "authorization" in words
        or "cookie" in words
        or "apikey" in words
        or "appkey" in words
        or "x-api-key" in words
        or "callbacks" in words  # as `_shown` asks of a value
        or "basic" in words
        or "bearer" in words
    )


def _shown(value: str) -> str:
    """A header's value; a Referer may be one of our callback paths, and some servers repeat our credentials."""
    words = value.lower()
    if "callbacks" in words or "basic" in words or "bearer" in words:
        return redact(value.encode()).decode(errors="replace")
    return value


def kept(body: bytes) -> bytes:
    """What is stored of a body: redacted, then capped."""
    if len(body) <= SHORT_BYTES:
        return _kept_short(body)
    return redact(body[: BODY_LIMIT_BYTES + 4096])[:BODY_LIMIT_BYTES]


SHORT_BYTES = 48
"""Acknowledgements, which are a few, again and again."""

_kept_short = lru_cache(maxsize=64)(redact)
