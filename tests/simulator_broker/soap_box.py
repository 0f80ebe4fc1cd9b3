"""The Broker's caller as a test has it: its listener, its certificates, and its messages made of the samples."""

from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from aiohttp import web

from simulator.box import until
from wakala.simulator.machine import Simulator

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.xml").read_text()


@dataclass
class Caller:
    """The merchant: its listener with a certificate, what it was sent, and what it answers."""

    url: str = ""
    posts: list[tuple[str, str]] = field(default_factory=list)
    peers: list[object] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.Response:
        self.posts.append((request.path, await request.text()))
        transport = request.transport
        self.peers.append(transport.get_extra_info("peercert") if transport is not None else None)
        text = self.replies.get(request.path, sample("result-ack-01-success"))
        return web.Response(text=text, content_type="text/xml")

    def at(self, path: str) -> list[str]:
        return [body for where, body in self.posts if where == path]

    async def received(self, path: str, count: int = 1) -> list[str]:
        await until(lambda: len(self.at(path)) >= count)
        return self.at(path)


@dataclass
class Broker:
    """The simulator from the caller's side."""

    machine: Simulator
    client: httpx2.AsyncClient
    caller: Caller

    async def post(self, path: str, text: str) -> httpx2.Response:
        return await self.client.post(path, content=text.encode(), headers={"Content-Type": "text/xml; charset=utf-8"})

    def filled(self, name: str, **swaps: str) -> str:
        """A sample with this caller's addresses and the numbers of the sandbox."""
        text = sample(name).replace("https://gateway.example:4043", self.caller.url)
        text = text.replace("https://gateway.example", self.caller.url)
        numbers = {"600630": "600998", "600610": "600984", "600640": "600000", "apiops1": "testapi"}
        for old, new in (numbers | swaps).items():
            text = text.replace(old, new)
        return text

    async def ask(self, name: str, **swaps: str) -> httpx2.Response:
        return await self.post("/mminterface/request", self.filled(name, **swaps))
