"""A merchant: takes notifications, verifies each signature with the Standard Webhooks library, remembers everything."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

OUTCOMES = frozenset({"payment.succeeded", "payment.failed", "payment.expired"})


@dataclass(frozen=True, slots=True)
class Note:
    """One notification as it arrived; the same one arriving again is another note with the same ID."""

    id: str
    type: str
    body: dict[str, Any]

    @property
    def payment(self) -> dict[str, Any]:
        payment: dict[str, Any] = self.body["data"]
        return payment


@dataclass
class Merchant:
    """Answers 200, or what a test lays into ``replies`` for the coming posts; ``gate`` holds its answers back."""

    url: str = ""
    secret: str = ""
    notes: list[Note] = field(default_factory=list)
    replies: list[int] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    by_request: defaultdict[str, list[Note]] = field(default_factory=lambda: defaultdict(list))
    settled: set[str] = field(default_factory=set)

    def outcomes(self, request_id: str) -> list[Note]:
        """What the merchant was told of how a request ended; a note that came twice counts once."""
        told = {note.id: note for note in self.by_request[request_id] if note.type in OUTCOMES}
        return list(told.values())

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            Webhook(self.secret).verify(body, {name.lower(): value for name, value in request.headers.items()})
        except Exception as refused:  # noqa: BLE001 - whatever is wrong with a signature fails the test at its end
            self.forged.append(f"{refused!r}: {body[:200]!r}")
            return web.Response(status=401)
        told = json.loads(body)
        note = Note(request.headers["webhook-id"], told["type"], told)
        self.notes.append(note)
        self.by_request[note.payment["RequestID"]].append(note)
        if note.type in OUTCOMES:
            self.settled.add(note.payment["RequestID"])
        await self.gate.wait()
        return web.Response(status=self.replies.pop(0) if self.replies else 200)


@asynccontextmanager
async def running_merchant() -> AsyncIterator[Merchant]:
    merchant = Merchant()
    merchant.gate.set()
    app = web.Application()
    app.router.add_post("/wakala", merchant.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    merchant.url = f"http://127.0.0.1:{runner.addresses[0][1]}/wakala"
    try:
        yield merchant
        assert not merchant.forged, merchant.forged
    finally:
        await runner.cleanup()
