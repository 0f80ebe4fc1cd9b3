"""Endpoints: where an app's notifications go, whether they go, and what signs them."""

from typing import Annotated, Any

import typer

from wakala.cli.context import CONTEXT, print_json, print_table, run, say
from wakala.rules.endpoints import Waiting

endpoints = typer.Typer(help="Where notifications go: health, pause, move, rotate the secret.", no_args_is_help=True)

App = Annotated[str, typer.Argument(help="The app's name, consumer key or ID.")]


@endpoints.command("health")
def health(json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show how each lane has been doing: last success, streak, median and 95th percentile."""
    from wakala.cli.visits import read_health  # noqa: PLC0415 - keeps --help quick

    found = run(read_health(CONTEXT.settings()))
    if json_output:
        print_json(found)
        return
    columns = ["Lane", "State", "Streak", "Last success (UTC)", "p50 ms", "p95 ms", "Last status", "Last error"]
    print_table("Endpoints", columns, [list(one.values()) for one in found], "Nothing was delivered yet.")


@endpoints.command("pause")
def pause(
    app: App, reason: Annotated[str, typer.Option(help="Why; it is written down.")] = "by the command line"
) -> None:
    """Send nothing to an app until it is resumed. Everything keeps being stored and waits."""
    changed = run(_at_desk(app, lambda desk, _, endpoint: desk.pause(endpoint, reason)))
    say("Paused: notifications wait." if changed else "It was paused already.")


@endpoints.command("resume")
def resume(app: App) -> None:
    """Send again, after a pause or after Wakala disabled the endpoint; what waited goes out."""
    changed = run(_at_desk(app, lambda desk, _, endpoint: desk.resume(endpoint)))
    say("Resumed: what waited is sent." if changed else "It was active already.")


@endpoints.command("move")
def move(
    app: App,
    url: Annotated[str, typer.Argument(help="The new callback URL.")],
    waiting: Annotated[Waiting, typer.Option(help="What becomes of notifications that wait.")] = Waiting.SEND,
) -> None:
    """Change an app's callback URL from the next attempt on, and choose what becomes of what waits."""
    held = run(_at_desk(app, lambda desk, known, endpoint: desk.set_url(known, endpoint, url, waiting)))
    say(f"Moved; {held} notifications are kept for a replay." if held else "Moved.")


@endpoints.command("rotate")
def rotate(
    app: App,
    overlap_h: Annotated[float, typer.Option(help="For how long the old key signs beside the new one.")] = 24,
    pair: Annotated[bool, typer.Option("--ed25519", help="A key pair; prints the public half.")] = False,
) -> None:
    """Give an app a new webhook secret. It is printed once; both secrets sign during the overlap."""
    seconds = overlap_h * 3_600

    def work(desk: Any, known: Any, endpoint: Any) -> Any:
        return (desk.rotate_pair if pair else desk.rotate)(known, endpoint, seconds)

    typer.echo(run(_at_desk(app, work)))


async def _at_desk(app: str, work: Any) -> Any:
    from wakala.cli.visits import endpoint_desk  # noqa: PLC0415 - keeps --help quick

    async with endpoint_desk(CONTEXT.settings(), app) as (desk, known, endpoint):
        return await work(desk, known, endpoint)
