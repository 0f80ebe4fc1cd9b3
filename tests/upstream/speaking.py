"""M-Pesa as a list of answers, for the tests of what is said to it and what its answers mean."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from wakala.identity import Source
from wakala.outgoing import Outgoing
from wakala.simulator.certificate import Certificate
from wakala.upstream.daraja import Daraja
from wakala.upstream.door import Credentials

CERTIFICATE = Certificate().pem()
NOW_US = 1_795_000_000_000_000


class Clock:
    """Stands still until it is moved."""

    now_us = NOW_US

    def advance(self, seconds: float) -> None:
        self.now_us += int(seconds * 1_000_000)


@dataclass
class Mpesa:
    """Gives a new token whenever it is asked for one, and to commands its answers in turn; None hangs up."""

    url: str = ""
    token_status: int = 200
    token_body: bytes = b""
    token_lives_s: list[int] = field(default_factory=list)
    answers: list[tuple[int, Any] | None] = field(default_factory=list)
    tokens: int = 0
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        asked = await reader.readexactly(int(lines.get("content-length", "0")))
        answer: tuple[int, Any] | None
        if "/oauth/" in head:
            self.tokens += 1
            life_s = self.token_lives_s.pop(0) if self.token_lives_s else 3599
            token = {"access_token": f"token-{self.tokens}", "expires_in": str(life_s)}
            answer = self.token_status, self.token_body or token
        else:
            self.sent.append((head.split()[1], lines["authorization"].split()[1], json.loads(asked)))
            answer = self.answers.pop(0)
        if answer is not None:
            status, told = answer
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            writer.write(
                b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
            )
            await writer.drain()
        writer.close()

    @property
    def sent_with(self) -> list[str]:
        """The tokens that the commands bore."""
        return [token for _, token, _ in self.sent]

    @property
    def credentials(self) -> Credentials:
        return Credentials(
            "sc_1", self.url, "600100", "600100", False, "key", "secret", "passkey", "api", "Safe#1", CERTIFICATE
        )


@asynccontextmanager
async def speaking() -> AsyncIterator[Mpesa]:
    mpesa = Mpesa()
    server = await asyncio.start_server(mpesa.serve, "127.0.0.1", 0)
    mpesa.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield mpesa
    server.close()


@asynccontextmanager
async def daraja_by(clock: Clock) -> AsyncIterator[Daraja]:
    outgoing = Outgoing(guarded=False)
    await outgoing.open()
    yield Daraja(outgoing, Source(lambda: clock.now_us, os.urandom), answer_limit_s=600)
    await outgoing.close()
