"""Who is calling the Wakala API: standard Authorization, or X-Authorization as Proxy API had it."""

import base64

from wakala.directory import Directory
from wakala.errors import UnauthenticatedError
from wakala.rules.accounts import App
from wakala.rules.signing import app_digest
from wakala.web.plumbing import Incoming

HEX_DIGEST_LENGTH = 64


def caller(incoming: Incoming, directory: Directory, *, basic_only: bool = False) -> App:
    """The app behind a request. ``Basic`` takes base64 of key:secret, or Proxy API's hex SHA3-256 digest of it."""
    given = incoming.header("authorization") or incoming.header("x-authorization")
    if not given:
        raise UnauthenticatedError
    scheme, _, credential = given.strip().partition(" ")
    credential = credential.strip()
    if scheme.lower() == "basic":
        return directory.app_of_digest(_digest(credential))
    if scheme.lower() == "bearer" and not basic_only:
        return directory.app_of_token(credential, incoming.started_us // 1_000_000)
    raise UnauthenticatedError


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
