"""XML that attacks its reader is refused; ordinary XML is read by local names."""

from __future__ import annotations

import pytest

from wakala.wire import safe_xml

BILLION_LAUGHS = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>'
OUTSIDE_ENTITY = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'


@pytest.mark.parametrize(
    "document",
    [
        BILLION_LAUGHS,
        OUTSIDE_ENTITY,
        b"<!DOCTYPE a><a/>",
        b"<a>" * 40 + b"</a>" * 40,
        b"<a>" + b"<b/>" * safe_xml.ELEMENTS_LIMIT + b"</a>",
        b" " * (safe_xml.SIZE_LIMIT_BYTES + 1),
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"<a>\x01</a>",
        b"<a>&unknown;</a>",
        b"<a>",
        b"",
    ],
)
def test_an_attack_or_a_fault_is_refused(document: bytes) -> None:
    with pytest.raises(safe_xml.UnsafeXmlError):
        safe_xml.read(document)


def test_names_lose_their_namespace_and_text_its_margins() -> None:
    root = safe_xml.read(b'<n:a xmlns:n="urn:x"><n:b> <![CDATA[<c/>]]>\n</n:b></n:a>')
    assert root.name == "a"
    inner = root.child("b")
    assert inner is not None
    assert inner.text == "<c/>"
    assert root.child("d") is None
