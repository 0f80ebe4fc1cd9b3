"""How a connection proves who speaks at both ends, where the system's trust is not the measure.

M-Pesa's Broker is such a case: it signs our certificate, we pin its authority, and it is addressed by IP while its
certificate names a host (broker.md 1.2).
"""

import secrets
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

PROTOCOLS = ["http/1.1"]


@dataclass(frozen=True, slots=True)
class TlsTerms:
    """PEM texts. Connections under different terms are never shared, be they to the same place.

    ``authority`` is the only one trusted, where it is given; ``server_name`` is what the other side's certificate must
    prove, where that is not the host of the URL.
    """

    certificate: str = ""
    key: str = field(default="", repr=False)
    authority: str = ""
    server_name: str = ""

    def context(self) -> ssl.SSLContext:
        """Raises ssl.SSLError or ValueError where certificate, key or authority are none, or do not fit together."""
        context = trust_of_the_system() if not self.authority else _trust_in(self.authority)
        if self.certificate:
            _present(context, self.certificate, self.key)
        return context


def trust_of_the_system() -> ssl.SSLContext:
    """For everybody without terms of their own."""
    return _modern(ssl.create_default_context())


def _trust_in(authority: str) -> ssl.SSLContext:
    return _modern(ssl.create_default_context(cadata=authority))


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(PROTOCOLS)
    return context


def _present(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Python takes a key from a file only: it lies there encrypted, for this moment, under a password nobody keeps."""
    password = secrets.token_bytes(32).hex().encode()
    locked = load_pem_private_key(key.encode(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
    )
    with tempfile.TemporaryDirectory(prefix="wakala-") as folder:  # readable by its owner alone
        path = Path(folder, "client.pem")
        path.write_bytes(certificate.encode().rstrip() + b"\n" + locked)
        context.load_cert_chain(path, password=password)
