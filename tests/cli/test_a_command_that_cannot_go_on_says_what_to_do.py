"""Stumbles of a newcomer: the wrong folder, a taken port, a name that is none, a secret typed at a prompt."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Command
from cli.terminal import typed
from cli.test_an_installation_is_made_step_by_step import PASSKEY, SHORTCODE, listed
from journal.making import opening, payment
from services.programs import command
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
    screen, _ = typed(tmp_path, ("shortcode", "add", "--number", "174379"), answers)
    assert "the-key" in screen
    assert "s3cretValue" not in screen
    assert PASSKEY[1] not in screen
    assert [one["Number"] for one in listed(wakala("shortcode", "list", "--json"))] == [SHORTCODE[3]]


@pytest.mark.parametrize(
    "arguments", [SHORTCODE[:4], (*SHORTCODE[:2], "--number", "174379", "--organisation", "default")]
)
def test_a_shortcode_that_is_there_is_told_before_its_secrets_are_asked_for(
    wakala: Command, arguments: tuple[str, ...]
) -> None:
    assert wakala("init").code == 0
    assert wakala(*SHORTCODE, *PASSKEY).code == 0
    ended = wakala(*arguments)
    assert (ended.code, ended.err) == (1, "wakala: 174379 is already there for default in sandbox.\n")


def test_a_number_that_is_none_is_told_before_its_secrets_are_asked_for(wakala: Command) -> None:
    assert wakala("init").code == 0
    assert "five to seven digits" in wakala("shortcode", "add", "--number", "17").err
    till = wakala("shortcode", "add", "--number", "600991", "--kind", "till")
    assert "--till the till number" in till.err


def test_to_ask_first_whether_a_shortcode_may_enter_makes_no_organisation(wakala: Command) -> None:
    assert wakala("init").code == 0
    assert "Consumer key is missing" in wakala("shortcode", "add", "--number", "174379", "--organisation", "new").err
    assert wakala("app", "create", "--name", "shop").code == 0
    assert "there are default." in wakala("trace", "ORDER-1", "--organisation", "new").err


def test_a_tail_of_a_kind_that_there_is_not_is_refused_with_those_that_there_are(wakala: Command) -> None:
    assert wakala("init").code == 0
    ended = wakala("logs", "tail", "--kind", "nonsense")
    assert ended.code == 1
    for kind in ("nonsense", "delivery", "api_request", "stk_callback", "c2b_confirmation", "b2c_businesspayment"):
        assert kind in ended.err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://wakala:pass/word@127.0.0.1:1/wakala", "cannot be used. Write it as postgresql://user:password@"),
        ("postgresql://wakala:pass#word@127.0.0.1:1/wakala", "in a password / is %2F, # is %23"),
        ("postgresql://127.0.0.1:1/wakala?sslmode=yes", "cannot be used (`sslmode` parameter must be one of: disable"),
    ],
)
def test_a_url_of_the_database_that_the_driver_cannot_use_is_no_database_that_is_away(
    wakala: Command, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    assert wakala("init").code == 0
    monkeypatch.setenv("WAKALA__DATABASE__URL", url)
    for ended in (wakala("serve", "--port", "1"), wakala("migrate"), wakala("requests")):
        assert ended.code == 1
        assert ended.err.startswith("wakala: database.url cannot be used")
        assert said in ended.err
        assert "pass" not in ended.err.replace("password", "")
