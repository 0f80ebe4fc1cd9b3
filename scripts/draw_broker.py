"""Draws the payout in docs/broker.md from a real run: gateway, simulator and its Broker, over mutual TLS.

What differs from run to run (IDs, times, receipts, a port) is left as it came, and alone it is no reason to draw anew.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from acceptance.faces import NUMBER  # noqa: E402
from broker.conftest import broker_house  # noqa: E402
from services.gateway import SANDBOX, basic, eventually  # noqa: E402

PAGE = ROOT / "docs" / "broker.md"
MARKS = ("<!-- drawn: begin -->\n", "<!-- drawn: end -->\n")
# Times, a port and IDs: a long word with a digit in it.
PASSING = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+|\d\d\.\d\d\.\d{4} [\d:]+|(?<=127\.0\.0\.1:)\d+|\b(?=\w*\d)\w{10,}",
)
STEPS = {
    "api_request": ("1. The merchant asks", "request"),
    "b2c_businesspayment": ("2. What Wakala sends to the Broker", "request"),
    "b2c_businesspayment answer": ("3. What the Broker answers", "answer"),
    "result_callback": ("4. The result comes", "request"),
    "result_callback answer": ("5. and is acknowledged", "answer"),
    "delivery": ("6. The merchant is told", "request"),
}


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with broker_house(Path(folder)) as found:
            house = found.house
            body = {
                "RequestID": "PAYOUT-1",
                "SenderShortcode": NUMBER,
                "Amount": 150,
                "ReceiverMSISDN": "254712345678",
                "ReferenceData": [{"Key": "Order", "Value": "Rent & more"}],
            }
            await house.client.post(f"{SANDBOX}/b2c/businesspayment", json=body, headers=basic(house.app))
            await house.request_in("PAYOUT-1", "succeeded")
            await eventually(lambda: house.merchant.at("/wakala"))
            trace = (await house.get(f"{SANDBOX}/requests/PAYOUT-1/trace")).json()
    page = PAGE.read_text()
    redrawn = _redrawn(page, trace["Entries"])
    if PASSING.sub("", redrawn) != PASSING.sub("", page):
        PAGE.write_text(redrawn)
    print(f"Drew {PAGE.name}")


def _redrawn(page: str, entries: list[dict[str, object]]) -> str:
    drawn = ""
    for key, (title, part) in STEPS.items():
        name = key.removesuffix(" answer")
        entry = next(each for each in entries if each["Name"] == name)
        drawn += f"### {title}\n\n```{_language(_text(entry, part))}\n{_pretty(_text(entry, part))}\n```\n\n"
    before, _, rest = page.partition(MARKS[0])
    return before + MARKS[0] + "\n" + drawn + MARKS[1] + rest.partition(MARKS[1])[2]


def _text(entry: dict[str, object], part: str) -> str:
    name = "RequestBody" if part == "request" else "AnswerBody"
    return str(entry[name])


def _language(body: str) -> str:
    return "xml" if body.lstrip().startswith("<") else "json"


def _pretty(body: str) -> str:
    """A line an element, so that it can be read; long credentials are cut."""
    body = re.sub(r"([A-Za-z0-9+/]{60})[A-Za-z0-9+/=]{60,}", r"\1...", body)
    return re.sub(r">\s*<", ">\n<", body) if _language(body) == "xml" else body.replace(',"', ',\n "')


if __name__ == "__main__":
    asyncio.run(_main())
