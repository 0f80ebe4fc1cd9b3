"""What merchants are owed. The bare command lists it."""

from typing import Annotated

import typer

from wakala.cli.context import CONTEXT, Json, moment, print_json, print_table, run
from wakala.cli.narrowing import Before, Env, Limit, Narrowed, OfApp, OfShortcode, Since, Until, say_how_to_go_on
from wakala.errors import CallerError
from wakala.rules.accounts import Environment
from wakala.rules.delivery import TYPES, DeliveryState

notifications = typer.Typer(invoke_without_command=True)

OfState = Annotated[
    list[DeliveryState] | None, typer.Option("--state", help="Only those that stand there; may be repeated.")
]
OfType = Annotated[str, typer.Option("--type", help=f"Only of this type: {', '.join(TYPES)}.")]


@notifications.callback()
def list_notifications(
    context: typer.Context,
    app: OfApp = "",
    shortcode: OfShortcode = "",
    state: OfState = None,
    type_: OfType = "",
    since: Since = None,
    until: Until = None,
    before: Before = "",
    environment: Env = Environment.SANDBOX,
    limit: Limit = 20,
    json_output: Json = False,
) -> None:
    """List the newest notifications, delivered or not; all, or those that you look for."""
    if context.invoked_subcommand is not None:
        _require_nothing_before(context)
        return
    from wakala.cli.list_visits import read_notifications  # noqa: PLC0415 - keeps --help quick

    wanted = Narrowed(
        environment,
        app,
        shortcode,
        states=frozenset(state or ()),
        type=known_type(type_),
        since=since,
        until=until,
        before=before,
        limit=limit,
    )
    page = run(read_notifications(CONTEXT.settings(), wanted))
    if json_output:
        print_json(page.rows)
    else:
        columns = ["Created (UTC)", "NotificationID", "State", "Type", "App", "Attempts", "Status", "Error"]
        keys = ["NotificationID", "State", "Type", "App", "Attempts", "LastStatus", "LastError"]
        rows = [[moment(v["CreatedAt"]), *(v[key] for key in keys)] for v in page.rows]
        print_table("Notifications", columns, rows, wanted.nothing("notification"))
    say_how_to_go_on(page)


def _require_nothing_before(context: typer.Context) -> None:
    """An option that only the list would obey must not seem to narrow what is done to notifications."""
    for name in context.params:
        given = context.get_parameter_source(name)
        if given is not None and given.name == "COMMANDLINE":
            context.fail(f"Options stand behind the word `{context.invoked_subcommand}`, not before it.")


def known_type(given: str) -> str:
    """A type, or "" for any; what there is not would find nothing without a word."""
    if given and given not in TYPES:
        raise CallerError(f"There is no type {given}: give one of {', '.join(TYPES)}.")
    return given
