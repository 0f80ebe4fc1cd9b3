"""`wakala logs tail`: every exchange with M-Pesa, merchants and callers as it ends, secrets taken out as stored."""

import asyncio
import signal
import sys
from typing import Annotated, Any

import typer

from wakala.cli.context import CONTEXT, json_text, run, say
from wakala.rules.accounts import Environment

logs = typer.Typer(help="What goes in and out, live.", no_args_is_help=True)


@logs.callback()
def _logs() -> None:
    """What goes in and out, live."""


@logs.command("tail")
def tail(
    app: Annotated[str, typer.Option(help="Only of this app: name, consumer key or ID.")] = "",
    request: Annotated[str, typer.Option(help="Only of this RequestID.")] = "",
    environment: Annotated[Environment, typer.Option(help="Of the request: sandbox or live.")] = Environment.SANDBOX,
    kind: Annotated[str, typer.Option(help="Only these: delivery, api_request, stk_callback, ...")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only what got no answer, an error, or no belief.")] = False,
    after: Annotated[str, typer.Option(help="Begin after this cursor instead of now; `start` is the oldest.")] = "",
    json_output: Annotated[
        bool, typer.Option("--json", help="Print JSON, a line each, with both sides' bytes.")
    ] = False,
) -> None:
    """Follow what goes in and out, a line each as it ends. Ctrl-C ends it and prints the cursor to go on after."""
    from wakala.cli.tail_visits import Wanted, followed  # noqa: PLC0415 - keeps --help quick

    def show(view: dict[str, Any]) -> None:
        text = json_text(view) if json_output else _line(view)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    async def work() -> str:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        wanted = Wanted(app, request, environment, kind, is_failed=failed)
        return await followed(CONTEXT.settings(), wanted, after, show, say, ended)

    say(f"Stopped. To go on: --after {run(work())}")


def _line(view: dict[str, Any]) -> str:
    arrow = "→" if view["Direction"] == "out" else "←"
    outcome = view["Status"] or view["Error"] or "no answer"
    took = f" {view['DurationMs']:.1f} ms" if view["DurationMs"] is not None else ""
    notes = [view["Error"] if view["Status"] and view["Error"] else "", view["RequestID"] or ""]
    if view["Verdict"] != "accepted":
        notes.append(f"[{view['Verdict']}]")
    more = "  ".join(note for note in notes if note)
    line = f"{view['At'][11:23]} {arrow} {view['Name']}  {view['Method']} {view['URL']}  {outcome}{took}  {more}"
    return "".join(char if char.isprintable() else "?" for char in line.rstrip())
