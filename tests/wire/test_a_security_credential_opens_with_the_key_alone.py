"""SecurityCredential: sealed for M-Pesa's key with an expired certificate, as M-Pesa's certificates are."""

import base64
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from wakala.errors import ConfigurationError
from wakala.wire.security_credential import read_certificate, security_credential

KEY = rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, encoding: Encoding = Encoding.PEM) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2014, 11, 12, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2016, 11, 11, tzinfo=dt.UTC))
        .sign(key, SHA256())
    )
    return made.public_bytes(encoding)


PEM = certificate(KEY).decode()


@pytest.mark.parametrize("password", ["Safaricom999!*!", "x", "n\u00e9no", "0" * 245])
def test_a_password_comes_out_as_it_went_in(password: str) -> None:
    sealed = security_credential(password, PEM)
    assert len(sealed) == 344
    assert KEY.decrypt(base64.b64decode(sealed, validate=True), padding.PKCS1v15()) == password.encode()


def test_two_seals_of_one_password_differ() -> None:
    assert security_credential("secret", PEM) != security_credential("secret", PEM)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_certificate_is_read_in_both_forms(encoding: Encoding) -> None:
    assert read_certificate(certificate(KEY, encoding)).public_key() == KEY.public_key()


@pytest.mark.parametrize("pem", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(pem: str) -> None:
    with pytest.raises(ConfigurationError, match="PEM or DER"):
        security_credential("secret", pem)


def test_a_certificate_without_rsa_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no RSA key"):
        security_credential("secret", certificate(ec.generate_private_key(ec.SECP256R1())).decode())


def test_a_password_too_long_for_the_key_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="longer") as refused:
        security_credential("s" * 246, PEM)
    assert "sss" not in str(refused.value)
