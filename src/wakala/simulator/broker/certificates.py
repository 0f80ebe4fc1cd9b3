"""An authority of the simulator's own, and what it signs: for both ends of mutual TLS, good ones and bad ones.

``authority.pem`` is what the gateway trusts; ``client.pem`` with ``client-key.pem`` is what it shows. Those called
``expired-`` and ``stranger-`` are for trying what is refused.
"""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 3_650
NAMES = ("localhost", "broker.simulator")

Key = ec.EllipticCurvePrivateKey


class Authority:
    """Signs certificates; ``now`` decides what is expired."""

    def __init__(self, name: str, now: dt.datetime) -> None:
        self._now = now
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            self._builder(self._name, self.key, expired=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def sign(self, name: str, *, expired: bool = False) -> tuple[x509.Certificate, Key]:
        """A certificate for either end, with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1")]
        certificate = (
            self._builder(subject, key, expired=expired)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([*(x509.DNSName(each) for each in NAMES), *addresses]), critical=False
            )
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(_usage(signs=False), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return certificate, key

    def _builder(self, subject: x509.Name, key: Key, *, expired: bool) -> x509.CertificateBuilder:
        day = dt.timedelta(days=1)
        until = self._now - day if expired else self._now + VALID_DAYS * day
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - 30 * day)
            .not_valid_after(until)
        )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def write_all(folder: Path, now: dt.datetime) -> None:
    """Make them where they are missing: server, client, those that expired, and those of a stranger's authority."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / "authority.pem").exists():
        return
    ours, theirs = Authority("M-Pesa simulator authority", now), Authority("Another authority", now)
    for name, (certificate, key) in {
        "server": ours.sign("broker.simulator"),
        "client": ours.sign("gateway"),
        "expired-client": ours.sign("gateway", expired=True),
        "expired-server": ours.sign("broker.simulator", expired=True),
        "stranger-client": theirs.sign("gateway"),
        "stranger-server": theirs.sign("broker.simulator"),
    }.items():
        _write(folder / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM))
        _write(folder / f"{name}-key.pem", _key_pem(key))
    _write(folder / "stranger-authority.pem", theirs.certificate.public_bytes(serialization.Encoding.PEM))
    _write(folder / "authority.pem", ours.certificate.public_bytes(serialization.Encoding.PEM))


def server_context(folder: Path, server: str = "server") -> ssl.SSLContext:
    """TLS 1.2 or newer that lets nobody in without a certificate of our authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / f"{server}.pem", folder / f"{server}-key.pem")
    context.load_verify_locations(folder / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def calling_context(folder: Path, who: str = "server") -> ssl.SSLContext:
    """TLS for calls to merchants: shows that certificate when asked, and believes our authority and the public ones."""
    context = ssl.create_default_context()
    context.load_verify_locations(folder / "authority.pem")
    context.load_cert_chain(folder / f"{who}.pem", folder / f"{who}-key.pem")
    return context


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
