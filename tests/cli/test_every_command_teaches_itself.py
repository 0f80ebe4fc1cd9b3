import re
from collections.abc import Iterator

import pytest
import typer

from cli.conftest import Command
from wakala import __version__
from wakala.cli.commands import cli
from wakala.rules.endpoints import Waiting


def commands(app: typer.Typer = cli, *before: str) -> Iterator[tuple[str, ...]]:
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__ if command.callback else "")
        yield (*before, name)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield (*before, group.name or "")
        yield from commands(group.typer_instance, *before, group.name or "")


GROUPS = {(name,) for name in ("shortcode", "app", "credentials", "endpoint", "logs", "notifications", "alert")}
ALL = sorted({name for name in commands() if name})


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[│╭╰─╮╯]|\x1b\[[0-9;]*m", " ", text))


def test_these_commands_are_there() -> None:
    names = {" ".join(name) for name in ALL}
    assert names >= {
        "init",
        "serve",
        "doctor",
        "trace",
        "shortcode add",
        "app create",
        "credentials password",
        "migrate",
    }


@pytest.mark.parametrize("name", ALL, ids=" ".join)
def test_help_ends_well_and_says_what_the_command_is_for(wakala: Command, name: tuple[str, ...]) -> None:
    ended = wakala(*name, "--help")
    assert ended.code == 0
    text = plain(ended.out)
    assert f"Usage: wakala {' '.join(name)}" in text
    promise = next((one.help or "" for path, one in leaves() if path == name), "")
    assert plain(promise.partition(".")[0]).strip() in text
    assert name[:1] in GROUPS or len(promise.split()) >= 3


@pytest.mark.parametrize(
    ("name", "said"),
    [(("endpoint", "move"), [f"`{one}`" for one in Waiting]), (("endpoint", "rotate"), ["168", "0 ends it at once"])],
    ids=["move", "rotate"],
)
def test_each_choice_is_explained_where_it_is_made(wakala: Command, name: tuple[str, ...], said: list[str]) -> None:
    text = plain(wakala(*name, "--help").out)
    assert [one for one in said if one not in text] == []


@pytest.mark.parametrize(
    "name",
    [name for name in ALL if name not in GROUPS],
    ids=" ".join,
)
def test_every_option_says_what_it_is(wakala: Command, name: tuple[str, ...]) -> None:
    (found,) = [one for one in leaves() if one[0] == name]
    for parameter in found[1].params:
        assert getattr(parameter, "help", None), f"{' '.join(name)} {parameter.name}"


@pytest.mark.parametrize("name", [name for name in ALL if name not in GROUPS], ids=" ".join)
def test_a_paragraph_of_its_help_is_as_wide_as_the_terminal(name: tuple[str, ...]) -> None:
    """A docstring's lines end where the source does."""
    (found,) = [one for path, one in leaves() if path == name]
    assert all("\n" not in paragraph for paragraph in (found.help or "").split("\n\n"))


def leaves() -> Iterator[tuple[tuple[str, ...], typer.core.TyperCommand]]:
    def walk(command: object, *before: str) -> Iterator[tuple[tuple[str, ...], typer.core.TyperCommand]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            assert isinstance(command, typer.core.TyperCommand)
            yield before, command
            return
        for name, one in inner.items():
            yield from walk(one, *before, name)

    yield from walk(typer.main.get_command(cli))


def test_the_first_help_names_the_first_steps_in_their_order(wakala: Command) -> None:
    for arguments in ((), ("--help",)):
        text = plain(wakala(*arguments).out)
        places = [
            text.index(step) for step in ("wakala demo", "wakala init", "wakala shortcode add", "wakala app create")
        ]
        assert places == sorted(places)
        listed = text.partition("Commands")[2]
        places = [listed.index(f" {name} ") for name in ("demo", "init", "serve", "doctor", "trace", "backup", "prune")]
        assert places == sorted(places)


def test_the_version_is_told(wakala: Command) -> None:
    ended = wakala("--version")
    assert (ended.code, ended.out) == (0, f"wakala {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        *(("nothing",), ("trace",), ("init", "--port", "x"), ("app", "create"), ("serve", "--x")),
        *(("serve", "--log-level", "loud"), ("serve", "--port", "65536"), ("simulator", "--port", "65536")),
        ("redirect", "--port", "65536", "--", "true"),
    ],
)
def test_a_wrong_command_line_ends_with_2(wakala: Command, arguments: tuple[str, ...]) -> None:
    ended = wakala(*arguments)
    assert ended.code == 2
    assert ended.err


def test_a_table_in_a_pipe_keeps_each_row_on_a_line_so_that_grep_finds_an_id(
    wakala: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    url = f"https://shop.example/{'a-long-path/' * 12}"
    assert wakala("init").code == 0
    assert wakala("app", "create", "--name", "shop", "--callback-url", url).code == 0
    assert url in wakala("app", "list").out
