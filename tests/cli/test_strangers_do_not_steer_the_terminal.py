"""What M-Pesa, a customer or a stranger wrote is shown by every command, and obeyed by no terminal."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.gateway import House, running_gateway
from services.programs import Done, command
from wakala.rules.accounts import Environment

ESCAPES = "\x1b]0;owned\x07\x9b31m\x7f\u202e"  # a title, a colour, a rubout, and letters from right to left
SHOWN_CONTROL = "\n"


def steers(text: str) -> str:
    """The characters of a text that a terminal would act upon."""
    return "".join(sorted({char for char in text if not char.isprintable() and char != SHOWN_CONTROL}))


@asynccontextmanager
async def refusing_mpesa() -> AsyncIterator[str]:
    """An M-Pesa that refuses everything, in words that a terminal would act upon, at a time that is none."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"errorCode": "400.008.01", "errorMessage": f"Bad {ESCAPES}"}).encode()
        head = f"HTTP/1.1 400 No\r\nDate: soon\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def configured(house: House, folder: Path, **urls: str) -> Path:
    daraja = house.gateway.settings.daraja
    known = {"sandbox_url": daraja.sandbox_url, "live_url": daraja.live_url} | urls
    path = folder / "wakala.toml"
    lines = [f'{name} = "{url}"' for name, url in known.items()]
    path.write_text("\n".join(["[server]", f"port = {house.gateway.settings.server.port}", "[daraja]", *lines]))
    path.chmod(0o600)
    return path


async def test_what_was_written_into_a_payment_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    async with running_gateway(tmp_path) as house:
        told = (await house.push("ODD")).json()
        items = {"Amount": 150, "MpesaReceiptNumber": f"R{ESCAPES}", "PhoneNumber": 254712345678}
        callback = {
            "MerchantRequestID": told["MerchantRequestID"],
            "CheckoutRequestID": told["CheckoutRequestID"],
            "ResultCode": 0,
            "ResultDesc": f"Paid {ESCAPES}",
            "CallbackMetadata": {"Item": [{"Name": name, "Value": value} for name, value in items.items()]},
        }
        url = house.gateway.payments.callback_url("stk", told["PaymentID"])
        body = json.dumps({"Body": {"stkCallback": callback}}, ensure_ascii=False)
        assert (await house.client.post(url, content=body)).status_code == 200
        assert (await house.request("ODD"))["MpesaReceiptNumber"] == f"R{ESCAPES}"
        (shortcode,) = await house.gateway.journal.shortcodes()
        collect = house.gateway.payments.callback_url("c2b_confirmation", shortcode.id)
        stray = {"TransID": "RCPT12345", "TransAmount": "1", "BusinessShortCode": f"1{ESCAPES}"}
        assert (await house.client.post(collect, content=json.dumps(stray))).status_code == 200
        config = str(configured(house, tmp_path))
        (owed,) = await house.gateway.journal.notifications_of(told["PaymentID"])
        commands = (("trace", "ODD"), ("requests",), ("notifications",), ("quarantine",))
        commands = (*commands, ("notifications", "show", owed.id))
        shown = []
        for words in (*commands, *((*one, "--json") for one in commands)):
            done = await command("-c", config, *words)
            assert (done.code, done.out != "", steers(done.out), steers(done.err)) == (0, True, "", ""), words
            shown.append(done.out)
        assert "owned" in shown[0]
        assert json.loads(shown[5])["MpesaReceiptNumber"] == f"R{ESCAPES}"
        assert f"1{ESCAPES}" in json.loads(shown[8])[0]["Body"].encode().decode("unicode_escape")


async def test_why_m_pesa_refused_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    async with refusing_mpesa() as url, running_gateway(tmp_path) as house:
        await house.add_shortcode(number="600123", environment=Environment.LIVE)
        config = str(configured(house, tmp_path, live_url=url, sandbox_url=url))
        refused = await command("-c", config, "credentials", "token", "600123", "--environment", "live")
        looked = await command("-c", config, "doctor")
    for done in (refused, looked):
        assert "Traceback" not in done.err
        assert (steers(done.out), steers(done.err)) == ("", "")
    assert (refused.code, "owned" in refused.err) == (6, True)
    assert "owned" in looked.out


async def test_a_server_whose_date_is_none_does_not_end_the_doctors_round(tmp_path: Path) -> None:
    async with refusing_mpesa() as url, running_gateway(tmp_path) as house:
        done: Done = await command("-c", str(configured(house, tmp_path, sandbox_url=url)), "doctor", "--json")
    assert "Traceback" not in done.err
    assert {one["check"] for one in json.loads(done.out)} >= {"clock", "callback address"}


LOGGING = """
import logging
from wakala.cli.commands import LogLevel, _log
_log(LogLevel.INFO)
logging.getLogger("wakala").warning("GET %s", "/x\\x1b]0;owned\\x07\\n2026-01-01 WARNING forged")
try:
    raise ValueError("odd \\x9b31m")
except ValueError:
    logging.getLogger("wakala").exception("broke")
"""


def test_a_log_has_one_line_a_record_and_its_stack() -> None:
    done = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, timeout=60, check=True)
    assert steers(done.stderr) == ""
    first, second, *stack = done.stderr.splitlines()
    assert "owned" in first
    assert "forged" in first
    assert second.endswith("wakala broke")
    assert stack[0].startswith("Traceback")
    assert stack[-1].startswith("ValueError: odd ")
