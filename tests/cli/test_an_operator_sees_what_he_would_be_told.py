"""`wakala alert`: what there was to tell, whether telling works, and how the receiver knows us."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Command, Ended
from wakala.config import load
from wakala.journal.endpoints import EndpointEvent
from wakala.journal.journal import Journal
from wakala.journal.sqlite import SqliteDatabase

SECRET_PATH = "/services/T0001/whoever-knows-this-may-write"


@pytest.fixture
def installed(wakala: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """An installation with a live shortcode and an app."""
    (tmp_path / "s").write_text("s3cretValue")
    monkeypatch.setenv("WAKALA__DARAJA__LIVE_URL", "http://127.0.0.1:9")
    keys = ("--consumer-key", "k", "--consumer-secret-file", "s", "--passkey-file", "s")
    assert wakala("init").code == 0
    assert wakala("shortcode", "add", "--number", "600984", "--environment", "live", *keys).code == 0
    assert wakala("app", "create", "--name", "shop").code == 0
    return wakala


def told(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


@contextmanager
def chat(status: int) -> Iterator[tuple[str, list[bytes]]]:
    """A receiver that answers so; its address and what it was sent."""
    bodies: list[bytes] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Chat) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{SECRET_PATH}", bodies
        server.shutdown()


def an_endpoint_fails(folder: Path) -> None:
    """As a gateway writes it down."""

    async def write() -> None:
        settings = load(folder / "wakala.toml")
        assert settings.sqlite_path is not None
        store = SqliteDatabase(settings.sqlite_path)
        await store.open()
        journal = Journal(store)
        (app,) = await journal.apps()
        happened = ("eev_0123456789ab0123", app.organisation_id, app.id, "", 1_795_000_000_000_000, "endpoint.failing")
        await journal.endpoints.record_event(EndpointEvent(*happened, "Nothing but failures for 1 h."))
        await store.close()

    asyncio.run(write())


def alerts_finding(wakala: Command) -> dict[str, str]:
    (found,) = [one for one in json.loads(wakala("doctor", "--json").out) if one["check"] == "alerts"]
    return dict(found)


def test_the_list_says_what_happened_whether_anybody_is_told_or_not(installed: Command, tmp_path: Path) -> None:
    assert "No alert yet" in installed("alert", "list").out
    assert told(installed("alert", "list", "--json")) == []
    an_endpoint_fails(tmp_path)
    assert "The endpoint of shop fails." in installed("alert", "list").out
    (one,) = told(installed("alert", "list", "--json"))
    assert (one["Type"], one["ToldAt"], one["Attempts"]) == ("endpoint.failing", None, 0)


def test_a_test_is_sent_and_says_who_took_it(installed: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with chat(200) as (url, bodies):
        monkeypatch.setenv("WAKALA__ALERTS__URL", url)
        ended = installed("alert", "test")
    assert (ended.code, json.loads(bodies[0])["type"]) == (0, "alert.test")
    assert "took it" in ended.err
    assert SECRET_PATH not in ended.err


def test_a_test_that_is_not_taken_says_why_and_ends_with_1(installed: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with chat(403) as (url, _):
        monkeypatch.setenv("WAKALA__ALERTS__URL", url)
        ended = installed("alert", "test")
    assert ended.code == 1
    assert "did not take the alert: it answered 403" in ended.err
    assert SECRET_PATH not in ended.err


def test_without_a_url_it_says_which_setting_is_missing(installed: Command) -> None:
    ended = installed("alert", "test")
    assert ended.code == 1
    assert "alerts.url is not set" in ended.err


def test_a_url_that_is_none_stops_every_command(installed: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKALA__ALERTS__URL", "ops.example/hook")
    ended = installed("alert", "list")
    assert ended.code == 1
    assert "alerts.url" in ended.err


def test_settings_with_an_alerts_url_may_be_read_by_nobody_else(installed: Command, tmp_path: Path) -> None:
    """Who knows a chat's address may write there."""
    file = tmp_path / "wakala.toml"
    file.write_text(file.read_text() + f'\n[alerts]\nurl = "https://chat.example{SECRET_PATH}"\n')
    assert installed("alert", "list").code == 0
    file.chmod(0o644)
    ended = installed("alert", "list")
    assert ended.code == 1
    assert "chmod 600" in ended.err
    assert SECRET_PATH not in ended.err


def test_the_key_is_the_same_as_long_as_the_key_file_is(installed: Command) -> None:
    key = installed("alert", "key").out.strip()
    assert key.startswith("whpk_")
    assert told(installed("alert", "key", "--json")) == {"PublicKey": key}


def test_the_doctor_says_who_is_told(installed: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = alerts_finding(installed)
    assert found["state"] == "warning"
    assert "set alerts.url" in found["finding"]
    an_endpoint_fails(tmp_path)
    monkeypatch.setenv("WAKALA__ALERTS__URL", "http://127.0.0.1:9/")
    assert alerts_finding(installed)["state"] == "ok", "nobody has tried to tell it so far"
