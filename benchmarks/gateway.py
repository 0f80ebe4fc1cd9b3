"""Wakala as a user runs it: set up by its command line, started as one process on its own core."""

import datetime as dt
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from machine import server
from services.ports import free_port
from targets import Target, wakala

PROGRAM = Path(sys.executable).with_name("wakala")
COMMAND_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway under measurement, and the port on which it expects M-Pesa and the merchant."""

    pid: int
    port: int
    peer_port: int
    target: Target


@dataclass(frozen=True, slots=True)
class Access:
    """Where M-Pesa is, and what it knows us by."""

    port: int
    consumer_key: str
    consumer_secret: str
    passkey: str


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder with settings and keys, its store, and one app whose notifications go to the load driver."""

    folder: Path
    port: int
    peer_port: int
    target: Target
    log: Path

    def add_app(self, name: str) -> Target:
        """Another app; its notifications come under its own name."""
        config = ("--config", str(self.folder / "wakala.toml"))
        notify = ["--callback-url", f"http://127.0.0.1:{self.peer_port}/notifications/{name}"]
        return _target(_wakala(*config, "app", "create", "--organisation", "demo", "--name", name, *notify, "--json"))

    def beside(self) -> "Installation":
        """The same settings and keys on the same database for a second process, on a port of its own."""
        folder, port = self.folder.with_name(self.folder.name + "-beside"), free_port()
        shutil.copytree(self.folder, folder)
        settings = folder / "wakala.toml"
        settings.write_text(settings.read_text().replace(str(self.port), str(port)))
        return replace(self, folder=folder, port=port, log=folder.with_suffix(".log"))

    @contextmanager
    def serve(self) -> Iterator[Running]:
        """The gateway for as long as the block lasts; it may be started again on the same store."""
        command = [str(PROGRAM), "--config", str(self.folder / "wakala.toml"), "serve"]
        with server(command, self.port, self.log) as process:
            yield Running(process.pid, self.port, self.peer_port, self.target)


def install(folder: Path, database_url: str | None, mpesa: Access | None = None) -> Installation:
    """A new installation; ``database_url`` names a PostgreSQL database, without it the store is SQLite.

    Without ``mpesa`` M-Pesa is expected on the peer's port, and takes any credentials.
    """
    port, peer_port = free_port(), free_port()
    mpesa = mpesa or Access(peer_port, "bench", "bench", "bench")
    own_url, peer_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    settings = ["--port", str(port), "--public-url", own_url, "--sandbox-url", f"http://127.0.0.1:{mpesa.port}"]
    _wakala("init", str(folder), *settings, *(["--database-url", database_url] if database_url else []))
    config = ("--config", str(folder / "wakala.toml"))
    shortcode = ["--number", "174379", "--kind", "paybill", "--passkey", mpesa.passkey]
    shortcode += ["--consumer-key", mpesa.consumer_key, "--consumer-secret", mpesa.consumer_secret]
    where = ["--organisation", "demo"]
    _wakala(*config, "shortcode", "add", *where, "--environment", "sandbox", *shortcode)
    notify = ["--callback-url", peer_url + "/notifications"]
    target = _target(_wakala(*config, "app", "create", *where, "--name", "shop", *notify, "--json"))
    return Installation(folder, port, peer_port, target, folder.with_suffix(".log"))


def _target(created: str) -> Target:
    app = json.loads(created)
    return wakala(app["ConsumerKey"], app["ConsumerSecret"])


def pays_out(installation: Installation, *, by_broker: bool) -> None:
    """Give the shortcode what payouts need: an operator, the product, and perhaps the other side of M-Pesa."""
    config = ("--config", str(installation.folder / "wakala.toml"))
    certificate, password = installation.folder / "mpesa.pem", installation.folder / "sp-password"
    certificate.write_bytes(_certificate())
    password.write_text("bench")
    operator = ["--name", "bench", "--password", "bench", "--certificate", str(certificate)]
    _wakala(*config, "shortcode", "initiator", "174379", *operator)
    _wakala(*config, "shortcode", "product", "174379", "b2c")
    if by_broker:
        where = ["--url", f"http://127.0.0.1:{installation.peer_port}", "--sp-id", "900610"]
        _wakala(*config, "shortcode", "broker", "174379", *where, "--sp-password-file", str(password))


def _certificate() -> bytes:
    """As M-Pesa's: RSA of 2048 bits."""
    key, now = rsa.generate_private_key(65537, 2048), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _wakala(*arguments: str) -> str:
    done = subprocess.run([PROGRAM, *arguments], check=False, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S)
    if done.returncode:
        raise RuntimeError(f"wakala {' '.join(arguments)} failed: {done.stderr or done.stdout}")
    return done.stdout
