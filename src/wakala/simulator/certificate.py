"""The simulator's own RSA key: who encrypts a SecurityCredential with its certificate has the password checked.

A credential made with any other certificate, Safaricom's among them, cannot be read here and is taken on trust.
"""

import base64
import binascii
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

KEY_BITS = 2048
"""As Safaricom's: 344 characters of base64 (daraja.md 5)."""

VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
VALID_UNTIL = datetime(2050, 1, 1, tzinfo=UTC)
"""Nobody checks them: Safaricom's own certificates expired years ago and are still used (daraja.md 5)."""

READ_MAX = 500
"""Credentials that are remembered once read: most programs compute one and send it again and again."""

PADDING_MIN_BYTES = 8


class Certificate:
    """Key and certificate, made when they are first asked for or taken from a PEM that was kept."""

    def __init__(self, private_pem: bytes = b"") -> None:
        self._key = _load(private_pem) if private_pem else None
        self._public_pem = ""
        self._read: dict[str, str | None] = {}

    @property
    def exists(self) -> bool:
        """Whether anyone can have encrypted with it."""
        return self._key is not None

    def take(self, private_pem: bytes) -> None:
        """Go on with a key that was kept; merchants may still have its certificate."""
        self._key = _load(private_pem)
        self._public_pem = ""
        self._read.clear()

    def pem(self) -> str:
        """The certificate to encrypt with."""
        self._public_pem = self._public_pem or _certificate(self._own_key())
        return self._public_pem

    def private_pem(self) -> bytes:
        """The key, for whoever keeps the simulator's state in a file."""
        return self._own_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def read(self, credential: str) -> str | None:
        """The password inside a SecurityCredential; None when it was not made with this certificate."""
        if self._key is None:
            return None
        if credential not in self._read:
            while len(self._read) >= READ_MAX:
                del self._read[next(iter(self._read))]
            self._read[credential] = _decrypt(self._key.private_numbers(), credential)
        return self._read[credential]

    def _own_key(self) -> rsa.RSAPrivateKey:
        if self._key is None:
            self._key = rsa.generate_private_key(65537, KEY_BITS)
        return self._key


def _load(private_pem: bytes) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(private_pem, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("The simulator's key is an RSA key.")
    return key


def _certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "M-Pesa simulator")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _decrypt(key: rsa.RSAPrivateNumbers, credential: str) -> str | None:
    """PKCS#1 v1.5 by hand: libraries answer bad padding with random bytes, and here the difference is the point.

    The time it takes tells about the key; a pretended one may be told about.
    """
    try:
        sealed = base64.b64decode("".join(credential.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    number = int.from_bytes(sealed)
    if len(sealed) != KEY_BITS // 8 or number >= key.public_numbers.n:
        return None
    padded = _open(key, number).to_bytes(KEY_BITS // 8)
    filler, zero, secret = padded[2:].partition(b"\0")
    if padded[:2] != b"\0\2" or not zero or len(filler) < PADDING_MIN_BYTES:
        return None
    try:
        return secret.decode()
    except UnicodeDecodeError:
        return None


def _open(key: rsa.RSAPrivateNumbers, number: int) -> int:
    """The private operation, by the two primes: a quarter of the work."""
    by_p, by_q = pow(number, key.dmp1, key.p), pow(number, key.dmq1, key.q)
    return by_q + key.q * (key.iqmp * (by_p - by_q) % key.p)
