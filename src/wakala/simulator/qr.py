"""Dynamic QR: what a code says, and the picture of it (daraja.md 2.15).

What M-Pesa writes into its codes is documented nowhere. Ours is a line of text, so that any reader shows what a scan
would pay; no other program should rely on it.
"""

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import Literal, get_args

import segno

QUIET_MODULES = 4
"""The white frame that readers ask for, in modules."""

SIZE_MAX_PIXELS = 2_000
"""A picture as large as a poster's; nobody needs a bigger one, and memory has an end."""

Purpose = Literal["BG", "PB", "WA", "SM", "SB"]
"""Buy goods, paybill, withdrawal at an agent, send money, business number."""

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@dataclass(frozen=True, slots=True)
class Code:
    """What a customer pays who scans it. ``party`` is a till, paybill or agent number, or a phone."""

    merchant: str
    reference: str
    amount_cents: int
    purpose: Purpose
    party: str

    @property
    def text(self) -> str:
        """The line inside the picture."""
        parts = (self.purpose, self.party, str(self.amount_cents // 100), self.reference, self.merchant)
        return "|".join(("MPESA", *(part.replace("|", " ") for part in parts)))


def picture(code: Code, size_pixels: int) -> str:
    """The code as a PNG in base64, without a ``data:`` prefix: a square of exactly that size, if it fits in at all."""
    modules = [bytes(row) for row in segno.make_qr(code.text, error="m").matrix]
    return base64.b64encode(png(modules, size_pixels)).decode()


def png(modules: list[bytes], size_pixels: int) -> bytes:
    """A black and white PNG. Modules are whole pixels, so what is left over widens the frame; 1 is black."""
    framed_count = len(modules) + 2 * QUIET_MODULES
    scale = max(1, size_pixels // framed_count)
    size_pixels = max(size_pixels, framed_count)
    before = (size_pixels - scale * len(modules)) // 2
    after = size_pixels - scale * len(modules) - before
    blank = b"\xff" * size_pixels
    rows = [blank] * before
    for line in modules:
        dots = b"".join((b"\0" if dark else b"\xff") * scale for dark in line)
        rows += [b"\xff" * before + dots + b"\xff" * after] * scale
    rows += [blank] * after
    header = struct.pack(">IIBBBBB", size_pixels, size_pixels, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
