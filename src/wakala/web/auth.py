"""Who is calling the Wakala API: standard Authorization, or X-Authorization as Proxy API had it."""

import base64

from wakala.directory import Directory
from wakala.errors import UnauthenticatedError
from wakala.rules.accounts import App
from wakala.rules.signing import access_token, app_digest
from wakala.web.plumbing import Incoming

HEX_DIGEST_LENGTH = 64
SECOND_US = 1_000_000


def caller(incoming: Incoming, directory: Directory) -> App:
    """The app behind a request. ``Basic`` takes base64 of key:secret, or Proxy API's hex SHA3-256 digest of it."""
    scheme, credential = _given(incoming)
    if scheme == "basic":
        return directory.app_of_digest(_digest(credential), incoming.started_us)
    if scheme == "bearer":
        return directory.app_of_token(credential, incoming.started_us)
    raise UnauthenticatedError


def bought_token(incoming: Incoming, directory: Directory, life_s: int) -> tuple[str, int]:
    """A bearer token for key and secret, and for how many seconds it is good: never for longer than the secret."""
    scheme, credential = _given(incoming)
    if scheme != "basic":
        raise UnauthenticatedError
    secret = directory.secret_of_digest(_digest(credential), incoming.started_us)
    now_s = incoming.started_us // SECOND_US
    if secret.until_us is not None:
        life_s = min(life_s, -(-secret.until_us // SECOND_US) - now_s)
    return access_token(directory.token_key, secret.id, now_s + life_s), life_s


def _given(incoming: Incoming) -> tuple[str, str]:
    given = incoming.header("authorization") or incoming.header("x-authorization")
    if not given:
        raise UnauthenticatedError
    scheme, _, credential = given.strip().partition(" ")
    return scheme.lower(), credential.strip()


def _digest(credential: str) -> str:
    if len(credential) == HEX_DIGEST_LENGTH and all(c in "0123456789abcdef" for c in credential):
        return credential
    try:
        pair = base64.b64decode(credential, validate=True).decode()
    except ValueError:  # binascii's and codecs' own errors, and what is no ASCII at all
        raise UnauthenticatedError(
            "Authorization: Basic wants base64 of consumerKey:consumerSecret (X-Authorization: its SHA3-256 as hex)."
        ) from None
    key, _, secret = pair.partition(":")
    return app_digest(key, secret)
