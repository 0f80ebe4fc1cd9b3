"""Endpoints: where an app's notifications go, on what terms, whether they go, and what signs them."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer

from wakala.cli.context import CONTEXT, Json, moment, print_json, print_table, run, say
from wakala.errors import CallerError
from wakala.rules.accounts import Environment
from wakala.rules.addresses import require_web_address
from wakala.rules.endpoints import By, Waiting

endpoints = typer.Typer(help="Where notifications go: terms, health, test, pause, move, rotate.", no_args_is_help=True)

App = Annotated[str, typer.Argument(help="The app's name, consumer key or ID.")]
Number = Annotated[str | None, typer.Option("--shortcode", help="The endpoint of this shortcode, not the app's own.")]
Env = Annotated[Environment, typer.Option(help="Of the shortcode: sandbox or live.")]
WAITING = (
    "What becomes of notifications that wait: `send` brings them to the new URL at once, `hold` keeps them for a "
    "replay, `finish_old` goes on at the old URL for up to a week."
)
OVERLAP = "For how many hours the old key signs beside the new one: up to 168; 0 ends it at once, after a leak."
BY_CLI = "by the command line"
DEFAULT = "default"
WHO = {By.APP: "its app, by the API", By.OPERATOR: "the command line", By.GATEWAY: "Wakala itself"}


@endpoints.command("list")
def list_endpoints(json_output: Json = False) -> None:
    """List all endpoints of all apps: where they lead, their state, how they have been doing."""
    from wakala.cli.endpoint_visits import read_endpoints  # noqa: PLC0415 - keeps --help quick

    found = run(read_endpoints(CONTEXT.settings()))
    if json_output:
        print_json(found)
        return
    whose, how = ["Organisation", "App", "Shortcode"], ["State", "Streak", "Last success (UTC)", "What is wrong"]
    columns = [*whose, "Callback URL", *how]
    rows = [
        [
            *(one["Organisation"], one["App"], one["Shortcode"]),
            *(one["CallbackUrl"] or "none: kept to be fetched", one["State"]),
            *(one["Health"]["Streak"], moment(one["Health"]["LastSuccessAt"]), _trouble(one)),
        ]
        for one in found
    ]
    print_table("Endpoints", columns, rows, "No app yet: wakala app create --help")


@endpoints.command("show")
def show(app: App, shortcode: Number = None, environment: Env = Environment.SANDBOX, json_output: Json = False) -> None:
    """Show one endpoint: its terms, health and keys, and what happened to it."""
    from wakala.cli.endpoint_visits import read_endpoint  # noqa: PLC0415 - keeps --help quick

    found = run(read_endpoint(CONTEXT.settings(), app, shortcode, environment))
    if json_output:
        print_json(found)
        return
    flat = {key: value for key, value in found.items() if key not in {"Health", "Keys", "Events"}}
    print_table(f"Endpoint of {found['App']}", ["Field", "Value"], list(flat.items()), "")
    typer.echo()
    print_table("Health", ["Field", "Value"], list(found["Health"].items()), "")
    keys = [[key["Version"], moment(key["CreatedAt"]), moment(key["SignsUntil"])] for key in found["Keys"]]
    typer.echo()
    print_table("Keys", ["Version", "Since (UTC)", "Signs until (UTC)"], keys, "It signs with the app's first secret.")
    events = [[moment(one["At"]), one["Name"], WHO.get(one["By"], ""), one["Detail"]] for one in found["Events"]]
    typer.echo()
    print_table("Events", ["At (UTC)", "What", "By", "Details"], events, "Nothing happened to it yet.")


@endpoints.command("health")
def health(json_output: Json = False) -> None:
    """Show how each lane has been doing: last success, streak, median and 95th percentile."""
    from wakala.cli.endpoint_visits import read_health  # noqa: PLC0415 - keeps --help quick

    found = run(read_health(CONTEXT.settings()))
    if json_output:
        print_json(found)
        return
    columns = ["Lane", "Of", "State", "Streak", "Last success (UTC)", "p50 ms", "p95 ms", "Last status", "Last error"]
    rows = [list({**one, "LastSuccessAt": moment(one["LastSuccessAt"])}.values()) for one in found]
    print_table("Lanes", columns, rows, "Nothing was delivered yet.")


@endpoints.command("set")
def set_terms(
    app: App,
    shortcode: Number = None,
    environment: Env = Environment.SANDBOX,
    schedule: Annotated[
        str | None, typer.Option(help="Waits between attempts in seconds, such as 5,30,120; or: default.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds an answer may take; 0 is the default.")] = None,
    rate: Annotated[float | None, typer.Option(help="Attempts a second, in each gateway process; 0 is any.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Attempts at once; 0 is the default.")] = None,
    json_output: Json = False,
) -> None:
    """Set the terms of an endpoint; what is not named stays. They hold from the next attempt on."""
    from msgspec.structs import replace  # noqa: PLC0415 - keeps --help quick

    given = {
        "schedule_s": None if schedule is None else _schedule(schedule),
        "answer_limit_s": timeout,
        "rate_limit_per_s": rate,
        "concurrency_limit": concurrency,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted:
        raise CallerError("Name at least one of --schedule, --timeout, --rate and --concurrency.")
    run(_at_desk(app, shortcode, environment, lambda at: at.desk.set_terms(replace(at.endpoint, **wanted))))
    tell_endpoint(app, shortcode, environment, "Set: it holds from the next attempt on.", json_output=json_output)


def tell_endpoint(
    app: str,
    shortcode: str | None,
    environment: Environment,
    sentence: str,
    more: Mapping[str, Any] = MappingProxyType({}),
    *,
    json_output: bool,
) -> None:
    """What was done to an endpoint: a sentence, or the endpoint as it is now, with what is told this once."""
    from wakala.cli.endpoint_visits import read_endpoint  # noqa: PLC0415 - keeps --help quick

    if json_output:
        print_json({**run(read_endpoint(CONTEXT.settings(), app, shortcode, environment)), **more})
    else:
        say(sentence)


def _schedule(text: str) -> tuple[float, ...]:
    if text == DEFAULT:
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise CallerError("--schedule takes seconds with commas between, such as 5,30,120, or: default.") from None


@endpoints.command("test")
def grade_url(
    app: App,
    url: Annotated[str | None, typer.Argument(help="Another URL than the one in force.")] = None,
    shortcode: Number = None,
    environment: Env = Environment.SANDBOX,
    json_output: Json = False,
) -> None:
    """Call a URL as a notification would, signed and then wrongly signed, and grade what was met."""
    from wakala.wire.endpoint_view import grading_view  # noqa: PLC0415 - keeps --help quick

    async def work(at: Any) -> dict[str, Any]:
        target = url or at.url
        if not target:
            raise CallerError(f"{app} has no callback URL: name the one to test.")
        found = await at.prober.test(target, at.signers, at.app.body_format, at.app.organisation_id)
        return grading_view(target, found)

    found = run(_at_desk(app, shortcode, environment, work))
    if json_output:
        print_json(found)
    else:
        _print_grading(found)
    if found["Grade"] == "F":
        raise typer.Exit(1)


def _print_grading(found: dict[str, Any]) -> None:
    marks = {"pass": "✓ pass", "warn": "! look", "fail": "✗ fail"}
    rows = [[check["Check"], marks[check["Mark"]], check["Sentence"]] for check in found["Checks"]]
    print_table(f"{found['CallbackUrl']}: {found['Grade']}", ["Check", "", "Finding"], rows, "")


@endpoints.command("pause")
def pause(
    app: App,
    reason: Annotated[str, typer.Option(help="Why; it is written down.")] = BY_CLI,
    shortcode: Number = None,
    environment: Env = Environment.SANDBOX,
    json_output: Json = False,
) -> None:
    """Send nothing to an endpoint until it is resumed. Everything keeps being stored and waits."""
    changed = run(_at_desk(app, shortcode, environment, lambda at: at.desk.pause(at.endpoint, reason)))
    sentence = "Paused: notifications wait." if changed else "It was paused already."
    tell_endpoint(app, shortcode, environment, sentence, json_output=json_output)


@endpoints.command("resume")
def resume(
    app: App, shortcode: Number = None, environment: Env = Environment.SANDBOX, json_output: Json = False
) -> None:
    """Send again, after a pause or after Wakala disabled the endpoint; what waited goes out."""
    changed = run(_at_desk(app, shortcode, environment, lambda at: at.desk.resume(at.endpoint)))
    sentence = "Resumed: what waited is sent." if changed else "It was active already."
    tell_endpoint(app, shortcode, environment, sentence, json_output=json_output)


@endpoints.command("move")
def move(
    app: App,
    url: Annotated[str, typer.Argument(help="The new callback URL.")],
    waiting: Annotated[Waiting, typer.Option(help=WAITING)] = Waiting.SEND,
    shortcode: Number = None,
    environment: Env = Environment.SANDBOX,
    force: Annotated[bool, typer.Option("--force", help="Save it although its test failed.")] = False,
    json_output: Json = False,
) -> None:
    """Change a callback URL from the next attempt on: tested first; you choose what becomes of what waits."""
    moved = run(move_url(app, url, waiting, shortcode, environment, is_forced=force))
    kept = f" {moved['Held']} notifications are kept for a replay." if moved["Held"] else ""
    sentence = f"Moved; the URL's test gave it {grade_text(moved)}{kept}"
    tell_endpoint(app, shortcode, environment, sentence, moved, json_output=json_output)


def grade_text(moved: dict[str, Any]) -> str:
    """What a URL's test gave it, and what there is to mend."""
    to_mend = [check["Sentence"] for check in moved["Test"]["Checks"] if check["Mark"] != "pass"]
    return f"{moved['Test']['Grade']}{':' if to_mend else '.'}{''.join(f' {sentence}' for sentence in to_mend)}"


async def move_url(
    app: str, url: str, waiting: Waiting, shortcode: str | None, environment: Environment, *, is_forced: bool
) -> dict[str, Any]:
    """Test a URL and save it. The test, and how many notifications are held, as the API tells them."""
    from wakala.wire.endpoint_view import grading_view  # noqa: PLC0415 - keeps --help quick

    require_web_address(url)

    async def work(at: Any) -> dict[str, Any]:
        test = at.prober.test if is_forced else at.prober.require
        found = await test(url, at.signers, at.app.body_format, at.app.organisation_id)
        held = await at.desk.set_url(at.app, at.endpoint, url, waiting)
        return {"Test": grading_view(url, found), "Held": held}

    moved: dict[str, Any] = await _at_desk(app, shortcode, environment, work)
    return moved


@endpoints.command("rotate")
def rotate(
    app: App,
    overlap_h: Annotated[float, typer.Option(help=OVERLAP)] = 24,
    pair: Annotated[bool, typer.Option("--ed25519", help="A key pair; prints the public half.")] = False,
    shortcode: Number = None,
    environment: Env = Environment.SANDBOX,
    json_output: Json = False,
) -> None:
    """Make a new webhook secret. It is printed once; both secrets sign during the overlap."""
    seconds = overlap_h * 3_600

    async def work(at: Any) -> str:
        rotate_one = at.desk.rotate_pair if pair else at.desk.rotate
        new: str = await rotate_one(at.app, at.endpoint, seconds)
        return new

    new = run(_at_desk(app, shortcode, environment, work))
    if json_output:
        tell_endpoint(
            app, shortcode, environment, "", {"PublicKey" if pair else "WebhookSecret": new}, json_output=True
        )
    else:
        typer.echo(new)


async def _at_desk(
    app: str, shortcode: str | None, environment: Environment, work: Callable[[Any], Awaitable[Any]]
) -> Any:
    from wakala.cli.endpoint_visits import endpoint_desk  # noqa: PLC0415 - keeps --help quick

    async with endpoint_desk(CONTEXT.settings(), app, shortcode, environment) as at:
        return await work(at)


def _trouble(view: dict[str, Any]) -> str:
    known = view["Health"]
    if view["State"] != "active":
        return str(view["Reason"] or view["State"])
    if known["FailingSince"] is None:
        return ""
    last = known["LastError"] or f"status {known['LastStatus']}"
    return f"only failures since {moment(known['FailingSince'])} UTC: {last}"
