import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Command, Ended
from journal.making import opening, payment
from recovery.troubles import ReadOnlyDisk, can_mount, small_disk
from services.ports import free_port
from services.postgres import PostgresServer, postgres_server
from wakala.config import load
from wakala.journal.journal import Journal
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.payment import Kind

SHORTCODE = ("shortcode", "add", "--number", "174379", "--consumer-key", "k", "--consumer-secret", "s3cretValue")
PASSKEY = ("--passkey", "passkeyValue")


@pytest.fixture
def installed(wakala: Command, tmp_path: Path) -> Command:
    assert wakala("init", "--port", str(free_port())).code == 0
    return wakala


def listed(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_init_makes_private_files_and_says_what_comes_next(wakala: Command, tmp_path: Path) -> None:
    ended = wakala("init", "here", "--port", "8099", "--json")
    made = listed(ended)
    assert made["Migrations"]
    for name in ("wakala.toml", "wakala.key", "wakala.db"):
        assert (tmp_path / "here" / name).stat().st_mode & 0o077 == 0, name
    assert (tmp_path / "here").stat().st_mode & 0o077 == 0
    assert len((tmp_path / "here/wakala.key").read_text().strip()) == 64
    assert (tmp_path / "here/wakala.key").read_text().strip() not in ended.out + ended.err


def test_init_never_overwrites(wakala: Command, tmp_path: Path) -> None:
    wakala("init")
    key = (tmp_path / "wakala.key").read_text()
    ended = wakala("init")
    assert ended.code == 1
    assert "There is an installation here already" in ended.err
    assert (tmp_path / "wakala.key").read_text() == key


def test_an_init_that_failed_can_be_repeated(wakala: Command) -> None:
    ended = wakala("init", "--database-url", "mysql://x")
    assert ended.code == 1
    assert "sqlite:///" in ended.err
    assert wakala("init").code == 0


def test_the_files_say_what_they_are_for(installed: Command, tmp_path: Path) -> None:
    text = (tmp_path / "wakala.toml").read_text()
    assert text.startswith("# Wakala.")
    assert "WAKALA__SERVER__PORT" in text
    assert load(tmp_path / "wakala.toml", {}).daraja.bill_manager_prefix == "/v1/billmanager-invoice"


def test_what_the_file_offers_in_a_comment_is_a_good_setting(installed: Command, tmp_path: Path) -> None:
    config = tmp_path / "wakala.toml"
    config.write_text(config.read_text().replace("# bill_manager_prefix", "bill_manager_prefix"))
    assert load(config, {}).daraja.bill_manager_prefix == "/v1/billmanager-invoice" * 2
    assert installed("requests").code == 0


def test_a_shortcode_is_added_and_listed_without_its_secrets(installed: Command) -> None:
    added = installed(*SHORTCODE, *PASSKEY, "--json")
    assert listed(added)["Number"] == "174379"
    shown = installed("shortcode", "list", "--json")
    assert [one["Number"] for one in listed(shown)] == ["174379"]
    table = installed("shortcode", "list")
    for ended in (added, shown, table):
        assert "s3cretValue" not in ended.out + ended.err
        assert "passkeyValue" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--number", "17"), "five to seven digits"),
        (("--kind", "till"), "both numbers"),
        (("--till", "600992"), "A paybill has no till"),
        (("--response-type", "completed"), "Completed or Cancelled"),
        (("--environment", "live"), "Live secrets do not belong on a command line"),
    ],
)
def test_a_wrong_shortcode_is_refused_with_a_sentence(installed: Command, change: tuple[str, ...], said: str) -> None:
    ended = installed(*SHORTCODE, *PASSKEY, *change)
    assert ended.code == 1
    assert said in ended.err
    assert listed(installed("shortcode", "list", "--json")) == []


def test_the_same_shortcode_enters_once(installed: Command) -> None:
    assert installed(*SHORTCODE, *PASSKEY).code == 0
    ended = installed(*SHORTCODE, *PASSKEY)
    assert ended.code == 1
    assert "already there" in ended.err


def test_live_secrets_come_from_files(installed: Command, tmp_path: Path) -> None:
    for name in ("secret", "pass"):
        (tmp_path / name).write_text(f"{name}-value\n")
    files = ("--consumer-secret-file", "secret", "--passkey-file", "pass")
    live = ("shortcode", "add", "--number", "600984", "--environment", "live", "--consumer-key", "k")
    assert installed(*live, *files).code == 0
    ended = installed(*live[:3], "600985", *live[4:], "--consumer-secret-file", "nowhere", "--passkey-file", "pass")
    assert ended.code == 1
    assert "There is no file nowhere" in ended.err


def test_a_missing_secret_without_a_terminal_is_named(installed: Command) -> None:
    ended = installed(*SHORTCODE)
    assert ended.code == 1
    assert "Passkey is missing" in ended.err


def test_an_app_is_shown_once_with_its_secrets_and_never_again(installed: Command) -> None:
    made = listed(
        installed("app", "create", "--name", "shop", "--callback-url", "https://shop.example/wakala", "--json")
    )
    assert made["WebhookSecret"].startswith("whsec_")
    (shown,) = listed(installed("app", "list", "--json"))
    assert shown["ConsumerKey"] == made["ConsumerKey"]
    for ended in (installed("app", "list"), installed("app", "list", "--json")):
        assert made["ConsumerSecret"] not in ended.out
        assert made["WebhookSecret"] not in ended.out
    assert installed("app", "create", "--name", "shop").code == 1


@pytest.mark.parametrize(
    "url", ["shop.example", "ftp://a/", "http://", "http://[", "https://a b/", "https://u:p@a/", "https://a:0/"]
)
def test_a_callback_url_that_cannot_be_called_is_refused(installed: Command, url: str) -> None:
    assert installed("app", "create", "--name", "bad", "--callback-url", url).code == 1
    assert installed("app", "create", "--name", "good").code == 0
    ended = installed("app", "callback-url", "good", url)
    assert ended.code == 1
    assert "https://" in ended.err
    assert [one["CallbackUrl"] for one in listed(installed("app", "list", "--json"))] == [None]


def test_a_callback_url_is_changed(installed: Command) -> None:
    installed("app", "create", "--name", "shop")
    refused = installed("app", "callback-url", "shop", "https://nowhere.invalid/new")
    assert refused.code == 1
    assert "Nothing was changed" in refused.err
    assert "Correct the name" in refused.err
    assert listed(installed("app", "list", "--json"))[0]["CallbackUrl"] is None
    assert installed("app", "callback-url", "shop", "https://shop.example/new", "--force").code == 0
    assert listed(installed("app", "list", "--json"))[0]["CallbackUrl"] == "https://shop.example/new"
    ended = installed("app", "callback-url", "nobody", "https://shop.example/new")
    assert ended.code == 4
    assert "wakala app list" in ended.err


def test_an_app_is_bound_once_for_good(installed: Command, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("x")
    live = ("--environment", "live", "--consumer-key", "k", "--consumer-secret-file", "s", "--passkey-file", "s")
    for number in ("600984", "600985"):
        assert installed("shortcode", "add", "--number", number, *live).code == 0
    installed("app", "create", "--name", "shop")
    assert installed("app", "bind", "shop", "999999", "--yes").code == 4
    assert installed("app", "bind", "shop", "600984", stdin="n\n").code != 0
    assert listed(installed("app", "list", "--json"))[0]["IsLive"] is False
    assert installed("app", "bind", "shop", "600984", "--yes").code == 0
    ended = installed("app", "bind", "shop", "600985", "--yes")
    assert ended.code == 1
    assert "cannot be changed" in ended.err


def test_an_app_is_disabled_and_enabled_again(installed: Command) -> None:
    installed("app", "create", "--name", "shop")
    for command, is_active in (("disable", False), ("enable", True)):
        assert installed("app", command, "shop").code == 0
        assert listed(installed("app", "list", "--json"))[0]["IsActive"] is is_active
        assert installed("app", command, "nobody").code == 4


@pytest.mark.parametrize("command", ["requests", "notifications", "quarantine"])
def test_empty_lists_are_empty(installed: Command, command: str) -> None:
    assert listed(installed(command, "--json")) == []
    ended = installed(command)
    assert ended.code == 0
    assert ended.out.strip().endswith(".")


def test_a_trace_of_nothing_ends_with_4(installed: Command) -> None:
    ended = installed("trace", "NOPE")
    assert ended.code == 4
    assert "wakala requests" in ended.err
    assert installed("trace", "NOPE", "--json").code == 4


def test_migrating_again_does_nothing(installed: Command) -> None:
    assert listed(installed("migrate", "--json")) == {"Applied": []}


def test_without_an_installation_a_command_says_so(wakala: Command) -> None:
    for arguments in (("-c", "nowhere/wakala.toml", "requests"), ("-c", "nowhere/wakala.toml", "serve")):
        ended = wakala(*arguments)
        assert ended.code == 1
        assert "wakala init" in ended.err


def test_a_key_file_that_others_may_read_stops_the_start(installed: Command, tmp_path: Path) -> None:
    (tmp_path / "wakala.key").chmod(0o640)
    for arguments in (("serve",), ("app", "create", "--name", "x")):
        ended = installed(*arguments)
        assert ended.code == 1
        assert "chmod 600" in ended.err


def test_an_old_schema_says_how_to_move_on(installed: Command, tmp_path: Path) -> None:
    (tmp_path / "wakala.db").unlink()
    for end in ("-wal", "-shm"):
        (tmp_path / f"wakala.db{end}").unlink(missing_ok=True)
    (tmp_path / "wakala.db").touch()
    ended = installed("requests")
    assert ended.code == 1
    assert "wakala migrate" in ended.err


def test_doctor_names_a_missing_configuration(wakala: Command) -> None:
    ended = wakala("-c", "nowhere.toml", "doctor", "--json")
    assert ended.code == 1
    ((finding),) = json.loads(ended.out)
    assert finding["state"] == "wrong"
    assert "wakala init" in finding["finding"]


def test_doctor_names_a_wrong_key_file_and_a_silent_gateway(installed: Command, tmp_path: Path) -> None:
    installed(*SHORTCODE, *PASSKEY)
    installed("app", "create", "--name", "shop")
    findings = json.loads(installed("doctor", "--json").out)
    assert any("start `wakala serve`" in one["finding"] for one in findings if one["check"] == "callback address")
    found = {one["check"]: one for one in findings}
    assert "wakala app callback-url shop" in found["app shop"]["finding"]
    (tmp_path / "wakala.key").chmod(0o644)
    ended = installed("doctor", "--json")
    assert ended.code == 1
    found = {one["check"]: one for one in json.loads(ended.out)}
    assert "chmod 600" in found["key file"]["finding"]
    (tmp_path / "wakala.key").write_text("ab" * 32)
    (tmp_path / "wakala.key").chmod(0o600)
    ended = installed("doctor", "--json")
    assert ended.code == 1
    assert "The database was sealed with key" in ended.out


def test_doctor_looks_where_callbacks_are_kept(
    installed: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finding() -> dict[str, str]:
        found: list[dict[str, str]] = json.loads(installed("doctor", "--json").out)
        return next(one for one in found if one["check"] == "spill folder")

    assert finding()["state"] == "ok"
    (tmp_path / "wakala.spill-refused").write_bytes(b"sealed\n")
    assert finding()["state"] == "wrong"
    assert f"`mv {tmp_path}/wakala.spill-refused {tmp_path}/wakala.spill-63`" in finding()["finding"]
    monkeypatch.setenv("WAKALA__CALLBACKS__SPILL_FOLDER", str(tmp_path / "nowhere"))
    assert finding()["state"] == "wrong"
    assert "callbacks.spill_folder" in finding()["finding"]


def test_doctor_names_a_file_of_callbacks_that_no_gateway_of_this_account_can_take_over(
    installed: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, may = tmp_path / "wakala.spill-0", os.access
    theirs.write_bytes(b"sealed\n")
    monkeypatch.setattr(os, "access", lambda place, mode: place != theirs and may(place, mode))  # root may all
    ended = installed("doctor", "--json")
    assert ended.code == 1
    found = {one["check"]: one for one in json.loads(ended.out)}
    assert found["spill folder"]["state"] == "wrong"
    assert f"{theirs} is another account's" in found["spill folder"]["finding"]


@pytest.mark.skipif(not can_mount(), reason="mounting a disk is for root alone")
def test_doctor_names_the_disk_that_is_nearly_full(
    installed: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "other") as disk:
        monkeypatch.setenv("WAKALA__CALLBACKS__SPILL_FOLDER", str(disk))
        found = {one["check"]: one for one in json.loads(installed("doctor", "--json").out)}
    assert found["disk"]["state"] == "warning"
    assert f"MiB are free at {disk}:" in found["disk"]["finding"]


@pytest.mark.skipif(not can_mount(), reason="chattr +i is for root alone")
def test_doctor_says_all_that_it_knows_where_the_system_does_not_let_it_at_the_database(
    installed: Command, tmp_path: Path
) -> None:
    trouble = ReadOnlyDisk(tmp_path)
    trouble.begin()
    try:
        ended = installed("doctor", "--json")
    finally:
        trouble.end()
    assert ended.code == 1
    found = {one["check"]: one for one in json.loads(ended.out)}
    assert found["database"]["state"] == "wrong"
    assert f"{tmp_path}/wakala.db: Operation not permitted: this account" in found["database"]["finding"]
    assert {"key file", "disk", "spill folder", "callback address"} <= set(found)


def test_doctor_says_that_the_server_syncs_nothing(installed: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres_server(settings={"fsync": "off"}) as careless, careless.database() as url:
        monkeypatch.setenv("WAKALA__DATABASE__URL", url)
        assert installed("migrate").code == 0
        ended = installed("doctor", "--json")
        assert ended.code == 1
        [finding] = [one for one in json.loads(ended.out) if one["check"] == "database" and one["state"] == "wrong"]
        assert "Set fsync = on" in finding["finding"]


def test_doctor_says_that_the_server_takes_no_writes(
    installed: Command, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    with postgres_server.database() as url:
        monkeypatch.setenv("WAKALA__DATABASE__URL", url)
        assert installed("migrate").code == 0
        name = url.rpartition("/")[2]
        postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")  # as on a standby
        ended = installed("doctor", "--json")
        assert ended.code == 1
        [finding] = [one for one in json.loads(ended.out) if one["check"] == "database" and one["state"] == "wrong"]
        assert "takes no writes" in finding["finding"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no/such/folder/backup",), "There is no folder no/such/folder: make it first"),
        (("there", "--force"), "there is a folder: name a file in it"),
    ],
)
def test_a_backup_that_cannot_be_written_is_told_in_a_sentence(
    installed: Command, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "there").mkdir()
    ended = installed("backup", *arguments)
    assert ended.code == 1
    assert ended.err.startswith(f"wakala: {said}")
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "there.partial").exists()


def test_a_backup_of_apps_alone_wants_their_key_file_too(installed: Command, tmp_path: Path) -> None:
    assert installed("app", "create", "--name", "shop").code == 0
    assert installed("backup", "backup").code == 0
    key = tmp_path / "wakala.key"
    right = key.read_text()
    key.write_text("f" * 64 + "\n")
    refused = installed("restore", "backup", "--force")
    assert refused.code == 1
    assert "Put the key file" in refused.err
    key.write_text(right)
    assert installed("restore", "backup", "--force").code == 0


def test_requests_of_every_kind_are_listed_and_show_no_phone_number(installed: Command, tmp_path: Path) -> None:
    made = [
        payment("PUSH"),
        payment("PAYOUT", kind=Kind.PAYOUT, command="b2c/businesspayment"),
        payment("BALANCE", kind=Kind.ENQUIRY, command="balance", msisdn=""),
    ]

    async def kept() -> None:
        store = SqliteDatabase(tmp_path / "wakala.db")
        await store.open()
        await Journal(store).add_organisation("org_1", "Duka", 1)
        for one in made:
            assert await Journal(store).open_payment(opening(one), None)
        await store.close()

    asyncio.run(kept())
    ended = installed("requests", "--json")
    found = {one["RequestID"]: one for one in listed(ended)}
    assert set(found) == {"PUSH", "PAYOUT", "BALANCE"}
    assert found["PUSH"]["SenderMSISDN"] == found["PAYOUT"]["ReceiverMSISDN"] == "2547*****678"
    assert "254712345678" not in ended.out
    assert installed("requests").code == 0


@pytest.mark.parametrize("place", ["wakala.db", "./wakala.db", "link"])
def test_a_backup_never_takes_the_place_of_the_database(installed: Command, tmp_path: Path, place: str) -> None:
    """A gateway that is at work would go on in a file that has no name any more."""
    (tmp_path / "link").symlink_to(tmp_path / "wakala.db")
    before = (tmp_path / "wakala.db").stat().st_ino
    for force in ([], ["--force"]):  # nobody is told to insist
        refused = installed("backup", place, *force)
        assert refused.code == 1
        assert "is the database" in refused.err
    assert (tmp_path / "wakala.db").stat().st_ino == before
    assert installed("backup", "backup", "--force").code == 0


def test_a_number_that_several_organisations_have_names_none_of_them(installed: Command, tmp_path: Path) -> None:
    for organisation in ("one", "two"):
        assert installed(*SHORTCODE, *PASSKEY, "--organisation", organisation).code == 0
    assert [one["Organisation"] for one in listed(installed("shortcode", "list", "--json"))] == ["one", "two"]
    refused = installed("shortcode", "product", "174379", "pull")
    assert refused.code == 1
    assert "one/174379, two/174379" in refused.err
    assert installed("shortcode", "register", "174379").err == refused.err
    assert installed("shortcode", "product", "three/174379", "pull").code == 4
    assert installed("shortcode", "product", "two/174379", "pull").code == 0

    async def granted() -> dict[str, tuple[str, ...]]:
        store = SqliteDatabase(tmp_path / "wakala.db")
        await store.open()
        journal = Journal(store)
        names, known = await journal.organisations(), await journal.shortcodes()
        await store.close()
        return {names[one.organisation_id]: tuple(one.products) for one in known}

    assert asyncio.run(granted()) == {"one": (), "two": ("pull",)}
