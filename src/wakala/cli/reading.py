"""Looking: traces, requests, quarantine. Reads only, so it may run beside a gateway."""

from typing import Annotated, Any

import typer

from wakala.cli.context import CONTEXT, Json, moment, print_json, print_table, run, visible
from wakala.cli.narrowing import Before, Env, Limit, Narrowed, OfApp, OfShortcode, Since, Until, say_how_to_go_on
from wakala.errors import NotFoundError
from wakala.rules.accounts import Environment
from wakala.rules.payment import State


def trace(
    request_id: Annotated[str, typer.Argument(help="The RequestID that your system chose.")],
    environment: Env = Environment.SANDBOX,
    organisation: Annotated[str | None, typer.Option(help="Needed where several use the same RequestID.")] = None,
    json_output: Json = False,
) -> None:
    """Print everything about one request in the order of time. Phone numbers are masked."""
    from wakala.cli.visits import read_trace  # noqa: PLC0415 - keeps --help quick

    found = run(read_trace(CONTEXT.settings(), request_id, environment, organisation))
    if not found:
        raise NotFoundError(f"No request {request_id} was ever received here in {environment}: see `wakala requests`.")
    if json_output:
        print_json(found)
        return
    receipt = found["MpesaReceiptNumber"] or "-"
    title = f"{found['RequestID']}: {found['State']}, KES {found['Amount']}, receipt {receipt}"
    rows = [_line(entry) for entry in found["Entries"]]
    print_table(title, ["ms", "What", "Details"], rows, "Nothing happened yet.")
    notes = [[n["Type"], n["State"], n["Attempts"], n["LastStatus"]] for n in found["Notifications"]]
    typer.echo()
    forgotten = "No notification is kept: it was forgotten after its time, or none was owed."
    none = forgotten if found["SettledAt"] else "No notification is owed yet."
    print_table("Notifications", ["Type", "State", "Attempts", "Status"], notes, none)
    if found["Cause"]:
        typer.echo(visible(f"\nWhy: {found['Cause']['en']}\nNext: {found['NextStep']['en']}"))


def _line(entry: dict[str, Any]) -> list[object]:
    offset = f"{entry['OffsetMs']:.1f}"
    if entry["Type"] == "event":
        change = entry["To"] if entry["From"] in {None, entry["To"]} else f"{entry['From']} → {entry['To']}"
        return [offset, f"● {change}", entry["Sentence"]["en"]]
    arrow = "→" if entry["Direction"] == "out" else "←"
    outcome = entry["Status"] or entry["Error"] or "no answer"
    took = f"{entry['DurationMs']:.1f} ms" if entry["DurationMs"] is not None else ""
    verdict = "" if entry["Verdict"] == "accepted" else f" [{entry['Verdict']}]"
    return [offset, f"{arrow} {entry['Name']}", f"{entry['Method']} {entry['URL']} : {outcome} {took}{verdict}"]


def requests(
    app: OfApp = "",
    shortcode: OfShortcode = "",
    state: Annotated[list[State] | None, typer.Option(help="Only those that stand there; may be repeated.")] = None,
    receipt: Annotated[str, typer.Option(help="Only what bears this receipt of M-Pesa's.")] = "",
    since: Since = None,
    until: Until = None,
    before: Before = "",
    environment: Env = Environment.SANDBOX,
    limit: Limit = 20,
    json_output: Json = False,
) -> None:
    """List the newest requests, all or those that you look for."""
    from wakala.cli.list_visits import read_requests  # noqa: PLC0415 - keeps --help quick

    wanted = Narrowed(
        environment,
        app,
        shortcode,
        states=frozenset(state or ()),
        receipt=receipt,
        since=since,
        until=until,
        before=before,
        limit=limit,
    )
    page = run(read_requests(CONTEXT.settings(), wanted))
    if json_output:
        print_json(page.rows)
    else:
        rows = [
            [moment(v["CreatedAt"]), v["RequestID"], v["Amount"], v["State"], v["MpesaReceiptNumber"], v["ResultDesc"]]
            for v in page.rows
        ]
        columns = ["Created (UTC)", "RequestID", "KES", "State", "Receipt", "Result"]
        print_table("Requests", columns, rows, wanted.nothing("request"))
    say_how_to_go_on(page)


def quarantine(limit: Limit = 20, json_output: Json = False) -> None:
    """List what came in and did not fit: never dropped, never believed."""
    from wakala.cli.visits import read_quarantine  # noqa: PLC0415 - keeps --help quick

    found = run(read_quarantine(CONTEXT.settings(), limit))
    if json_output:
        print_json(found)
        return
    keys = ["At", "Name", "Peer", "Verdict", "PaymentID"]
    print_table("Quarantine", keys, [[v[key] for key in keys] for v in found], "Nothing in quarantine.")
