"""Alerts: what an operator is told without asking, whether that works, and how the receiver knows that it is us."""

import typer

from wakala.cli.context import CONTEXT, Json, moment, print_json, print_table, run, say
from wakala.cli.narrowing import Limit
from wakala.errors import ConfigurationError

alerts = typer.Typer(
    help="What you are told without asking: endpoints that fail, payments that need a look.", no_args_is_help=True
)


@alerts.command("list")
def list_alerts(limit: Limit = 20, json_output: Json = False) -> None:
    """List the newest alerts, told or not. They are kept whether alerts.url is set or not."""
    from wakala.cli.alert_visits import read_alerts  # noqa: PLC0415 - keeps --help quick

    found = run(read_alerts(CONTEXT.settings(), limit))
    if json_output:
        print_json(found)
        return
    rows = [[moment(one["At"]), one["Type"], _told(one), one["Text"]] for one in found]
    print_table("Alerts", ["At (UTC)", "Type", "Told (UTC)", "What happened"], rows, "No alert yet: nothing needs you.")


def _told(one: dict[str, object]) -> str:
    if one["ToldAt"]:
        return moment(str(one["ToldAt"]))
    if one["LastError"]:
        return f"no: {one['LastError']}"
    return "not yet"


@alerts.command("test")
def send_one(json_output: Json = False) -> None:
    """Send an alert that says it is a test to alerts.url, and say how it was taken."""
    from wakala.cli.alert_visits import send_test  # noqa: PLC0415 - keeps --help quick

    settings = CONTEXT.settings()
    if not settings.alerts.url:
        raise ConfigurationError(
            "alerts.url is not set: name the URL that takes alerts, such as a chat's incoming webhook, in wakala.toml "
            "below [alerts], or as WAKALA__ALERTS__URL."
        )
    host, error = run(send_test(settings))
    if error is not None:
        raise ConfigurationError(f"{host} did not take the alert: {error}. Correct alerts.url, then try again.")
    if json_output:
        print_json({"Host": host, "Taken": True})
    else:
        say(f"{host} took it.")


@alerts.command("key")
def key(json_output: Json = False) -> None:
    """Print the public key by which a receiver knows that an alert is ours.

    It verifies the v1a signature of Standard Webhooks, and stays for as long as the key file does.
    """
    from wakala.cli.alert_visits import public_key  # noqa: PLC0415 - keeps --help quick

    text = public_key(CONTEXT.settings())
    if json_output:
        print_json({"PublicKey": text})
    else:
        typer.echo(text)
