"""A program that knows only Daraja's hosts comes here by environment variables alone."""

import asyncio
import json
import os
import shutil
import ssl
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from redirect.conftest import Redirected
from wakala.redirect.authority import prepare

PYTHON = """
import json, urllib.request
request = urllib.request.Request("https://%s/mpesa/stkpush/v1/processrequest?a=b", b'{"Amount":1}', {"X-Own": "yes"})
with urllib.request.urlopen(request, timeout=20) as answer:
    print(json.dumps([answer.status, json.load(answer)]))
"""
NODE = """
const https = require('https');
const options = {host: '%s', path: '/oauth/v1/generate?grant_type=client_credentials', headers: {'X-Own': 'yes'}};
https.get(options, (answer) => {
  let body = '';
  answer.on('data', (piece) => body += piece);
  answer.on('end', () => console.log(JSON.stringify([answer.statusCode, JSON.parse(body)])));
});
"""
# axios before 0.19: TLS to the proxy itself, and the whole address in the request line.
ABSOLUTE = "GET https://sandbox.safaricom.co.ke/oauth/v1/generate HTTP/1.1\r\nHost: sandbox.safaricom.co.ke\r\n\r\n"


async def output_of(redirected: Redirected, *command: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**environment, **redirected.variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("sandbox.safaricom.co.ke", "/sandbox/mpesa/stkpush/v1/processrequest?a=b"),
        ("api.safaricom.co.ke", "/mpesa/stkpush/v1/processrequest?a=b"),
    ],
)
async def test_python_by_the_variables(redirected: Redirected, host: str, path: str) -> None:
    code, out, err = await output_of(redirected, sys.executable, "-c", PYTHON % host)
    assert code == 0, err
    status, told = json.loads(out)
    assert status == 201
    assert (told["method"], told["path"], told["body"]) == ("POST", path, '{"Amount":1}')
    assert told["headers"]["x-own"] == "yes"


@pytest.mark.skipif(shutil.which("node") is None, reason="make conformance installs Node.js")
async def test_nodes_own_https_which_asks_no_proxy(redirected: Redirected) -> None:
    code, out, err = await output_of(redirected, "node", "-e", NODE % "sandbox.safaricom.co.ke")
    assert code == 0, err
    status, told = json.loads(out)
    assert status == 201
    assert told["path"] == "/sandbox/oauth/v1/generate?grant_type=client_credentials"
    assert told["headers"]["x-own"] == "yes"


async def test_tls_to_the_proxy_itself_with_a_whole_address(redirected: Redirected) -> None:
    trust = ssl.create_default_context(cafile=redirected.authority.certificate)
    reader, writer = await asyncio.open_connection("127.0.0.1", redirected.port, ssl=trust)
    for _ in range(2):  # the connection is kept
        writer.write(ABSOLUTE.encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 201 ")
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        assert json.loads(await reader.readexactly(length))["path"] == "/sandbox/oauth/v1/generate"
    writer.close()


@pytest.mark.parametrize(
    "asked",
    [
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT sandbox.safaricom.co.ke:22 HTTP/1.1\r\nHost: sandbox.safaricom.co.ke\r\n\r\n",
        "GET http://sandbox.safaricom.co.ke/ HTTP/1.1\r\nHost: sandbox.safaricom.co.ke\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)
async def test_everything_else_is_refused_with_a_sentence(redirected: Redirected, asked: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", redirected.port)
    writer.write(asked.encode())
    said = (await reader.read()).decode()
    assert said.startswith("HTTP/1.1 403 ")
    assert "wakala redirect: This proxy" in said
    writer.close()


async def test_noise_is_refused_with_a_sentence(redirected: Redirected) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", redirected.port)
    writer.write(b"\x00\xff\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_tunnel_carries_no_request_for_another_host(redirected: Redirected) -> None:
    trust = ssl.create_default_context(cafile=redirected.authority.certificate)
    reader, writer = await asyncio.open_connection("127.0.0.1", redirected.port)
    writer.write(b"CONNECT sandbox.safaricom.co.ke:443 HTTP/1.1\r\nHost: sandbox.safaricom.co.ke:443\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    await writer.start_tls(trust, server_hostname="sandbox.safaricom.co.ke")
    writer.write(b"GET / HTTP/1.1\r\nHost: api.safaricom.co.ke\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 403 ")
    writer.close()


async def test_a_program_is_told_when_it_asks_for_another_host(redirected: Redirected) -> None:
    code, _, err = await output_of(redirected, sys.executable, "-c", PYTHON % "example.com")
    assert code != 0
    assert "403" in err


def test_the_authority_is_kept_and_private_and_made_anew_before_it_ends(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = prepare(tmp_path, now).certificate.read_bytes()
    assert prepare(tmp_path, now).certificate.read_bytes() == first
    assert prepare(tmp_path, now + timedelta(days=3640)).certificate.read_bytes() != first
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_bundle_still_trusts_what_the_system_trusts(tmp_path: Path) -> None:
    authority = prepare(tmp_path, datetime.now(UTC))
    system, ours = ssl.create_default_context(), ssl.create_default_context(cafile=authority.bundle)
    assert {str(each) for each in system.get_ca_certs()} < {str(each) for each in ours.get_ca_certs()}
