import base64
import datetime as dt
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cli.conftest import Command

STAMP = "20260314101501"
PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"


def password(shortcode: str = "174379", passkey: str = PASSKEY, stamp: str = STAMP) -> str:
    return base64.b64encode(f"{shortcode}{passkey}{stamp}".encode()).decode()


def test_a_password_is_made(wakala: Command) -> None:
    ended = wakala("credentials", "password", "174379", "--timestamp", STAMP, "--json", stdin=PASSKEY + "\n")
    assert ended.code == 0
    assert json.loads(ended.out) == {"Timestamp": STAMP, "Password": password()}


def test_the_passkey_may_come_from_a_file(wakala: Command, tmp_path: Path) -> None:
    (tmp_path / "passkey").write_text(PASSKEY + "\n")
    ended = wakala("credentials", "password", "174379", "--timestamp", STAMP, "--passkey-file", "passkey")
    assert ended.out.split() == [STAMP, password()]
    assert PASSKEY not in ended.out + ended.err


def test_a_right_password_is_right(wakala: Command) -> None:
    check = ("credentials", "password", "174379", "--timestamp", STAMP, "--check", password())
    assert wakala(*check, stdin=PASSKEY).code == 0
    ended = wakala(*check, "--json", stdin=PASSKEY)
    assert json.loads(ended.out) == {"Right": True, "Faults": []}


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (password(shortcode="600984"), "shortcode"),
        (password(passkey="0" * 64), "passkey"),
        (password(stamp="20260314101502"), "timestamp"),
        ("not base64!", "base64"),
        (f"174379{PASSKEY}{STAMP}", "base64"),
    ],
)
def test_the_wrong_part_of_a_password_is_named(wakala: Command, wrong: str, part: str) -> None:
    check = ("credentials", "password", "174379", "--timestamp", STAMP, "--check", wrong)
    ended = wakala(*check, stdin=PASSKEY)
    assert ended.code == 1
    assert part in ended.err.lower()
    told = json.loads(wakala(*check, "--json", stdin=PASSKEY).out)
    assert told["Right"] is False
    assert part in " ".join(told["Faults"]).lower()
    assert PASSKEY not in ended.err + json.dumps(told)


def certificate(folder: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, encoding: Encoding) -> Path:
    """Expired, as M-Pesa's are."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2017, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2019, 1, 1, tzinfo=dt.UTC))
        .sign(key, SHA256())
    )
    path = folder / "cert.cer"
    path.write_bytes(made.public_bytes(encoding))
    return path


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_security_credential_opens_with_the_private_key(wakala: Command, tmp_path: Path, encoding: Encoding) -> None:
    key = rsa.generate_private_key(65537, 2048)
    path = certificate(tmp_path, key, encoding)
    seal = ("credentials", "security-credential", str(path))
    sealed = []
    for _ in range(2):
        ended = wakala(*seal, "--json", stdin="Safaricom999!*!\n")
        assert ended.code == 0
        told = json.loads(ended.out)
        assert told["CertificateExpired"] is True
        assert len(told["CertificateSha256"]) == 95
        sealed.append(told["SecurityCredential"])
        assert key.decrypt(base64.b64decode(sealed[-1]), padding.PKCS1v15()) == b"Safaricom999!*!"
        assert "Safaricom999" not in ended.out + ended.err
    assert sealed[0] != sealed[1]
    assert "expired, as M-Pesa's are" in wakala(*seal, stdin="x").err


def test_what_is_no_certificate_of_m_pesas_is_refused(wakala: Command, tmp_path: Path) -> None:
    seal = ("credentials", "security-credential")
    assert "no certificate at" in wakala(*seal, "nowhere.cer", stdin="x").err
    (tmp_path / "text.cer").write_text("hello")
    assert "PEM or DER" in wakala(*seal, "text.cer", stdin="x").err
    elliptic = certificate(tmp_path, ec.generate_private_key(ec.SECP256R1()), Encoding.PEM)
    ended = wakala(*seal, str(elliptic), stdin="x")
    assert ended.code == 1
    assert "no RSA key" in ended.err
