"""Certificates for mutual TLS, made here and written into a folder: good ones, and every kind that must be refused.

They are pretended like everything else: an authority that exists for one folder, and keys that lie beside it.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

LIFE_DAYS = 3_650
EXPIRED_DAYS_AGO = 1
BACKDATED_DAYS = 30
"""Certificates begin in the past, so that a clock that is a little behind does not mind."""

HOSTS = ("localhost", "127.0.0.1", "::1")
KEY_MODE = 0o600
BOTH = (Usage.SERVER_AUTH, Usage.CLIENT_AUTH)


@dataclass(frozen=True, slots=True)
class Kind:
    """One certificate of the folder, and what it is good for."""

    name: str
    means: str
    usages: tuple[x509.ObjectIdentifier, ...] = BOTH
    expired: bool = False
    other_authority: bool = False


KINDS = (
    Kind("broker", "what the Broker shows, as a server and when it calls back"),
    Kind("gateway", "the caller's: as its client certificate, and for its own listener"),
    Kind("gateway-expired", "the caller's, out of date since a day: refused", expired=True),
    Kind("gateway-wrong", "the caller's, made for servers only: refused as a client", (Usage.SERVER_AUTH,)),
    Kind("gateway-other", "the caller's, signed by another authority: refused", other_authority=True),
    Kind("broker-expired", "a Broker's, out of date since a day: for tests of the caller", expired=True),
    Kind("broker-other", "a Broker's, signed by another authority: for tests of the caller", other_authority=True),
)
AUTHORITIES = {"authority": False, "authority-other": True}
FILES = {
    **{
        f"{name}.pem": "an authority" if not other else "an authority nobody trusts"
        for name, other in AUTHORITIES.items()
    },
    **{f"{kind.name}.pem": kind.means for kind in KINDS},
    **{f"{kind.name}.key": f"the private key of {kind.name}.pem" for kind in KINDS},
}
"""Every file of the folder, with what it is."""


class CertificateFolderError(Exception):
    """The folder cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """A folder that has them all."""

    folder: Path

    def path(self, name: str) -> Path:
        """One file of the folder, by its name with or without ``.pem``."""
        return self.folder / (name if "." in name else f"{name}.pem")

    def server_context(self, name: str = "broker") -> ssl.SSLContext:
        """For a listener that shows this certificate and takes callers of its authority only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.path(name), self.path(f"{name}.key"))
        context.load_verify_locations(self.path("authority"))
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self, name: str = "broker") -> ssl.SSLContext:
        """For calls that show this certificate when they are asked for one. The public authorities are trusted too."""
        context = ssl.create_default_context()
        context.load_verify_locations(self.path("authority"))
        context.load_cert_chain(self.path(name), self.path(f"{name}.key"))
        return context


def provide(folder: Path, now: datetime | None = None) -> Certificates:
    """The certificates of that folder: those that lie there, else new ones. Raises CertificateFolderError.

    A folder that has some of the files is never written over: they may be somebody's.
    """
    there = [name for name in FILES if (folder / name).exists()]
    if len(there) < len(FILES):
        if there:
            raise CertificateFolderError(f"{folder} has {there[0]} but not all files; empty it or name another folder.")
        _make(folder, now or datetime.now(UTC))
    return Certificates(folder)


def _make(folder: Path, now: datetime) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        signers = {other: _authority(folder, name, now) for name, other in AUTHORITIES.items()}
        for kind in KINDS:
            _certificate(folder, kind, signers[kind.other_authority], now)
    except OSError as failed:
        raise CertificateFolderError(f"Certificates cannot be written to {folder}: {failed.strerror}.") from None


@dataclass(frozen=True, slots=True)
class _Signer:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def _authority(folder: Path, file: str, now: datetime) -> _Signer:
    signer = _Signer(_named(f"M-Pesa simulator {file}"), ec.generate_private_key(ec.SECP256R1()))
    signs = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _begun(signer.name, signer, signer.key, now, now + timedelta(days=LIFE_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
    )
    _write(folder / f"{file}.pem", _pem(builder, signer))
    return signer


def _certificate(folder: Path, kind: Kind, signer: _Signer, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    until = now - timedelta(days=EXPIRED_DAYS_AGO) if kind.expired else now + timedelta(days=LIFE_DAYS)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    builder = (
        _begun(_named(kind.name), signer, key, now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(kind.usages), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in HOSTS]), critical=False)
        .add_extension(issuer_key, critical=False)
    )
    _write(folder / f"{kind.name}.pem", _pem(builder, signer))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(folder / f"{kind.name}.key", private)


def _begun(
    name: x509.Name, signer: _Signer, key: ec.EllipticCurvePrivateKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(signer.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=BACKDATED_DAYS))
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pem(builder: x509.CertificateBuilder, signer: _Signer) -> bytes:
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, data: bytes) -> None:
    path.touch(KEY_MODE)
    path.write_bytes(data)
