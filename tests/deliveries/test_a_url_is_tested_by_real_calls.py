"""The test of a URL calls it for real: what it met at each step, over TLS too, and never past the address rules."""

import asyncio
import base64
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook, WebhookVerificationError

from services.gateway import eventually
from wakala.deliveries.probing import HIDDEN, TESTS_OF_ONE_LIMIT, Prober
from wakala.errors import UrlTestFailedError, UrlTestsBusyError
from wakala.identity import system_source
from wakala.outgoing import Outgoing, dialling
from wakala.rules.accounts import BodyFormat
from wakala.rules.signing import Signer
from wakala.rules.url_grading import Grading, Mark
from wakala.simulator.broker.certificates import server_context, write_all

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
SIGNERS = (Signer(KEY), Signer(Ed25519PrivateKey.from_private_bytes(KEY)))
OURS = ("127.0.0.0/8", "::1/128")

Receive = Callable[[dict[str, str], bytes], Awaitable[bytes]]


def answer(status: int) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status


async def verifying(headers: dict[str, str], body: bytes) -> bytes:
    """As a well-made receiver."""
    try:
        Webhook(SECRET).verify(body, headers)
    except WebhookVerificationError:
        return answer(401)
    return answer(204)


@asynccontextmanager
async def receiver(receive: Receive, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
            writer.write(await receive(headers, await reader.readexactly(int(headers["content-length"]))))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    try:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/wakala"
    finally:
        server.close()
        await server.wait_closed()


async def grading_of(
    url: str, allowed: tuple[str, ...] = OURS, *, discreet: bool = False, limit_s: float = 5, **more: BodyFormat
) -> Grading:
    outgoing = Outgoing(guarded=True, allowed=allowed)
    await outgoing.open()
    try:
        prober = Prober(outgoing, system_source(), discreet=discreet, limit_s=limit_s)
        return await prober.test(url, SIGNERS, more.get("body_format", BodyFormat.WAKALA), "org_1")
    finally:
        await outgoing.close()


def last(found: Grading) -> tuple[str, Mark, str]:
    check = found.checks[-1]
    return check.name, check.mark, check.sentence


async def test_a_receiver_that_verifies_passes_everything() -> None:
    bodies: list[bytes] = []

    async def receive(headers: dict[str, str], body: bytes) -> bytes:
        bodies.append(body)
        assert headers["user-agent"] == "Wakala/1"
        assert sorted(one.partition(",")[0] for one in headers["webhook-signature"].split()) == ["v1", "v1a"]
        return await verifying(headers, body)

    async with receiver(receive) as url:
        found = await grading_of(url)
    assert found.grade == "A", found
    assert [json.loads(body)["type"] for body in bodies] == ["endpoint.test"] * 2
    assert last(found)[2] == "It refused a wrong signature with 401."


async def test_a_receiver_that_takes_everything_does_not_verify() -> None:
    async def receive(_: dict[str, str], __: bytes) -> bytes:
        return answer(200)

    async with receiver(receive) as url:
        found = await grading_of(url)
    assert found.grade == "B"
    assert "does not verify" in last(found)[2]


@pytest.mark.parametrize("body_format", [BodyFormat.DARAJA, BodyFormat.PROXYAPI])
async def test_other_shapes_are_tested_with_a_payment_that_failed(body_format: BodyFormat) -> None:
    got: list[bytes] = []

    async def receive(headers: dict[str, str], body: bytes) -> bytes:
        got.append(body)
        return await verifying(headers, body)

    async with receiver(receive) as url:
        assert (await grading_of(url, body_format=body_format)).grade == "A"
    assert json.loads(got[0])["Body"]["stkCallback"]["ResultCode"] == 1032


@pytest.mark.parametrize("status", [301, 401, 404, 410, 500])
async def test_a_receiver_that_refuses_the_signed_test_fails(status: int) -> None:
    calls = 0

    async def receive(_: dict[str, str], __: bytes) -> bytes:
        nonlocal calls
        calls += 1
        return answer(status)

    async with receiver(receive) as url:
        found = await grading_of(url)
    assert (found.grade, last(found)[0], calls) == ("F", "status", 1)


async def test_a_receiver_that_never_answers_fails_within_the_limit() -> None:
    async def receive(_: dict[str, str], __: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with receiver(receive) as url:
        found = await grading_of(url, limit_s=0.2)
        assert last(found)[:2] == ("first_byte", Mark.FAIL)
        assert "No answer within 0.2 s" in last(found)[2]


async def test_babble_fails() -> None:
    async def receive(_: dict[str, str], __: bytes) -> bytes:
        return b"garbage\xff\r\n\r\n"

    async with receiver(receive) as url:
        assert (await grading_of(url)).grade == "F"


# ── TLS ──


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An authority that this test's system trusts."""
    write_all(tmp_path, dt.datetime.now(dt.UTC))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return tmp_path


def served_by(certificates: Path, name: str) -> ssl.SSLContext:
    context = server_context(certificates, name)
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_tls_is_told_with_its_version_authority_and_days(certificates: Path) -> None:
    (own, *_) = x509.load_pem_x509_certificates((certificates / "server.pem").read_bytes())
    async with receiver(verifying, served_by(certificates, "server")) as url:
        most = (own.not_valid_after_utc - dt.datetime.now(dt.UTC)).days
        found = await grading_of(url)
        least = (own.not_valid_after_utc - dt.datetime.now(dt.UTC)).days
    assert found.grade == "A", found
    (tls,) = [check.sentence for check in found.checks if check.name == "tls"]
    assert tls.startswith("TLSv1.3; the certificate is trusted, signed by M-Pesa simulator authority, and good for")
    assert least <= int(tls.split()[-2]) <= most


@pytest.mark.parametrize(("name", "says"), [("expired-server", "expired"), ("stranger-server", "whole chain")])
async def test_a_certificate_that_proves_nothing_fails_and_nothing_is_sent(
    certificates: Path, name: str, says: str
) -> None:
    async def receive(_: dict[str, str], __: bytes) -> bytes:
        raise AssertionError("nothing may be sent to a server that proves nothing")

    async with receiver(receive, served_by(certificates, name)) as url:
        found = await grading_of(url)
    assert last(found)[:2] == ("tls", Mark.FAIL)
    assert says in last(found)[2]


# ── nothing gets past the address rules ──


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/wakala",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
        "http://localhost:{port}/",
        "http://0x7f.1:{port}/",
    ],
)
@pytest.mark.parametrize("discreet", [True, False])
async def test_a_private_address_is_never_called_by_a_test(url: str, discreet: bool) -> None:
    async def receive(_: dict[str, str], __: bytes) -> bytes:
        raise AssertionError("called all the same")

    async with receiver(receive) as inside:
        port = inside.rpartition(":")[2].partition("/")[0]
        found = await grading_of(url.format(port=port), (), discreet=discreet)
    name, mark, sentence = last(found)
    assert mark is Mark.FAIL
    assert name in {"address", "dns"}  # a number in disguise may be no name for this system's DNS
    if discreet:
        assert "127.0.0.1" not in sentence
        assert name == "dns" or HIDDEN in sentence


def leading_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def resolve(*_: object) -> list[str]:
        return list(addresses)

    monkeypatch.setattr(dialling, "resolve", resolve)


async def checks_of(discreet: bool) -> dict[str, tuple[Mark, str]]:
    """Of a name, by which a receiver on this machine is called."""
    async with receiver(verifying) as url:
        found = await grading_of(url.replace("127.0.0.1", "shop.example"), OURS[:1], discreet=discreet)
    return {check.name: (check.mark, check.sentence) for check in found.checks}


@pytest.mark.parametrize("discreet", [True, False])
async def test_of_a_name_with_a_private_address_besides_the_others_are_called_and_told(
    monkeypatch: pytest.MonkeyPatch, discreet: bool
) -> None:
    leading_to(monkeypatch, "10.77.1.9", "127.0.0.1")
    found = await checks_of(discreet)
    assert found["dns"] == (Mark.PASS, "shop.example leads to 127.0.0.1.")
    mark, sentence = found["address"]
    assert mark is Mark.WARN
    assert sentence.startswith(HIDDEN if discreet else "10.77.1.9")
    assert discreet is ("10.77.1.9" not in str(found))
    assert found["status"][0] is Mark.PASS


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        (("127.0.0.1",), "It lies in a private network that the configuration allows."),
        (("127.0.0.1", "8.8.8.8"), "It is public, and may be called."),
    ],
)
async def test_a_name_is_private_where_all_that_it_leads_to_is(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...], said: str
) -> None:
    leading_to(monkeypatch, *addresses)
    assert (await checks_of(discreet=True))["address"] == (Mark.PASS, said)


async def test_nobody_at_home_is_told() -> None:
    async with receiver(verifying) as url:
        pass
    found = await grading_of(url)
    assert last(found)[:2] == ("tls", Mark.FAIL)
    assert "no connection" in last(found)[2].lower()


@pytest.mark.parametrize("url", ["ftp://shop.example/", "http://a b/", "http://", "http://x:99999/"])
async def test_what_is_no_address_fails_at_once(url: str) -> None:
    found = await grading_of(url)
    assert last(found)[:2] == ("dns", Mark.FAIL)


async def test_a_name_that_nobody_has_fails() -> None:
    found = await grading_of("https://nowhere.invalid/wakala")
    assert last(found)[:2] == ("dns", Mark.FAIL)
    assert "Correct the name" in last(found)[2]


async def test_require_refuses_with_the_reasons() -> None:
    outgoing = Outgoing(guarded=True)
    await outgoing.open()
    try:
        prober = Prober(outgoing, system_source(), discreet=True)
        with pytest.raises(UrlTestFailedError) as refused:
            await prober.require("http://127.0.0.1/", SIGNERS, BodyFormat.WAKALA, "org_1")
    finally:
        await outgoing.close()
    assert [fault.pointer for fault in refused.value.faults] == ["/CallbackUrl"]


# ── turns ──


async def test_who_tests_urls_that_hang_keeps_nobody_else_from_testing_and_is_told_to_wait() -> None:
    hung, release = 0, asyncio.Event()

    async def hang(_: dict[str, str], __: bytes) -> bytes:
        nonlocal hung
        hung += 1
        await release.wait()
        return answer(500)

    outgoing = Outgoing(guarded=True, allowed=OURS)
    await outgoing.open()
    prober = Prober(outgoing, system_source(), discreet=True, limit_s=60, turn_limit_s=0)
    try:
        async with receiver(hang) as slow, receiver(verifying) as quick:
            tests = [
                asyncio.create_task(prober.test(slow, SIGNERS, BodyFormat.WAKALA, "org_1"))
                for _ in range(TESTS_OF_ONE_LIMIT)
            ]
            await eventually(lambda: hung == TESTS_OF_ONE_LIMIT)
            with pytest.raises(UrlTestsBusyError):
                await prober.require(slow, SIGNERS, BodyFormat.WAKALA, "org_1")
            assert (await prober.test(quick, SIGNERS, BodyFormat.WAKALA, "org_2")).grade == "A"
            release.set()
            assert [found.grade for found in await asyncio.gather(*tests)] == ["F"] * TESTS_OF_ONE_LIMIT
            assert (await prober.test(quick, SIGNERS, BodyFormat.WAKALA, "org_1")).grade == "A", "its turns are free"
    finally:
        await outgoing.close()
