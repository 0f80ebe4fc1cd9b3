"""The initiator's password, encrypted for M-Pesa (daraja.md 5): RSA with PKCS#1 v1.5 padding, then base64.

The certificates in circulation expired long ago and are in use all the same, so neither dates nor chain are looked at.
"""

import base64
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from wakala.errors import ConfigurationError


def security_credential(password: str, certificate_pem: str) -> str:
    """Different every time, for the padding is random; any one may be used again."""
    key = _public_key(certificate_pem)
    try:
        # PKCS#1 v1.5 is M-Pesa's demand, the one exception in our list of algorithms.
        sealed = key.encrypt(password.encode(), padding.PKCS1v15())
    except ValueError:
        raise ConfigurationError("The initiator's password is longer than M-Pesa's key can seal.") from None
    return base64.b64encode(sealed).decode()


def read_certificate(raw: bytes) -> x509.Certificate:
    """A certificate in PEM or DER form; raises `ConfigurationError` for anything else, or a key that is not RSA."""
    try:
        found = x509.load_pem_x509_certificate(raw) if b"-----BEGIN" in raw else x509.load_der_x509_certificate(raw)
    except ValueError:
        raise ConfigurationError("This is not an X.509 certificate in PEM or DER form.") from None
    if not isinstance(found.public_key(), RSAPublicKey):
        raise ConfigurationError("This certificate has no RSA key; M-Pesa's has.")
    return found


@lru_cache(maxsize=64)
def _public_key(certificate_pem: str) -> RSAPublicKey:
    key = read_certificate(certificate_pem.encode()).public_key()
    assert isinstance(key, RSAPublicKey)  # noqa: S101 - read_certificate has looked
    return key
