"""A dynamic QR code is a PNG of the size that was asked for; its words are ours (daraja.md 2.15)."""

import base64
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.box import Box, sample
from wakala.simulator import qr

PATH = "/mpesa/qrcode/v1/generate"
PNG_MARK = b"\x89PNG\r\n\x1a\n"


async def generate(box: Box, **changes: Any) -> Any:
    return await box.post(PATH, {**sample("qr_request"), **changes})


def rows_of(picture: bytes) -> list[bytes]:
    """The grey rows of a picture, read without the code that wrote them."""
    assert picture.startswith(PNG_MARK)
    at, data, width = len(PNG_MARK), b"", 0
    while at < len(picture):
        size, kind = struct.unpack(">I4s", picture[at : at + 8])
        content = picture[at + 8 : at + 8 + size]
        assert struct.unpack(">I", picture[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + content)
        width = struct.unpack(">I", content[:4])[0] if kind == b"IHDR" else width
        data += content if kind == b"IDAT" else b""
        at += 12 + size
    pixels = zlib.decompress(data)
    return [pixels[start + 1 : start + 1 + width] for start in range(0, len(pixels), width + 1)]


async def test_the_answer_has_the_captured_shape(box: Box) -> None:
    answer = await generate(box)
    expected = sample("qr_response")
    own = ("RequestID", "QRCode")
    assert answer.json() == {**expected, **{name: answer.json()[name] for name in own}}


@pytest.mark.parametrize("size", ["300", 300, "57", "2000"])
async def test_the_picture_is_a_square_of_that_size(box: Box, size: str | int) -> None:
    rows = rows_of(base64.b64decode((await generate(box, Size=size)).json()["QRCode"]))
    assert len(rows) == int(size)
    assert {len(row) for row in rows} == {int(size)}


async def test_without_a_size_it_has_300_pixels_and_a_tiny_size_is_widened_to_fit(box: Box) -> None:
    body = {name: value for name, value in sample("qr_request").items() if name != "Size"}
    usual = base64.b64decode((await box.post(PATH, body)).json()["QRCode"])
    tiny = base64.b64decode((await generate(box, Size="1")).json()["QRCode"])
    assert len(rows_of(usual)) == 300
    assert len(rows_of(tiny)) > 21  # the smallest code there is has 21 modules


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("MerchantName", ""),
        ("RefNo", None),
        ("Amount", 0),
        ("Amount", "1.50"),
        ("TrxCode", "XX"),
        ("TrxCode", "bg"),
        ("CPI", ""),
        ("Size", "0"),
        ("Size", "2001"),
        ("Size", "large"),
    ],
)
async def test_a_wrong_field_is_named(box: Box, field: str, value: Any) -> None:
    answer = await generate(box, **{field: value})
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")


async def test_the_call_log_says_what_the_picture_says(box: Box) -> None:
    await generate(box, MerchantName="A|B")
    [call] = [each for each in (await box.control("calls", method="GET"))["calls"] if each["kind"] == "qr"]
    assert call["reason"].endswith("MPESA|BG|373132|150|INV-2041|A B")


@given(st.lists(st.lists(st.booleans(), min_size=21, max_size=21), min_size=21, max_size=21), st.integers(1, 200))
def test_every_module_is_a_block_of_whole_pixels_in_a_white_frame(modules: list[list[bool]], size: int) -> None:
    rows = rows_of(qr.png([bytes(row) for row in modules], size))
    framed = 21 + 2 * qr.QUIET_MODULES
    scale = max(1, size // framed)
    frame = (len(rows) - 21 * scale) // 2
    assert len(rows) == max(size, framed)
    assert frame >= qr.QUIET_MODULES * scale
    read = [[rows[frame + row * scale][frame + column * scale] == 0 for column in range(21)] for row in range(21)]
    assert read == modules
    assert {*rows[0], *rows[-1], *(row[0] for row in rows), *(row[-1] for row in rows)} == {255}
