"""A certificate authority for this machine only: made once, kept in one folder, constrained to Daraja's two hosts.

Whoever has its key can pose as these hosts to programs that were told to trust it, and as nobody else.
"""

import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wakala.redirect import LIVE_HOST, SANDBOX_HOST

AUTHORITY_DAYS = 3650
SERVER_DAYS = 30
"""The server's certificate is made anew at each start, so a short life costs nothing."""

CLOCK_SLACK_HOURS = 24
LOOPBACK = ipaddress.ip_address("127.0.0.1")
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Authority:
    """Where its files are. ``bundle`` holds what this machine trusts already and our authority besides."""

    certificate: Path
    bundle: Path
    _key: Path

    def server_context(self, folder: Path, now: datetime) -> ssl.SSLContext:
        """TLS as Daraja's two hosts, and as loopback for clients that speak TLS to the proxy itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        issuer_key = serialization.load_pem_private_key(self._key.read_bytes(), None)
        if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
            raise TypeError("The authority's key is of another kind; remove the folder to make a new one.")
        names = [*(x509.DNSName(name) for name in (SANDBOX_HOST, LIVE_HOST, "localhost")), x509.IPAddress(LOOPBACK)]
        certificate = (
            _builder("Wakala redirect", issuer.subject, now, SERVER_DAYS)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        both = folder / "server.pem"
        _write_private(both, certificate.public_bytes(_PEM) + _private_pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(both)
        return context


def prepare(folder: Path, now: datetime) -> Authority:
    """The authority of this folder; a new one where there is none or where it ends within a month."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = Authority(folder / "authority.pem", folder / "bundle.pem", folder / "authority-key.pem")
    if not _lasts(authority.certificate, now) or not authority._key.exists():  # noqa: SLF001 - its own maker
        key = ec.generate_private_key(ec.SECP256R1())
        _write_private(authority._key, _private_pem(key))  # noqa: SLF001
        _write_private(authority.certificate, _authority(key, now).public_bytes(_PEM))
    _write_private(authority.bundle, _trusted_already() + authority.certificate.read_bytes())
    return authority


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wakala redirect, this machine only")])
    permitted: list[x509.GeneralName] = [x509.DNSName(host) for host in (SANDBOX_HOST, LIVE_HOST, "localhost")]
    permitted.append(x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")))
    return (
        _builder("Wakala redirect, this machine only", name, now, AUTHORITY_DAYS)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_SIGNS_ONLY, critical=True)
        .sign(key, hashes.SHA256())
    )


_SIGNS_ONLY = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _builder(subject: str, issuer: x509.Name, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=CLOCK_SLACK_HOURS))
        .not_valid_after(now + timedelta(days=days))
    )


def _lasts(certificate: Path, now: datetime) -> bool:
    if not certificate.exists():
        return False
    ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    return ends > now.astimezone(UTC) + timedelta(days=SERVER_DAYS)


def _trusted_already() -> bytes:
    """What programs trust here, so that all their other calls go on as before."""
    path = ssl.get_default_verify_paths().cafile
    if path and Path(path).exists():
        return Path(path).read_bytes().rstrip() + b"\n"
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(ssl.DER_cert_to_PEM_cert(each) for each in known).encode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as writer:
        os.fchmod(writer.fileno(), 0o600)
        writer.write(content)
