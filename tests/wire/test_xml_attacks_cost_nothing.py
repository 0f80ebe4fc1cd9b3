"""The known attacks on readers of XML: refused, with memory flat however the attack grows."""

import time
import tracemalloc

import pytest

from wakala.wire import safe_xml

LEVELS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION_LAUGHS = f'<!DOCTYPE a [<!ENTITY l0 "ha">{LEVELS}]><a>&l9;</a>'.encode()
QUADRATIC = f'<!DOCTYPE a [<!ENTITY b "{"x" * 50_000}">]><a>{"&b;" * 50_000}</a>'.encode()
OUTSIDE = b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:1/b"> %b;]><a/>'
SCHEMA = b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>'
DEEP = b"<a>" * 300_000
WIDE = b"<a>" + b"<b/>" * 250_000 + b"</a>"
HUGE = b"<a>" + b" " * 100_000_000 + b"</a>"
UTF7 = b'<?xml version="1.0" encoding="utf-7"?>+ADw-a+AD4-'
WRONG_ENCODING = b'<?xml version="1.0" encoding="utf-16"?><a/>'

FLAT_BYTES = 8 * 1024 * 1024  # the elements that the limit allows; the attacks would claim gigabytes


ATTACKS = pytest.mark.parametrize(
    "attack",
    [BILLION_LAUGHS, QUADRATIC, OUTSIDE, SCHEMA, DEEP, WIDE, HUGE, UTF7, WRONG_ENCODING],
    ids=["laughs", "quadratic", "outside", "schema", "deep", "wide", "huge", "utf-7", "wrong encoding"],
)
COST_LIMIT_S = 0.1  # of this processor's time, so that a busy machine does not decide; the best of a few


@ATTACKS
def test_an_attack_is_refused_with_flat_memory(attack: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(safe_xml.UnsafeXmlError):
            safe_xml.read(attack)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < FLAT_BYTES


@ATTACKS
def test_an_attack_is_refused_within_a_tenth_of_a_second(attack: bytes) -> None:
    costs_s = []
    for _ in range(3):
        started_s = time.process_time()
        with pytest.raises(safe_xml.UnsafeXmlError):
            safe_xml.read(attack)
        costs_s.append(time.process_time() - started_s)
    assert min(costs_s) < COST_LIMIT_S
