"""A far end for the connector: a TLS listener that answers with M-Pesa's own samples, and certificates to meet it with.

It is no simulator: it knows nothing of money. A test says what it answers, and reads what it was sent.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SAMPLES = Path(__file__).parents[1] / "wire" / "samples" / "broker"
HOST = "broker.example"
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
FAR_AHEAD = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.xml").read_bytes()


def speaking_of(request_id: str, document: bytes) -> bytes:
    """A sample that speaks of this request instead of its own, also in the messages that the log keeps in base64."""

    def of_this(kept: re.Match[bytes]) -> bytes:
        return base64.b64encode(speaking_of(request_id, base64.b64decode(kept[0])))

    whole = re.sub(rb"(?<=>)[A-Za-z0-9+/]{200,}={0,2}(?=<)", of_this, document)
    return whole.replace(b"600630_SIMORG_B2C000101", request_id.encode())


class Authority:
    """Signs certificates."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = self._builder(self._name, self._key, FAR_AHEAD, is_authority=True).sign(self._key, SHA256())
        self.pem = self._certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, name: str, until: dt.datetime = FAR_AHEAD) -> tuple[str, str]:
        """Certificate and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._builder(subject, key, until, is_authority=False).sign(self._key, SHA256())
        own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return signed.public_bytes(Encoding.PEM).decode(), own

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, until: dt.datetime, *, is_authority: bool
    ) -> x509.CertificateBuilder:
        names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=is_authority,
            crl_sign=is_authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(LONG_AGO)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(names, critical=False)
        )


@dataclass
class FarEnd:
    """``answer`` is asked for the body that each request gets; None hangs up without one."""

    url: str
    answer: Callable[[str, str], bytes | None]
    paths: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    def told(self, name: str, index: int = -1) -> str:
        """What a request said in the element of this name."""
        found = re.search(rf"<(?:\w+:)?{name}>([^<]*)<", self.bodies[index])
        assert found, f"{name} is not in {self.bodies[index]}"
        return found[1]

    def ours(self, name: str) -> bytes:
        """A sample that speaks of the last request instead of its own."""
        return speaking_of(self.told("OriginatorConversationID"), sample(name))


@asynccontextmanager
async def far_end(folder: Path, authority: Authority, *, clients: Authority | None = None) -> AsyncIterator[FarEnd]:
    """Listens; with ``clients``, only for those whose certificate that authority signed."""
    certificate, key = authority.issue("the broker")
    pem = folder / "far-end.pem"
    pem.write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.pem)
    end = FarEnd("", lambda path, body: sample("b2c-02-response-accepted"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head.lower())
                body = (await reader.readexactly(int(length[1]) if length else 0)).decode()
                path = head.split(b" ")[1].decode()
                end.paths.append(path)
                end.bodies.append(body)
                answer = end.answer(path, body)
                if answer is None:
                    break
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    end.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield end
    finally:
        server.close()
