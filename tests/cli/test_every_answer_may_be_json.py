"""`--json`: every command that answers and ends has it, and what was changed is shown as the lists show it."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from cli.conftest import Command, Ended
from cli.test_an_installation_is_made_step_by_step import PASSKEY, SHORTCODE
from cli.test_credentials_are_explained_by_doing import certificate
from cli.test_every_command_teaches_itself import leaves

RUNS_UNTIL_IT_IS_ENDED = {("serve",), ("simulator",), ("listen",), ("redirect",)}
HOOK = "https://shop.example/wakala"
PRIVATE = "http://10.0.0.1/hook"
BROKER = ("--url", "https://broker.example:18423", "--sp-id", "900610", "--sp-password-file", "s")


@pytest.fixture
def installed(wakala: Command, tmp_path: Path) -> Command:
    (tmp_path / "s").write_text("s3cretValue")
    assert wakala("init").code == 0
    assert wakala(*SHORTCODE, *PASSKEY).code == 0
    assert wakala("app", "create", "--name", "shop", "--callback-url", HOOK).code == 0
    return wakala


def told(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    assert "s3cretValue" not in ended.out
    return json.loads(ended.out)


def test_every_command_that_answers_and_ends_can_do_so_in_json() -> None:
    without = {name for name, one in leaves() if "--json" not in {word for each in one.params for word in each.opts}}
    assert without == RUNS_UNTIL_IT_IS_ENDED


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (("product", "174379", "b2c"), {"Products": ["b2c"]}),
        (("broker", "174379", *BROKER), {"Side": "broker"}),
        (("daraja", "174379"), {"Side": "daraja"}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_changed_shortcode_is_told_as_the_list_shows_it(
    installed: Command, arguments: tuple[str, ...], changed: dict[str, Any]
) -> None:
    now = told(installed("shortcode", *arguments, "--json"))
    assert now | changed == now
    assert told(installed("shortcode", "list", "--json")) == [now]
    assert now["Organisation"] == "default"


def test_who_speaks_for_a_shortcode_is_told_and_its_password_is_not(installed: Command, tmp_path: Path) -> None:
    theirs = certificate(tmp_path, rsa.generate_private_key(65537, 2048), Encoding.PEM)
    operator = ("--name", "testapi", "--password-file", "s", "--certificate", str(theirs))
    now = told(installed("shortcode", "initiator", "174379", *operator, "--json"))
    assert now["Initiator"] == "testapi"
    assert told(installed("shortcode", "list", "--json")) == [now]


def test_a_changed_app_is_told_as_the_list_shows_it(installed: Command) -> None:
    live = ("--number", "600984", "--environment", "live", "--consumer-key", "k")
    assert installed("shortcode", "add", *live, "--consumer-secret-file", "s", "--passkey-file", "s").code == 0
    for arguments, changed in (
        (("disable", "shop"), {"IsActive": False}),
        (("enable", "shop"), {"IsActive": True}),
        (("bind", "shop", "600984", "--yes"), {"IsLive": True}),
    ):
        now = told(installed("app", *arguments, "--json"))
        assert now | changed == now
        assert told(installed("app", "list", "--json")) == [now]


def test_who_is_asked_before_an_app_goes_live_is_asked_beside_the_answer(installed: Command) -> None:
    ended = installed("app", "bind", "shop", "600984", "--json", stdin="n\n")
    assert ended.code != 0
    assert (ended.out.strip(), "Go on?" in ended.err) == ("", True)


def test_a_changed_endpoint_is_told_as_the_api_spells_it(installed: Command) -> None:
    paused = told(installed("endpoint", "pause", "shop", "--reason", "holiday", "--json"))
    assert (paused["State"], paused["Reason"]) == ("paused", "holiday")
    resumed = told(installed("endpoint", "resume", "shop", "--json"))
    assert resumed == told(installed("endpoint", "show", "shop", "--json"))
    moved = told(installed("endpoint", "move", "shop", PRIVATE, "--force", "--json"))
    assert (moved["CallbackUrl"], moved["Test"]["Grade"], moved["Held"]) == (PRIVATE, "F", 0)
    again = told(installed("app", "callback-url", "shop", PRIVATE, "--force", "--json"))
    assert again.keys() == moved.keys()


def test_a_new_key_stands_beside_the_endpoint_that_it_signs_for(installed: Command) -> None:
    secret = told(installed("endpoint", "rotate", "shop", "--json"))
    pair = told(installed("endpoint", "rotate", "shop", "--ed25519", "--json"))
    assert secret.pop("WebhookSecret").startswith("whsec_")
    assert pair.pop("PublicKey").startswith("whpk_")
    assert pair == told(installed("endpoint", "show", "shop", "--json"))
    assert [key["Version"] for key in pair["Keys"]] == ["v1", "v1", "v1a"]
