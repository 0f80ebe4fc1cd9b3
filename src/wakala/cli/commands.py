"""The commands, in the order in which a newcomer needs them."""

import inspect
import logging
import os
import secrets
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wakala import __version__
from wakala.cli import (
    accounts,
    alerts,
    credentials,
    doctor,
    endpoints,
    listen,
    logs,
    notifications,
    reading,
    redirect,
    retention,
    safekeeping,
)
from wakala.cli.context import CONTEXT, Json, json_text, print_json, run, say, visible
from wakala.config import PORT_MAX, load, write_private
from wakala.errors import ConfigurationError

cli = typer.Typer(
    name="wakala",
    help="Wakala, the self-hosted M-Pesa gateway.\n\n"
    "New here? `wakala demo` shows a payment from order to receipt. "
    "For your own: `wakala init`, `wakala shortcode add`, `wakala app create`, `wakala serve`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wakala {__version__}")
        raise typer.Exit


@cli.callback()
def options(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", envvar="WAKALA_CONFIG", help="The configuration file; default ./wakala.toml."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - the callback acts on it before any command runs
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options that stand before the command."""
    CONTEXT.config = config
    os.umask(0o077)


def init(
    folder: Annotated[Path, typer.Argument(help="Where configuration, key and database will live.")] = Path(),
    port: Annotated[int, typer.Option(min=1, max=PORT_MAX, help="The port to listen on.")] = 8080,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    public_url: Annotated[str, typer.Option(help="How M-Pesa reaches you, e.g. https://pay.example.co.ke .")] = "",
    sandbox_url: Annotated[
        str, typer.Option(help="Where sandbox requests go: Daraja's sandbox, or `wakala simulator`.")
    ] = "http://127.0.0.1:8100",
    database_url: Annotated[str, typer.Option(help="sqlite:///file or postgresql://...")] = "sqlite:///wakala.db",
    json_output: Json = False,
) -> None:
    """Make a new installation: a configuration, a key file and an empty database."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config, key = folder / "wakala.toml", folder / "wakala.key"
    if config.exists():
        raise ConfigurationError(f"There is an installation here already: edit {config}, or choose a new folder.")
    is_local = sandbox_url.startswith(("http://127.", "http://localhost"))
    settled = _TEMPLATE.format(
        host=json_text(host),
        port=port,
        public_url=json_text(public_url or f"http://{host}:{port}"),
        database_url=json_text(database_url),
        sandbox_url=json_text(sandbox_url),
        private='["127.0.0.0/8", "::1/128"]' if is_local else "[]",
    )
    from wakala.cli.visits import prepare  # noqa: PLC0415 - keeps --help quick

    made: list[Path] = []
    try:
        if is_new := not key.exists():
            write_private(key, secrets.token_hex(32) + "\n")
            made.append(key)
        write_private(config, settled)  # last: where it stands there is an installation, and it has its key
        made.append(config)
        applied = run(prepare(load(config), with_its_key=True))
    except BaseException:
        for file in made:
            file.unlink()  # so that the same command, put right, finds an empty place
        raise
    if json_output:
        print_json({"Configuration": str(config), "Key": str(key), "Migrations": applied})
    else:
        what = f"Made {config} and {key}." if is_new else f"Made {config}; {key} was there and stays."
        say(f"{what} Back up the key file: without it no stored secret can be read.")
        say("Next: wakala shortcode add --help")


_TEMPLATE = """\
# Wakala. Every setting may also come from the environment: WAKALA__SERVER__PORT=8080.
# Secrets are not here: they are sealed in the database with the key file.

[server]
host = {host}
port = {port}
public_url = {public_url}
trusted_proxies = []          # networks of your own reverse proxy, if there is one

[database]
url = {database_url}

[daraja]
sandbox_url = {sandbox_url}
live_url = "https://api.safaricom.co.ke"
# If M-Pesa's e-mail on going live has Bill Manager's prefix twice:
# bill_manager_prefix = "/v1/billmanager-invoice/v1/billmanager-invoice"

[deliveries]
private_targets = {private}   # private networks that notifications may go to

[keys]
file = "wakala.key"
"""


class LogLevel(StrEnum):
    """From the most lines to the fewest."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    host: Annotated[str | None, typer.Option(help="Instead of the configured address.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=PORT_MAX, help="Instead of the configured port.")] = None,
    log_level: Annotated[LogLevel, typer.Option(help="What is worth a line.")] = LogLevel.INFO,
) -> None:
    """Run the gateway: API, callbacks, pages, deliveries, finisher. Ends in order on SIGTERM."""
    from wakala.serving import serve as run_gateway  # noqa: PLC0415 - keeps --help quick

    _log(log_level)
    if host:
        os.environ["WAKALA__SERVER__HOST"] = host
    if port:
        os.environ["WAKALA__SERVER__PORT"] = str(port)
    run_gateway(CONTEXT.settings())


class _Visible(logging.Formatter):
    """A line a record, and its stack: what strangers wrote makes no line of its own and steers no terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is the library's
        """The line."""
        return visible(super().formatMessage(record).rstrip()).replace("\n", "\\n")

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is the library's
        """The stack."""
        return visible(super().formatException(ei))


def _log(level: LogLevel) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Visible("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.value.upper(), handlers=[handler])


def simulator(
    host: Annotated[str, typer.Option(help="Loopback unless you know why.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=PORT_MAX, help="0 takes a free one.")] = 8100,
    seed: Annotated[int | None, typer.Option(help="Makes receipts and faults repeat.")] = None,
    autopilot: Annotated[str, typer.Option(help="How prompts are answered by themselves: pay, cancel, ... .")] = "off",
    answer_after_ms: Annotated[int, typer.Option(help="How long the autopilot waits.")] = 0,
    allow_callback_host: Annotated[
        list[str] | None,
        typer.Option(help="A host besides this machine that callbacks may go to; may be repeated; * is all."),
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Keep its world in this file; else it is forgotten.")] = None,
    broker_port: Annotated[
        int | None, typer.Option(min=0, max=PORT_MAX, help="Serve M-Pesa's SOAP side here too, by mutual TLS.")
    ] = None,
    broker_certificates: Annotated[
        Path, typer.Option(help="Where the SOAP side's certificates are, or are made.")
    ] = Path("broker-certificates"),
) -> None:
    """Run M-Pesa in a box: Daraja's paths, phones in the browser, faults on demand."""
    from wakala.simulator import main as program  # noqa: PLC0415 - shares nothing with the gateway
    from wakala.simulator.broker.listener import Door  # noqa: PLC0415

    try:
        program.serve(
            host,
            port,
            seed=seed,
            autopilot=autopilot,
            answer_after_ms=answer_after_ms,
            allow_callback_hosts=allow_callback_host or (),
            state_file=state,
            broker=None if broker_port is None else Door(broker_port, broker_certificates),
        )
    except program.REFUSED_AT_START as wrong:
        raise typer.BadParameter(str(wrong)) from None


def demo(
    once: Annotated[bool, typer.Option("--once", help="One payment without a browser; print its trace; stop.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Where the demo keeps its files.")] = None,
    json_output: Json = False,
) -> None:
    """Gateway, simulator and a small shop on this machine: pay an order and see its trace."""
    from wakala.demo.demo import run as run_demo  # noqa: PLC0415 - a program of its own

    raise typer.Exit(run_demo(once=once, folder=folder, json_output=json_output))


def migrate(json_output: Json = False) -> None:
    """Bring the database's schema to this program's version. Forward only; safe to repeat."""
    from wakala.cli.visits import prepare  # noqa: PLC0415 - keeps --help quick

    applied = run(prepare(CONTEXT.settings()))
    if json_output:
        print_json({"Applied": applied})
    else:
        say("Applied: " + ", ".join(applied) if applied else "The schema is up to date.")


for each in (
    *(demo, init, serve, doctor.doctor, simulator),
    *(reading.trace, reading.requests, reading.quarantine),
    *(listen.listen, redirect.redirect),
    *(safekeeping.backup, safekeeping.restore, migrate, retention.prune),
):
    cli.command()(each)
for name, group in (
    ("notifications", notifications.notifications),
    ("shortcode", accounts.shortcodes),
    ("app", accounts.apps),
    ("endpoint", endpoints.endpoints),
    ("alert", alerts.alerts),
    ("credentials", credentials.credentials),
    ("logs", logs.logs),
):
    cli.add_typer(group, name=name)


def _unfold(app: typer.Typer) -> None:
    """A docstring's lines end where the source does; a terminal has a width of its own."""
    for command in app.registered_commands:
        paragraphs = (inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _unfold(group.typer_instance)


_unfold(cli)
