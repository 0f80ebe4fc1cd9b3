"""A merchant as a process: writes down what it takes, byte for byte, before it says so; may be killed at any line.

Its mood stands in a file, read at each notification: ``right``, ``slow``, ``errors``, ``babble`` or ``never``.

    merchant_program.py PORT FOLDER NAME

The secret of its app stands in the file NAME.secret of the folder.
"""

import asyncio
import hashlib
import json
import os
import random
import sys
import time
from pathlib import Path

from standardwebhooks import Webhook

LINE_LIMIT_BYTES = 1_048_576
SLOW_S = (0.3, 3.0)  # some of it beyond the gateway's time-out: taken, and yet tried again
NEVER_S = 30.0
BABBLE = b"HTTP/1.1 200 maybe\r\ncontent-length: -7\r\n\r\n<<<\x00\xff{{{not an answer"
ERRORS = (500, 502, 503, 404, 301, 429)


class Merchant:
    """Takes notifications of one app."""

    def __init__(self, folder: Path, name: str) -> None:
        self._webhook = Webhook((folder / f"{name}.secret").read_text())
        self._mood_file = folder / f"{name}.mood"
        self._told = os.open(folder / f"{name}.told.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, however many notifications come on it."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = _headers(head)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                answer = await self._answer(headers, body)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if answer is BABBLE:
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # whoever called has gone
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def _answer(self, headers: dict[str, str], body: bytes) -> bytes | None:
        mood = self._mood()
        if mood == "never":
            await asyncio.sleep(NEVER_S)
            return None
        if mood == "babble":
            return BABBLE
        if mood == "errors":
            return _status(random.choice(ERRORS))
        if mood == "slow":
            await asyncio.sleep(random.uniform(*SLOW_S))
        self._write_down(headers, body)
        return _status(200)

    def _mood(self) -> str:
        try:
            return self._mood_file.read_text() or "right"
        except FileNotFoundError:
            return "right"

    def _write_down(self, headers: dict[str, str], body: bytes) -> None:
        """One whole line in one write: it survives a kill of this process, and says what was taken."""
        line = {
            "at": time.time(),
            "id": headers.get("webhook-id", ""),
            "is_signed": self._is_signed(headers, body),
            "body": hashlib.sha256(body).hexdigest(),
            **_named(body),
        }
        os.write(self._told, json.dumps(line).encode() + b"\n")

    def _is_signed(self, headers: dict[str, str], body: bytes) -> bool:
        try:
            self._webhook.verify(body, headers)
        except Exception:  # noqa: BLE001 - whatever is wrong with a signature, it is wrong
            return False
        return True


def _named(body: bytes) -> dict[str, str]:
    told = json.loads(body)
    data = told["data"]
    return {"type": told["type"], "payment": data["PaymentID"], "request": data["RequestID"], "state": data["State"]}


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}


def _status(status: int) -> bytes:
    return f"HTTP/1.1 {status} said\r\ncontent-length: 0\r\n\r\n".encode()


async def main(port: int, folder: Path, name: str) -> None:
    """Serve until killed."""
    merchant = Merchant(folder, name)
    server = await asyncio.start_server(merchant.serve, "127.0.0.1", port, backlog=1024, limit=LINE_LIMIT_BYTES)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
