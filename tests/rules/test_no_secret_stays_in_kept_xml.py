"""What is kept of M-Pesa's XML has none of the secrets that we write into it."""

from pathlib import Path

import pytest

from wakala.rules.exchange import MARK, redact, secrets_of

SAMPLES = Path(__file__).parents[1] / "wire" / "samples" / "broker"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("b2c-01-request-business-payment", b"NWJkMDBhYjA1Y2Nj"),
        ("b2c-01-request-business-payment", b"ts/yvirbLKwP4ybv"),
        ("b2c-01-request-business-payment", b"CallerPassword0"),
        ("mgmt-01-change-password-request", b"ShOorXwu4q6VZb0atql"),
        ("queue-01-notify-queue-timeout", b"PHNvYXBlbnY6RW52"),
        ("query-02-query-transaction-response-ok", b"UE9TVCAvbW1pbnRl"),
    ],
)
def test_a_secret_is_taken_out(name: str, secret: bytes) -> None:
    document = (SAMPLES / f"{name}.xml").read_bytes()
    assert secret in document
    assert secret not in redact(document)
    assert MARK.encode() in redact(document)
    assert any(secret in found for found in secrets_of((), document))


def test_an_inner_document_that_was_escaped_hides_nothing() -> None:
    kept = redact(b"<a>&lt;Password&gt;hunter2hunter2&lt;/Password&gt;</a>")
    assert kept == b"<a>&lt;Password&gt;[secret]&lt;/Password&gt;</a>"


def test_the_rest_is_untouched() -> None:
    document = (SAMPLES / "b2c-07-result-success.xml").read_bytes()
    assert redact(document) == document
    empty = b"<request><Password></Password><Password/></request>"
    assert redact(empty) == empty
