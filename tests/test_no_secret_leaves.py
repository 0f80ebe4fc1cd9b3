"""Canaries: known secrets are planted, every flow is run, and then every place that anyone can read is searched."""

import asyncio
import base64
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from services.gateway import LIVE, SANDBOX, House, basic, eventually, proxyapi_basic, running_gateway
from wakala.administration import NewApp
from wakala.config import master_key
from wakala.rules.accounts import Environment

PASSKEY = "canary0passkey" + "a7" * 25
MPESA_SECRET = "canaryMpesaConsumerSecret42"
MPESA_TOKEN = "canaryMpesaAccessToken4242"
BODY_SECRETS = {
    "Password": "canaryBodyPassword1",
    "ConsumerSecret": "canaryBodySecret2",
    "consumer_secret": "canaryBodySecret3",
    "SecurityCredential": "canaryBodyCredential4",
    "Passkey": "canaryBodyPasskey5",
    "access_token": "canaryBodyToken6",
    "Authorization": "Basic canaryBodyBasic7",
    "ApiKey": ["canaryBodyKey8"],
    "InitiatorPassword": {"x": "canaryBodyInitiator9"},
}
ECHO_PHONE = "254700000009"


@dataclass
class Sinks:
    """What anyone can read, by where it was read."""

    texts: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, where: str, text: bytes | str) -> None:
        self.texts.append((where, text.encode() if isinstance(text, str) else text))

    def leaks(self, secrets: dict[str, str]) -> list[str]:
        found = []
        for where, text in self.texts:
            for name, secret in secrets.items():
                if secret.encode() in text:
                    at = text.index(secret.encode())
                    found.append(f"{name} in {where}: ...{text[max(0, at - 60) : at + 30]!r}")
        return found


@asynccontextmanager
async def echoing_mpesa() -> AsyncIterator[str]:
    """An M-Pesa that grants a token and then repeats every request in its complaint, in several ways."""
    turn = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length")), 0)
        got = (head + await reader.readexactly(length)).decode()
        turn += 1
        if "/oauth/" in head.decode() and turn > 2:
            status, body = "200 OK", json.dumps({"access_token": MPESA_TOKEN, "expires_in": "3599"})
        else:
            ways = [
                json.dumps({"errorCode": "500.001.1001", "errorMessage": f"You sent {got}", "requestId": "1"}),
                f"<html><body>{got}</body></html>",
                json.dumps({"fault": {"faultstring": got, "detail": {"errorcode": got}}}),
            ]
            status, body = "500 Sorry", ways[turn % len(ways)]
        secret_line = next(line for line in got.split("\r\n") if line.lower().startswith("authorization"))
        answer = f"HTTP/1.1 {status}\r\nX-Echo: {secret_line}\r\nContent-Length: {len(body)}\r\nConnection: close"
        writer.write(f"{answer}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def echoing_merchant() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A merchant whose framework prints the whole request into its error page."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length"))
        request = head + await reader.readexactly(length)
        got.append(request)
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(request) + request)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", got
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        for name in ("wakala", "uvicorn", "uvicorn.error", "asyncio", "aiohttp.client", "aiohttp.access"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        for name in ("httpx2", "httpcore2"):  # the test's own client, which writes down the addresses it calls
            logging.getLogger(name).setLevel(logging.WARNING)
        yield caplog


async def plant(house: House) -> tuple[NewApp, dict[str, str]]:
    """Secrets that are nowhere else, and what is made of them."""
    await house.box.control("apps", {"key": "canary-key", "secret": MPESA_SECRET, "shortcodes": []})
    await house.box.control("shortcodes", {"number": "600123", "name": "Canary", "passkey": PASSKEY})
    app = await house.add_app("canary", "bird", callback_url=f"{house.merchant.url}/bird")
    for environment in Environment:
        await house.add_shortcode(
            "canary",
            "600123",
            environment=environment,
            consumer_key="canary-key",
            consumer_secret=MPESA_SECRET,
            passkey=PASSKEY,
        )
    await house.admin.bind(app.app, "600123")
    old = app
    app = replace(old, consumer_secret=(await house.admin.rotate(old.app)).consumer_secret)
    await house.settle_directory()
    master = master_key(house.gateway.settings)
    stk_password = base64.b64encode(f"600123{PASSKEY}".encode()).decode()
    secrets = {
        "master key": house.secrets["master key"],
        "consumer secret": app.consumer_secret,
        "consumer pair": basic(app)["Authorization"].split()[1],
        "consumer digest": proxyapi_basic(app)["X-Authorization"].split()[1],
        "old consumer secret": old.consumer_secret,
        "old consumer pair": basic(old)["Authorization"].split()[1],
        "old consumer digest": proxyapi_basic(old)["X-Authorization"].split()[1],
        "webhook secret": app.webhook_secret.removeprefix("whsec_"),
        "webhook key": base64.b64decode(app.webhook_secret.removeprefix("whsec_")).hex(),
        "M-Pesa's consumer secret": MPESA_SECRET,
        "M-Pesa's consumer pair": base64.b64encode(f"canary-key:{MPESA_SECRET}".encode()).decode(),
        "M-Pesa's access token": MPESA_TOKEN,
        "passkey": PASSKEY,
        "STK password": stk_password[:80],
        **{f"body {name}": _text(value) for name, value in BODY_SECRETS.items()},
        **{f"derived {name}": master.derive(name).hex() for name in ("callback", "token", "trace", "wrap")},
    }
    return app, secrets


async def _token(house: House, digest: str) -> str:
    answer = await house.client.get(f"{SANDBOX}/auth", headers={"X-Authorization": f"Basic {digest}"})
    token: str = answer.json()["Data"]["AccessToken"]
    return token


def _text(value: Any) -> str:
    if isinstance(value, list):
        return str(value[0])
    return str(value["x"]) if isinstance(value, dict) else str(value).removeprefix("Basic ")


async def command(house: House, config: Path, sinks: Sinks, *arguments: str) -> None:
    """One command of the command line, beside the gateway; what it prints is a sink."""
    environment = {**os.environ, "COLUMNS": "400"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wakala", "-c", str(config), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    out, err = await process.communicate()
    assert b"Traceback" not in err, err.decode()
    sinks.add("wakala " + " ".join(arguments), out + err)


def configuration(house: House, folder: Path, live_url: str) -> Path:
    settings = house.gateway.settings
    path = folder / "wakala.toml"
    path.write_text(
        f'[server]\nport = {settings.server.port}\n[daraja]\nsandbox_url = "{settings.daraja.sandbox_url}"\n'
        f'live_url = "{live_url}"\n[deliveries]\nprivate_targets = ["127.0.0.0/8"]\n'
    )
    path.chmod(0o600)
    return path


def read_files(folder: Path, sinks: Sinks, when: str) -> None:
    for file in sorted(folder.glob("wakala.db*")):
        sinks.add(f"the file {file.name} {when}", file.read_bytes())


async def read_everything(house: House, app: NewApp, folder: Path, sinks: Sinks, config: Path) -> None:
    for prefix in (SANDBOX, LIVE):
        listed = await house.get(f"{prefix}/requests?limit=200", app=app)
        sinks.add(f"{prefix} list", listed.content)
        for one in listed.json()["Requests"]:
            for path in (f"{prefix}/requests/{one['RequestID']}", f"{prefix}/requests/{one['RequestID']}/trace"):
                answer = await house.get(path, app=app)
                assert answer.status_code == 200
                sinks.add(path, answer.content)
                sinks.add(f"headers of {path}", str(answer.headers))
            for language in ("en", "sw"):
                page = await house.client.get(answer.json()["TraceURL"], params={"lang": language})
                assert page.status_code == 200
                sinks.add(f"page of {one['RequestID']}", page.content)
    commands = (
        ("requests", "--json"),
        ("requests", "--environment", "live"),
        ("notifications", "--json"),
        ("quarantine", "--json"),
        ("quarantine",),
        ("shortcode", "list", "--json"),
        ("app", "list", "--json"),
        ("trace", "PAID", "--json"),
        ("trace", "PAID"),
        ("trace", "ECHO-1", "--environment", "live"),
        ("trace", "REFUSED"),
        ("doctor", "--json"),
        ("doctor",),
        ("credentials", "token", "600123"),
        ("credentials", "token", "600123", "--environment", "live"),
        ("shortcode", "register", "600123", "--json"),
        ("shortcode", "register", "600123", "--environment", "live"),
    )
    await asyncio.gather(*(command(house, config, sinks, *arguments) for arguments in commands))
    read_files(folder, sinks, "while it runs")


async def test_no_secret_leaves(
    tmp_path: Path, everything_is_logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinks = Sinks()
    async with (
        echoing_mpesa() as live_url,
        echoing_merchant() as (echo_url, echoed),
        running_gateway(tmp_path, daraja={"live_url": live_url}) as house,
    ):
        app, secrets = await plant(house)
        await house.autopilot("pay")
        push = f"{SANDBOX}/lnm/customerpaybill"

        # Paid, by both kinds of header, and read with a token.
        sinks.add("paid", (await house.push("PAID", app=app)).content)
        await house.merchant.received("/bird")
        token = (await house.client.get(f"{SANDBOX}/auth", headers=proxyapi_basic(app))).json()["Data"]["AccessToken"]
        secrets["access token"] = token
        secrets["old secret's access token"] = await _token(house, secrets["old consumer digest"])
        for name in ("Authorization", "X-Authorization"):
            answer = await house.client.get(f"{SANDBOX}/requests/PAID", headers={name: f"Bearer {token}"})
            assert answer.status_code == 200
        secrets |= {f"M-Pesa's token {n}": one for n, one in enumerate(house.box.machine.world.tokens)}

        # Delivered to an endpoint that repeats all it is sent.
        await house.push("ECHOED", app=app, SenderMSISDN="254700000001", CallbackUrl=echo_url)
        await eventually(lambda: len(echoed) > 0)

        # Refused: M-Pesa repeats keys, token and password in many ways.
        for number in range(8):
            path = f"{LIVE}/lnm/customerpaybill"
            answer = await house.push(f"ECHO-{number}", app=app, path=path, SenderMSISDN=ECHO_PHONE)
            sinks.add("refused", answer.content)
        await house.box.fault("stk_push", "refused_token", times=2)
        sinks.add("refused token", (await house.push("REFUSED", app=app, SenderMSISDN="254700000002")).content)

        # Wrong credentials, in each header and scheme.
        wrong = [
            {"Authorization": f"Basic {secrets['consumer pair']}x"},
            {"X-Authorization": f"Basic {secrets['consumer digest'][:-1]}"},
            {"Authorization": f"Bearer {token}x"},
            {"Authorization": f"Digest {secrets['consumer secret']}"},
            {"Authorization": f"Basic {app.app.consumer_key}:{app.consumer_secret}"},
        ]
        for headers in wrong:
            answer = await house.push("NOBODY", headers=headers)
            assert answer.status_code == 401
            sinks.add("wrong credentials", answer.content)

        # Bodies with secrets where none belong: whole, cut off, twice, nested, in a text.
        good = {"RequestID": "BODY", "Amount": 1, "SenderMSISDN": ECHO_PHONE, "AccountReference": "A"}
        whole = json.dumps(BODY_SECRETS)
        for body in (
            whole,
            whole[:-3],
            json.dumps({**good, **BODY_SECRETS}),
            json.dumps({**good, "Else": whole}),
            json.dumps({**good, "ReferenceData": [BODY_SECRETS]}),
            "&".join(f"{name}={_text(value)}" for name, value in BODY_SECRETS.items()),
            whole.replace(": ", " \t:\r\n "),
        ):
            answer = await house.client.post(push, content=body, headers={**basic(app), "Cookie": f"a={token}"})
            assert answer.status_code in {400, 422}
            sinks.add("bad body", answer.content)

        # Callbacks that do not fit, on paths with the right secret and on paths near it.
        paid = (await house.get(f"{SANDBOX}/requests/PAID", app=app)).json()
        url = house.gateway.payments.callback_url("stk", paid["PaymentID"])
        secrets["callback secret"] = url.rpartition("/")[2]
        (shortcode,) = [s for s in await house.gateway.journal.shortcodes() if s.number == "600123"][:1]
        collect = house.gateway.payments.callback_url("c2b_confirmation", shortcode.id)
        secrets["confirmation secret"] = collect.rpartition("/")[2]
        for target in (
            url,
            f"{url}/",
            f"{url}/more",
            url.replace("/stk/", "/stk//"),
            url.replace("/stk/", "/else/"),
            collect,
        ):
            for body in ("not json", whole, json.dumps({"see": url, "escaped": url.replace("/", "\\/")})):
                answer = await house.client.post(target, content=body, headers={"Referer": url})
                sinks.add("callback", answer.content)
            sinks.add("callback by GET", (await house.client.get(target)).content.replace(target.encode(), b""))

        # Everything that can be read.
        config = configuration(house, tmp_path, live_url)
        await read_everything(house, app, tmp_path, sinks, config)

        # The database breaks.
        other = apsw.Connection(str(tmp_path / "wakala.db"))
        other.execute("ALTER TABLE exchanges RENAME TO lost")
        answer = await house.push("FAULT", app=app, SenderMSISDN="254700000003")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_fault")
        sinks.add("database fault", answer.content)
        sinks.add("callback in a fault", (await house.client.post(url, content=whole)).content)
        other.execute("ALTER TABLE lost RENAME TO exchanges")
        other.close()

    read_files(tmp_path, sinks, "at the end")
    sinks.add("the log", everything_is_logged.text)
    leaks = sinks.leaks(secrets)
    assert not leaks, "\n".join(leaks[:20])

    # The search itself works: what may be read is found.
    assert Sinks([("x", b"..canaryMpesaConsumerSecret42..")]).leaks(secrets)
    searched = dict(sinks.texts)
    assert b"PAID" in searched["the file wakala.db at the end"]
    assert len(searched["the log"]) > 1_000


async def test_no_record_shows_a_secret_in_its_repr(tmp_path: Path) -> None:
    """A crash report prints records; those with secrets in them do not print these."""
    async with running_gateway(tmp_path) as house:
        app, secrets = await plant(house)
        (shortcode, *_) = [s for s in await house.gateway.journal.shortcodes() if s.number == "600123"]
        shown = [
            app,
            shortcode,
            app.app,
            house.gateway.directory.credentials(shortcode.id),
            house.gateway.settings,
            house.gateway.directory,
            master_key(house.gateway.settings),
        ]
        assert not Sinks([(type(one).__name__, repr(one).encode()) for one in shown]).leaks(secrets)


async def test_a_row_that_the_database_refuses_is_not_shown(
    tmp_path: Path, postgres_url: str, everything_is_logged: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL tells the whole row: a customer's number, what was sent, what is sealed."""
    async with running_gateway(tmp_path, database_url=postgres_url) as house:
        stranger = await asyncpg.connect(postgres_url)
        await stranger.execute("ALTER TABLE payments ADD CONSTRAINT none_of_these CHECK (reference <> 'canaryAccount')")
        answer = await house.push("REFUSED", AccountReference="canaryAccount")
        await stranger.close()
    assert answer.status_code == 503
    assert "none_of_these" in answer.json()["detail"]
    logged = "\n".join(logging.Formatter().format(record) for record in everything_is_logged.records)
    for where in (answer.text, logged):
        assert "canaryAccount" not in where
        assert "DETAIL" not in where
