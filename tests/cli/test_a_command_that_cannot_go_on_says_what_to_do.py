"""Stumbles of a newcomer: the wrong folder, a taken port, a name that is none, a secret typed at a prompt."""

import asyncio
import os
import pty
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Command
from cli.test_an_installation_is_made_step_by_step import PASSKEY, SHORTCODE, listed
from journal.making import opening, payment
from services.programs import command, environment
from wakala.journal.journal import Journal
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.payment import Scope


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    "arguments",
    [
        *(("trace", "ORDER-1"), ("requests",), ("notifications",), ("quarantine",), ("logs", "tail")),
        *(("shortcode", "list"), ("app", "list"), ("app", "create", "--name", "x"), ("endpoint", "list")),
        *(("prune", "--dry-run"), ("backup", "backup")),
    ],
    ids=" ".join,
)
def test_who_asks_in_the_wrong_folder_is_told_so_and_leaves_nothing_there(
    wakala: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = wakala(*arguments)
    assert ended.code == 1
    assert ended.err.startswith(f"wakala: There is no database at {tmp_path}/wakala.db")
    assert list(tmp_path.iterdir()) == []


def test_a_request_of_several_organisations_is_shown_for_the_one_that_is_named(wakala: Command, tmp_path: Path) -> None:
    assert wakala("init").code == 0

    async def kept() -> None:
        store = SqliteDatabase(tmp_path / "wakala.db")
        await store.open()
        for number, name in (("1", "Duka"), ("2", "Hoteli")):
            await Journal(store).add_organisation(f"org_{number}", name, 1)
            one = payment("ORDER-1", id=f"pay_{number}", scope=Scope(f"org_{number}", "app", "sc", "sandbox"))
            assert await Journal(store).open_payment(opening(one), None)
        await store.close()

    asyncio.run(kept())
    refused = wakala("trace", "ORDER-1")
    assert refused.code == 1
    assert "say --organisation, one of Duka, Hoteli" in refused.err
    shown = listed(wakala("trace", "ORDER-1", "--organisation", "Hoteli", "--json"))
    assert shown["PaymentID"] == "pay_2"
    unknown = wakala("trace", "ORDER-1", "--organisation", "Benki")
    assert unknown.code == 4
    assert "There is no organisation called Benki: there are Duka, Hoteli" in unknown.err


@pytest.mark.parametrize(
    ("settled_us", "said"), [(None, "No notification is owed yet."), (5, "forgotten after its time, or none was owed")]
)
def test_a_trace_without_notifications_does_not_claim_that_none_was_ever_owed(
    wakala: Command, tmp_path: Path, settled_us: int | None, said: str
) -> None:
    assert wakala("init").code == 0

    async def kept() -> None:
        store = SqliteDatabase(tmp_path / "wakala.db")
        await store.open()
        await Journal(store).add_organisation("org_1", "Duka", 1)
        one = payment("ORDER-1", scope=Scope("org_1", "app", "sc", "sandbox"), settled_us=settled_us)
        assert await Journal(store).open_payment(opening(one), None)
        await store.close()

    asyncio.run(kept())
    assert said in wakala("trace", "ORDER-1").out


@pytest.mark.parametrize("name", ["", " ", " shop", "shop\n", "a\x1b[31m", "x" * 101])
def test_a_name_that_nobody_can_type_or_read_is_refused(wakala: Command, name: str) -> None:
    assert wakala("init").code == 0
    for arguments in (("--name", name), ("--name", "shop", "--organisation", name)):
        ended = wakala("app", "create", *arguments)
        assert ended.code == 1
        assert "1 to 100 printable characters" in ended.err
    assert listed(wakala("app", "list", "--json")) == []


async def test_a_gateway_whose_port_is_taken_says_so_and_does_not_say_that_it_listens(
    tmp_path: Path, taken_port: int
) -> None:
    assert (await command("init", str(tmp_path / "here"), "--port", str(taken_port))).code == 0
    ended = await command("-c", str(tmp_path / "here/wakala.toml"), "serve")
    assert ended.code == 1
    assert f"wakala: This gateway cannot listen on 127.0.0.1:{taken_port}" in ended.err
    assert "Wakala listens" not in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("option", ["--port", "--broker-port"])
async def test_a_simulator_whose_port_is_taken_says_so(tmp_path: Path, taken_port: int, option: str) -> None:
    free = () if option == "--port" else ("--port", "0")
    folder = ("--broker-certificates", str(tmp_path / "certificates"))
    ended = await command("simulator", *free, *folder, option, str(taken_port))
    assert ended.code == 2
    assert f"127.0.0.1:{taken_port}" in ended.err.replace("│", "").replace("\n", " ")
    assert "Traceback" not in ended.err


def test_secrets_that_are_typed_at_a_prompt_are_not_shown(wakala: Command, tmp_path: Path) -> None:
    assert wakala("init").code == 0
    answers = {"Consumer key": "the-key", "Consumer secret": "s3cretValue", "Passkey": "passkeyValue"}
    screen = _typed(tmp_path, ("shortcode", "add", "--number", "174379"), answers)
    assert "the-key" in screen
    assert "s3cretValue" not in screen
    assert PASSKEY[1] not in screen
    assert [one["Number"] for one in listed(wakala("shortcode", "list", "--json"))] == [SHORTCODE[3]]


def _typed(folder: Path, arguments: tuple[str, ...], answers: dict[str, str]) -> str:
    """What stands on a terminal after each prompt was answered by hand."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, "-m", "wakala", *arguments], environment({}))
    screen = ""
    try:
        for prompt, answer in answers.items():
            while f"{prompt}: " not in screen:
                screen += os.read(terminal, 4096).decode()
            os.write(terminal, f"{answer}\n".encode())
        while piece := os.read(terminal, 4096):
            screen += piece.decode()
    except OSError:  # how a terminal says that its last program has ended
        pass
    finally:
        os.waitpid(child, 0)
        os.close(terminal)
    return screen
