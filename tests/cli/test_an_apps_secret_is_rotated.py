"""`wakala app rotate`: a new consumer secret, shown once; the list says for how long the old one lets in beside it."""

import datetime as dt
import json
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

from cli.conftest import Command, Ended
from wakala.rules.signing import app_digest, stored_digest

DAY_S = 86_400


@pytest.fixture
def installed(wakala: Command) -> Command:
    assert wakala("init").code == 0
    return wakala


def told(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def create(installed: Command, name: str = "shop", organisation: str = "default") -> dict[str, Any]:
    made: dict[str, Any] = told(installed("app", "create", "--name", name, "--organisation", organisation, "--json"))
    return made


def olds(installed: Command) -> dict[str, str | None]:
    """Until when an old secret lets each app in, by its key."""
    return {one["ConsumerKey"]: one["OldSecretUntil"] for one in told(installed("app", "list", "--json"))}


def seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def kept(folder: Path) -> dict[bytes, bool]:
    """The hashes of secrets in the database; True for one that is in force."""
    with apsw.Connection(str(folder / "wakala.db")) as store:
        current = {row[0]: True for row in store.execute("SELECT digest FROM apps")}
        return current | {row[0]: False for row in store.execute("SELECT digest FROM old_secrets")}


def test_a_new_secret_is_shown_once_and_the_list_says_until_when_the_old_one_lets_in(
    installed: Command, tmp_path: Path
) -> None:
    made, other = create(installed), create(installed, "other")
    key = made["ConsumerKey"]
    assert olds(installed) == {key: None, other["ConsumerKey"]: None}
    new = told(installed("app", "rotate", "shop", "--json"))
    assert list(new) == ["Name", "ConsumerKey", "ConsumerSecret", "OldSecretUntil"]
    assert (new["Name"], new["ConsumerKey"]) == ("shop", key), "only the secret is another"
    assert abs(seconds(new["OldSecretUntil"]) - time.time() - DAY_S) < 600
    assert olds(installed) == {key: new["OldSecretUntil"], other["ConsumerKey"]: None}
    listed = installed("app", "list").out
    assert new["OldSecretUntil"][:19] in listed
    assert new["ConsumerSecret"] not in listed + installed("app", "list", "--json").out
    hashes = [stored_digest(app_digest(key, secret)) for secret in (new["ConsumerSecret"], made["ConsumerSecret"])]
    assert [kept(tmp_path)[each] for each in hashes] == [True, False]
    files = b"".join(file.read_bytes() for file in tmp_path.glob("wakala.db*"))
    for text in (new["ConsumerSecret"], app_digest(key, new["ConsumerSecret"])):
        assert text.encode() not in files, "hashes alone are kept"


def test_the_overlap_is_the_operators_choice_and_without_one_the_old_secrets_are_gone(
    installed: Command, tmp_path: Path
) -> None:
    key = create(installed)["ConsumerKey"]
    longest = told(installed("app", "rotate", "shop", "--overlap-h", "168", "--json"))
    assert abs(seconds(longest["OldSecretUntil"]) - time.time() - 7 * DAY_S) < 600
    half = told(installed("app", "rotate", key, "--overlap-h", "0.5", "--json"))
    assert abs(seconds(half["OldSecretUntil"]) - time.time() - 1_800) < 600
    assert olds(installed) == {key: half["OldSecretUntil"]}
    ended = installed("app", "rotate", "shop", "--overlap-h", "0")
    assert ended.code == 0
    assert "not shown again" in ended.err
    assert "lets nobody in from the next second on" in ended.err
    assert olds(installed) == {key: None}
    assert list(kept(tmp_path).values()) == [True]


def test_what_is_printed_for_people_says_until_when_the_old_one_lets_in(installed: Command) -> None:
    create(installed)
    ended = installed("app", "rotate", "shop")
    (until,) = olds(installed).values()
    assert until is not None
    assert f"lets in until {until[:19]} UTC" in ended.err
    assert until in ended.out


def test_the_list_names_no_old_secret_that_has_ended(installed: Command, tmp_path: Path) -> None:
    create(installed)
    assert installed("app", "rotate", "shop").code == 0
    with apsw.Connection(str(tmp_path / "wakala.db")) as store:
        store.execute("UPDATE old_secrets SET until_us = ?", (time.time_ns() // 1_000,))
    assert list(olds(installed).values()) == [None]


@pytest.mark.parametrize("overlap_h", ["-1", "168.1", "inf", "nan"])
def test_a_senseless_overlap_is_refused_and_the_secret_stays(
    installed: Command, tmp_path: Path, overlap_h: str
) -> None:
    create(installed)
    before = kept(tmp_path)
    ended = installed("app", "rotate", "shop", "--overlap-h", overlap_h)
    assert ended.code == 1
    assert "168 hours" in ended.err
    assert kept(tmp_path) == before


def test_an_app_is_named_as_for_every_command(installed: Command) -> None:
    assert installed("app", "rotate", "nobody").code == 4
    keys = [create(installed, "shop", each)["ConsumerKey"] for each in ("Duka", "Kiosk")]
    ended = installed("app", "rotate", "shop")
    assert ended.code == 1
    assert all(f"{key} ({name})" in ended.err for key, name in zip(keys, ("Duka", "Kiosk"), strict=True))
    assert set(olds(installed).values()) == {None}
    assert told(installed("app", "rotate", keys[1], "--json"))["ConsumerKey"] == keys[1]
    assert [key for key, until in olds(installed).items() if until] == [keys[1]]
