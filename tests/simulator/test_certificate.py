"""What was encrypted with the simulator's certificate is read again; anything else is not, and breaks nothing."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from wakala.simulator import certificate
from wakala.simulator.certificate import Certificate

OWN = Certificate()
PUBLIC = x509.load_pem_x509_certificate(OWN.pem().encode()).public_key()


def sealed(secret: bytes) -> str:
    assert isinstance(PUBLIC, rsa.RSAPublicKey)
    return base64.b64encode(PUBLIC.encrypt(secret, padding.PKCS1v15())).decode()


@given(st.text(max_size=60))
def test_a_password_is_read_again(password: str) -> None:
    assert OWN.read(sealed(password.encode())) == password


@given(
    st.one_of(
        st.text(max_size=400), st.binary(min_size=256, max_size=256).map(lambda raw: base64.b64encode(raw).decode())
    )
)
def test_anything_else_is_opaque(credential: str) -> None:
    assert OWN.read(credential) is None


def test_line_breaks_inside_are_harmless() -> None:
    credential = sealed(b"Safaricom999!*!")
    assert OWN.read(f"{credential[:76]}\n{credential[76:]}\r\n") == "Safaricom999!*!"


def test_bytes_that_are_no_text_are_opaque() -> None:
    assert OWN.read(sealed(b"\xff\xfe")) is None


def test_before_anyone_fetched_a_certificate_everything_is_opaque() -> None:
    fresh = Certificate()
    assert fresh.read(sealed(b"secret")) is None
    assert not fresh.exists


def test_a_kept_key_reads_what_the_first_one_sealed() -> None:
    again = Certificate(OWN.private_pem())
    assert again.read(sealed(b"secret")) == "secret"


def test_only_the_latest_credentials_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "READ_MAX", 3)
    own = Certificate(OWN.private_pem())
    for number in range(5):
        own.read(sealed(b"%d" % number))
    assert list(own._read.values()) == ["2", "3", "4"]
