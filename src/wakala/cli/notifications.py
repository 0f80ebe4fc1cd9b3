"""What merchants are owed: listed by the bare command, shown whole, replayed, acknowledged."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wakala.cli.context import CONTEXT, Json, moment, print_json, print_table, run, say, visible
from wakala.cli.narrowing import Before, Env, Limit, Narrowed, OfApp, OfShortcode, Since, Until, say_how_to_go_on
from wakala.errors import CallerError
from wakala.rules.accounts import Environment
from wakala.rules.delivery import TYPES, DeliveryState

if TYPE_CHECKING:
    from wakala.cli.notification_visits import Reach

ANSWER_CHARS = 200  # of a merchant's answer: enough to know an error page by its title

notifications = typer.Typer(invoke_without_command=True)

ID = Annotated[str, typer.Argument(metavar="ID", help="The NotificationID; in what was sent it is the webhook-id.")]
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


@notifications.command("show")
def show(notification_id: ID, json_output: Json = False) -> None:
    """Show one whole: what is sent, where, each attempt, and what comes next. Phone numbers are masked."""
    from wakala.cli.notification_visits import read_notification  # noqa: PLC0415 - keeps --help quick

    found = run(read_notification(CONTEXT.settings(), notification_id))
    if json_output:
        print_json(found)
        return
    flat = {key: value for key, value in found.items() if key not in {"Body", "DeliveryAttempts"}}
    print_table(f"Notification {found['NotificationID']}", ["Field", "Value"], list(flat.items()), "")
    typer.echo(visible(f"\nBody\n{_spread(found['Body'])}\n"))
    rows = [
        [moment(one["At"]), *(one[key] for key in ("URL", "Status", "DurationMs")), _answer(one)]
        for one in found["DeliveryAttempts"]
    ]
    forgotten = "How it was tried is forgotten after its time."
    none = forgotten if found["Attempts"] else "No attempt yet."
    print_table("Attempts", ["At (UTC)", "URL", "Status", "ms", "Answer"], rows, none)


def _answer(attempt: dict[str, Any]) -> str:
    return str(attempt["Error"] or attempt["AnswerBody"][:ANSWER_CHARS])


def _spread(body: str) -> str:
    """JSON as a person reads it; a body that is none, or is none any more with its numbers masked, as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


@notifications.command("replay")
def replay(
    notification_id: Annotated[
        str, typer.Argument(metavar="ID", help="One of them; else say which by --since and the others.")
    ] = "",
    app: OfApp = "",
    shortcode: OfShortcode = "",
    state: OfState = None,
    type_: OfType = "",
    since: Since = None,
    until: Until = None,
    environment: Env = Environment.SANDBOX,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json_output: Json = False,
) -> None:
    """Send notifications again, under the same ID: one, or all of a window of time. A gateway that runs does it.

    Without --state that is everything that was made in the window, also what the merchants have already.
    """
    from wakala.cli import notification_visits as visits  # noqa: PLC0415 - keeps --help quick
    from wakala.cli.progress import shown  # noqa: PLC0415

    filters = (app, shortcode, state, type_, since, until)
    if bool(notification_id) == (since is not None) or (notification_id and any(filters)):
        raise CallerError(
            "Say which: an ID and nothing else, or since when they were made (--since 2026-11-30T20:15), "
            "with --app, --state given_up and others to narrow it."
        )
    settings = CONTEXT.settings()
    wanted = Narrowed(environment, app, shortcode, frozenset(state or ()), known_type(type_), since=since, until=until)
    if notification_id:
        reach, none = run(visits.reach_of_one(settings, notification_id)), f"{notification_id} is on its way right now."
    else:
        with shown("Counting what would be sent again"):
            reach, none = run(visits.reach_of(settings, wanted)), wanted.nothing("notification")
    for sentence in reach.obstacles:
        say(sentence)
    count = reach.count
    if not dry_run and count:
        if count > 1 and not yes:
            typer.confirm(f"To be sent again: {_counted(reach)}. Go on?", abort=True, err=True)
        if notification_id:
            count = run(visits.replay_one(settings, notification_id))
        else:
            with shown(f"Putting {_number(reach.count)} in line again"):
                count = run(visits.replay_all(settings, wanted, reach.until_us))
    if json_output:
        print_json({"DryRun": dry_run, "Count": count})
    elif not count:
        say(none)
    elif dry_run:
        say(f"Would be sent again: {_counted(reach)}.")
    else:
        what = "what nothing holds up" if reach.obstacles else "it" if count == 1 else "them"
        say(f"Owed again: {_number(count)}. A gateway that runs sends {what} at once.")


def _counted(reach: "Reach") -> str:
    taken = f", {reach.taken:,} of which the merchants have already" if reach.taken else ""
    return _number(reach.count) + taken


def _number(count: int) -> str:
    return f"{count:,} notification{'' if count == 1 else 's'}"


@notifications.command("acknowledge")
def acknowledge(notification_id: ID, json_output: Json = False) -> None:
    """Say that the merchant has it: it is not tried any more, but for an attempt that begins within five seconds."""
    from wakala.cli import notification_visits as visits  # noqa: PLC0415 - keeps --help quick

    changed, found = run(visits.acknowledge(CONTEXT.settings(), notification_id))
    if json_output:
        print_json(found)
    elif changed:
        say(f"{notification_id} counts as received: it is not tried any more.")
    else:
        say(f"{notification_id} was {found['State']} already: nothing was changed.")
