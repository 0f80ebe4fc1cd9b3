"""A program that answers instead of Daraja, and the proxy in front of it."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from wakala.redirect import LIVE_HOST, SANDBOX_HOST, environment
from wakala.redirect.authority import Authority, prepare
from wakala.redirect.messages import Answering
from wakala.redirect.proxy import Proxy


class Echo(BaseHTTPRequestHandler):
    """Says what it was asked."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        told = {
            "method": self.command,
            "path": self.path,
            "body": body,
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        said = json.dumps(told).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = answer  # noqa: N815 - http.server's own names

    def log_message(self, *_: object) -> None:
        """Quiet."""


@dataclass(frozen=True)
class Redirected:
    url: str
    port: int
    authority: Authority
    variables: dict[str, str]


@pytest.fixture
def echo_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def redirected(tmp_path: Path, echo_url: str) -> AsyncIterator[Redirected]:
    now = datetime.now(UTC)
    authority = prepare(tmp_path, now)
    answering = Answering({SANDBOX_HOST: f"{echo_url}/sandbox", LIVE_HOST: echo_url})
    proxy = Proxy(answering, authority.server_context(tmp_path, now))
    url = await proxy.start(0)
    values = environment.variables(url, authority, environment.write_preload(tmp_path, url))
    yield Redirected(url, int(url.rpartition(":")[2]), authority, values)
    await asyncio.wait_for(proxy.stop(), 10)
