"""A terminal without ticks, no input at all, Ctrl-C at once, a file of another account: never a stack trace."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cli.conftest import Command
from cli.terminal import CTRL_C, typed
from cli.test_an_installation_is_made_step_by_step import PASSKEY, SHORTCODE
from services.programs import WAKALA, environment

Shell = Callable[..., subprocess.CompletedProcess[str]]
WITHOUT_TICKS = {"PYTHONIOENCODING": "ascii"}  # as in a locale whose letters fit into a byte
NOT_ABOVE_PERMISSIONS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root is what others are too: what it may not read it cannot."""


@pytest.fixture
def shell(wakala: Command, tmp_path: Path) -> Shell:
    """Run a command of an installation as a process, as a shell script would say it."""
    assert wakala("init").code == 0
    assert wakala(*SHORTCODE, *PASSKEY).code == 0

    def run(script: str, more: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
        wrapped = f'wakala() {{ {sys.executable} {" ".join(WAKALA)} "$@"; }}; {script}'
        given = environment({}) | dict(more)
        return subprocess.run(
            ["bash", "-c", wrapped], check=False, capture_output=True, text=True, cwd=tmp_path, env=given, timeout=60
        )

    return run


@pytest.mark.parametrize("arguments", ["doctor", "endpoint test shop http://10.0.0.1/", "--help"])
def test_what_a_terminal_has_no_letter_for_is_spelled(wakala: Command, shell: Shell, arguments: str) -> None:
    assert wakala("app", "create", "--name", "shop").code == 0
    ended = shell(f"wakala {arguments}", WITHOUT_TICKS)
    assert "Traceback" not in ended.stderr
    assert len(ended.stdout.splitlines()) > 2


def test_json_stays_json_where_letters_are_spelled(wakala: Command, shell: Shell) -> None:
    assert wakala("app", "create", "--name", "duka ✓").code == 0
    ended = shell(
        'wakala app list --json | python3 -c "import json, sys; print(ascii(json.load(sys.stdin)[0]))"', WITHOUT_TICKS
    )
    assert ended.returncode == 0, ended.stderr
    assert r"duka \u2713" in ended.stdout


@pytest.mark.parametrize(
    "arguments", ["shortcode add --number 600000", "app bind shop 600000", "credentials password --shortcode 174379"]
)
def test_who_has_no_input_at_all_is_not_asked(shell: Shell, arguments: str) -> None:
    ended = shell(f"wakala {arguments} <&-")
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "notifications show $'ntf_\\xff'",
        "endpoint pause shop --reason $'\\xff'",
        "trace $'\\xff'",
        "notifications --app $'\\xff'",
        "app create --name $'\\xff'",
    ],
)
def test_bytes_that_are_no_text_are_refused_with_a_sentence(wakala: Command, shell: Shell, arguments: str) -> None:
    assert wakala("app", "create", "--name", "shop").code == 0
    ended = shell(f"wakala {arguments}")
    assert ended.returncode == 1 or "There is no app" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "SQLite" not in ended.stderr, "the database is not to blame"
    assert len(ended.stderr.splitlines()) == 1


def test_bytes_that_are_no_text_are_refused_before_postgresql_too(wakala: Command, postgres_url: str) -> None:
    assert wakala("init", "--database-url", postgres_url).code == 0
    ended = wakala("notifications", "show", "ntf_\udcff")
    assert (ended.code, "no UTF-8 text" in ended.err, len(ended.err.splitlines())) == (1, True, 1), ended.err


def test_ctrl_c_before_the_command_has_begun_ends_it_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text(
        "import os, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # where tests run in the background it is ignored\n"
        "print('loading', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "time.sleep(60)\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *WAKALA, "app", "list"],
        check=False,
        capture_output=True,
        text=True,
        env=environment({}) | {"PYTHONPATH": path},
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "loading\n", "")


@pytest.mark.parametrize(("answer", "code"), [(CTRL_C, 130), ("n", 1), ("", 1)], ids=["Ctrl-C", "no", "nothing"])
def test_ctrl_c_at_a_question_is_no_answer_to_it(wakala: Command, tmp_path: Path, answer: str, code: int) -> None:
    """A script that stops where it was interrupted must not go on where it was told no, nor the other way round."""
    assert wakala("init").code == 0
    screen, ended = typed(tmp_path, ("app", "bind", "shop", "600984"), {"Go on? [y/N]": answer})
    assert (ended, "Traceback" in screen) == (code, False), screen


def test_ctrl_c_where_a_secret_is_asked_for_ends_with_130(wakala: Command, tmp_path: Path) -> None:
    assert wakala("init").code == 0
    asked = ("shortcode", "add", "--number", "174379", "--consumer-key", "k")
    screen, ended = typed(tmp_path, asked, {"Consumer secret": CTRL_C})
    assert (ended, "Traceback" in screen) == (130, False), screen


@pytest.mark.parametrize("name", ["wakala.toml", "wakala.key"])
def test_a_file_of_another_account_is_named_with_what_to_do(shell: Shell, tmp_path: Path, name: str) -> None:
    (tmp_path / name).chmod(0o000)
    ours = f"{' '.join(NOT_ABOVE_PERMISSIONS)} {sys.executable} {' '.join(WAKALA)}"
    ended = shell(f"{ours} app create --name shop")
    assert ended.returncode == 1
    assert f"{name} cannot be read (Permission denied): use the account that it belongs to" in ended.stderr
    looked = shell(f"{ours} doctor")
    assert looked.returncode == 1
    assert f"{name} cannot be read" in looked.stdout


def test_a_database_that_refuses_is_no_matter_of_a_request_to_who_types_a_command(
    wakala: Command, tmp_path: Path
) -> None:
    assert wakala("init").code == 0
    (tmp_path / "wakala.db").write_bytes(b"no database at all" * 100)
    for arguments in (("app", "list"), ("app", "create", "--name", "shop"), ("endpoint", "list")):
        ended = wakala(*arguments)
        assert ended.code == 1
        assert "Look whether it runs, its disk has room, and this account may read and write there" in ended.err
        assert "RequestID" not in ended.err
    assert "RequestID" not in wakala("doctor").out


def test_senseless_terms_are_not_said_to_be_a_request(wakala: Command) -> None:
    assert wakala("init").code == 0
    assert wakala("app", "create", "--name", "shop").code == 0
    for arguments in (("set", "shop", "--rate", "0.0001"), ("move", "shop", "http://10.0.0.1/")):
        ended = wakala("endpoint", *arguments)
        assert ended.code == 1
        assert "M-Pesa" not in ended.err
        assert "under errors" not in ended.err
