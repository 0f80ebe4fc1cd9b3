"""The address that is judged is the one that is connected to, however it is spelled and whatever DNS says next."""

import asyncio
import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgoing.conftest import OK, Wire
from wakala.outgoing import NoReply, Outgoing, Reply, refusal

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.168.1.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:0a00:0001::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "::ffff:0:7f00:1",
    "::ffff:0:a9fe:a9fe",
    "64:ff9c::1",
    "100:0:0:1::1",
    "200::1",
    "4000::1",
    "fe00::1",
]
PUBLIC = ["8.8.8.8", "196.201.214.200", "1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]

SPELLINGS = [
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "127.1",
    "127.0.1",
    "0",
    "127.0.0.1.",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "\uff11\uff12\uff17.0.0.1",
    "\u2460\u2461\u2466.0.0.1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_or_reserved_address_is_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_called(address: str) -> None:
    assert refusal(address) is None


@given(st.ip_addresses(v=4))
def test_an_address_inside_an_address_is_judged_the_same(inner: ipaddress.IPv4Address) -> None:
    if refusal(str(inner)):
        assert refusal(f"::ffff:{inner}")
        assert refusal(f"::ffff:0:{inner}")
        assert refusal(f"2002:{int(inner) >> 16:x}:{int(inner) & 0xFFFF:x}::1")
        assert refusal(f"64:ff9b::{int(inner) >> 16:x}:{int(inner) & 0xFFFF:x}")


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_this_machine_is_connected_to(wire: Wire, guarded: Outgoing, host: str) -> None:
    wire.script = answer_ok(wire)
    reply = await guarded.send("POST", f"http://{host}:{wire.port}/hook", (), b"x", total_s=3)
    assert isinstance(reply, NoReply)
    assert reply.unsent
    assert wire.connections == []


async def test_the_sentence_says_what_to_do(wire: Wire, guarded: Outgoing) -> None:
    wire.script = answer_ok(wire)
    reply = await guarded.send("POST", wire.url, (), b"x", total_s=3)
    assert isinstance(reply, NoReply)
    assert "127.0.0.1 is a private or reserved address" in reply.reason
    assert "allow its network" in reply.reason


async def test_a_network_that_the_configuration_allows_is_called(wire: Wire) -> None:
    wire.script = answer_ok(wire)
    client = Outgoing(guarded=True, allowed=["127.0.0.0/8"])
    await client.open()
    assert isinstance(await client.send("POST", wire.url, (), b"x", total_s=3), Reply)
    assert isinstance(await client.send("POST", f"http://10.255.255.1:{wire.port}/", (), b"x", total_s=3), NoReply)
    await client.close()


async def test_allowing_loopback_does_not_allow_its_disguises_elsewhere() -> None:
    allowed = (ipaddress.ip_network("10.0.0.0/8"),)
    assert refusal("10.1.2.3", allowed) is None
    # Teredo by way of 10.0.0.1 to 169.254.169.254, and 6to4: what is allowed is the address that is connected to.
    for around in ("2001:0:a00:1::5601:5601", "2002:a00:1::1"):
        assert refusal(around, allowed)
    assert refusal("::ffff:10.1.2.3", allowed) is None
    assert refusal("127.0.0.1", allowed)
    assert refusal("fd00::1", allowed)


async def test_a_name_is_judged_when_it_is_connected_to_not_before(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS that answers anew each time: the second answer is a private one, and it is judged too."""
    wire.script = answer_ok(wire, then_close=True)
    client = Outgoing(guarded=True, allowed=["127.0.0.1/32"])
    await client.open()
    answers = iter(["127.0.0.1", "127.0.0.2"])

    def resolve(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = f"http://rebinding.example:{wire.port}/hook"
    first = await client.send("POST", url, (), b"x", total_s=3)
    assert isinstance(first, Reply)
    second = await client.send("POST", url, (), b"x", total_s=3)
    assert isinstance(second, NoReply)
    assert second.unsent
    assert len(wire.connections) == 1
    await client.close()


async def test_of_several_answers_a_private_one_is_never_connected_to(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, guarded: Outgoing
) -> None:
    wire.script = answer_ok(wire)

    def resolve(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.1", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    reply = await guarded.send("POST", f"http://mixed.example:{wire.port}/hook", (), b"x", total_s=3)
    assert isinstance(reply, NoReply)
    assert reply.unsent
    assert wire.connections == []


def answer_ok(wire: Wire, *, then_close: bool = False) -> Any:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        head, _, body = OK.partition(b"\r\n\r\n")
        writer.write(head + (b"\r\nConnection: close" if then_close else b"") + b"\r\n\r\n" + body)
        await writer.drain()

    return answer
