"""Draw docs/commands.md from the declarations in wakala.rules.commands, so that the page cannot drift.

``--check`` draws nothing and fails where the file is not what the declarations say.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from drawing import draw
from wakala import errors
from wakala.rules.accounts import Environment, ShortcodeKind
from wakala.rules.commands import COMMANDS, RELAYED, Command, Mode
from wakala.web.api import TOKEN_LIFE_S
from wakala.web.openapi import PREFIXES, document
from wakala.web.paging import LIMIT
from wakala.wire.daraja_codes import family_of
from wakala.wire.daraja_direct import ENVELOPES
from wakala.wire.loose_json import read_object
from wakala.wire.result_data import result_data

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "commands.md"
SAMPLES = ROOT / "tests" / "wire" / "samples" / "commands"

# M-Pesa's own samples of results, by the beginning of a command's path; the longest that fits counts.
RESULTS = {
    "b2c/": ("b2c_result_success*",),
    "b2c/businesspaytopochi": ("b2pochi_result_success*",),
    "b2c/hakikisha": ("b2c_hakikisha_response*",),
    "b2b/": ("b2b_result_success*",),
    "b2b/disbursefundstobusiness": ("b2b_result_disburse_funds*",),
    "b2b/expresscheckout": ("b2b_express_callback_*",),
    "b2b/paytaxtokra": ("tax_result_success*",),
    "reversal/": ("reversal_result_success*",),
    "transactionstatus/": ("transaction_status_result_b2c_doc*", "transaction_status_result_c2b_prod*"),
    "accountbalance/": ("account_balance_result*",),
    "standingorder/": ("ratiba_callback_*",),
    "qrcode/": ("qr_response*",),
    "billmanager/optin": ("billmanager_optin_response*",),
    "billmanager/": ("billmanager_cancel_ok*",),
    "pulltransactions/register": ("pull_register_response*",),
    "pulltransactions/query": ("pull_query_response*",),
    "organisation/": ("org_info_response*",),
    "imsi/checkati": ("imsi_response*",),
    "imsi/checkswap": ("swap_response*",),
    "c2b/": (),
}
OF_A_PUSH = ("MpesaReceiptNumber", "Amount", "TransactionTime")  # of the payment itself, as `wire.view` shows it

PLACES = {
    "stk": "results-of-a-push",
    "command": "results-of-payouts-transfers-reversals-and-enquiries",
    "standing_order": "results-of-standing-orders",
    "express": "results-of-till-checkouts",
    "service": "answers-given-at-once",
}

# They end a start or a command, or are dealt with inside: no answer bears them.
UNSERVED = {
    *("bad_configuration", "loose_secret", "database_in_use", "operator_must_act"),
    *("upstream_fault", "malformed_upstream"),
}

OUTCOMES = {
    Mode.PROMPT: "a person answers; a notification tells",
    Mode.QUEUED: "M-Pesa's Result; a notification tells",
    Mode.DIRECT: "in the answer itself",
}


def page() -> str:
    """The whole page."""
    lines = [
        "# Every command",
        "",
        "Drawn by `scripts/draw_commands.py` from `src/wakala/rules/commands.py`. Paths of the Wakala API stand below",
        "`/mpesa/v1/` (live) and `/sandbox/mpesa/v1/`; Daraja's own stand on the root (live) and below `/sandbox`.",
        "Both faces lead to the same command: what is recorded, asked and notified is the same.",
        "",
        "A shortcode that M-Pesa would refuse for sure is refused here first, with the reason. *Operator* marks what",
        "speaks as the shortcode's API operator (`wakala shortcode initiator`).",
        "",
        "*Results* are the names below `ResultData`; they come from M-Pesa's own samples. *Codes* says what stands for",
        "success and leads to the others.",
        "",
        "| Command | Does | Wakala API | Daraja's path | Required fields | For | Outcome | Results | Codes |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(line, COMMANDS),
        "",
        "`RequestID` is yours and spent for ever. A command that is answered at once is given one if you send none.",
        "Besides: `GET /oauth/v1/generate` (a token) and `POST /mpesa/stkpushquery/v1/query` (what became of a push).",
        "Of `change-invoice` and `change-invoices` M-Pesa tells the paths only, in an e-mail on going live: that their",
        "bodies are those of sending one invoice and many is inferred.",
        "",
        "## Passed on as it came",
        "",
        "Daraja's own paths have these too. Too little is known of their bodies for words of the Wakala API: what is",
        "asked goes to M-Pesa as it came, and its answer back. Each call is recorded and traced like the rest.",
        "",
        "| Daraja's path | Is | Reference |",
        "|---|---|---|",
        *(f"| `{each.facade[0]}` | {each.summary} | {each.source} |" for each in RELAYED),
        "",
        "## Besides commands",
        "",
        "Every call of the Wakala API bears the app's consumer key and secret as `Authorization: Basic`, or a token of",
        f"`GET auth` as `Bearer`, which lasts {TOKEN_LIFE_S:,} seconds and no longer than the secret that bought it.",
        "`GET /openapi.json` describes all of it, field by field, and needs no key; nor do `GET /livez` (the process",
        "is there) and `GET /readyz` (it can serve).",
        f"A list goes on by a cursor, {LIMIT.default} at a time or `limit=`; above {LIMIT.most} it is",
        "refused with `invalid_fields`, and not cut.",
        "",
        "| Wakala API | Does |",
        "|---|---|",
        *besides(),
        "",
        "## What a refusal says",
        "",
        "`application/problem+json` by RFC 9457: `type`, `title`, `status`, `detail` (a sentence: what to do), `code`,",
        "`retriable`, and the same once more as `ResponseCode` and `ResponseDesc`, which callers of M-Pesa look for.",
        "`errors` names each wrong field by a JSON pointer; `type` leads to a page about the code.",
        "",
        "What M-Pesa refused at once is `payment_refused`, with [M-Pesa's code](result-codes.md) as `ResponseCode`,",
        "and `Cause` and `NextStep` in English and Swahili.",
        "",
        "| Code | Status | Is | Ask again with the same RequestID |",
        "|---|---|---|---|",
        *refusals(),
        "",
    ]
    return "\n".join(lines)


def besides() -> Iterator[str]:
    """What else stands below the Wakala API's beginning, as the OpenAPI document has it."""
    prefix = PREFIXES[Environment.LIVE] + "/"
    commands = {command.path for command in COMMANDS}
    for path, methods in document("")["paths"].items():
        below = path.removeprefix(prefix)
        if path.startswith(prefix) and below not in commands:
            yield from (f"| `{method.upper()} {below}` | {told['summary']} |" for method, told in methods.items())


def refusals() -> Iterator[str]:
    """Every code that an answer may bear, by its status."""
    known = {error.code: error for error in descendants(errors.WakalaError) if error.code not in UNSERVED}
    for error in sorted(known.values(), key=lambda error: (error.status, error.code)):
        yield f"| `{error.code}` | {error.status} | {error.title} | {'yes' if error.retriable else ''} |"


def descendants(error: type[errors.WakalaError]) -> Iterator[type[errors.WakalaError]]:
    """It, and all below it. Where two have one code, the nearer to the root is the first to be told of it."""
    for below in error.__subclasses__():
        yield from descendants(below)
    yield error


def line(command: Command) -> str:
    """One command."""
    cells = (
        command.command_id or "",
        command.summary + (" *(sandbox)*" if len(command.environments) == 1 else ""),
        f"`POST {command.path}`",
        "<br>".join(f"`{path}`" for path in command.facade),
        ", ".join(f"`{name}`" for name in required(command)),
        ", ".join(kinds(command)) + (", operator" if command.initiated else ""),
        OUTCOMES[command.mode],
        ", ".join(f"`{name}`" for name in results(command)),
        codes(command),
    )
    return "| " + " | ".join(cells) + " |"


def required(command: Command) -> Iterator[str]:
    """Fields without a default."""
    for field in msgspec.structs.fields(command.body):
        if field.required:
            yield field.name


def results(command: Command) -> list[str]:
    """The names under which a result tells."""
    if command.path.startswith("lnm/"):
        return list(OF_A_PUSH)
    start = max((start for start in RESULTS if command.path.startswith(start)), key=len)
    found: dict[str, None] = {}
    for pattern in RESULTS[start]:
        for sample in sorted(SAMPLES.glob(f"{pattern}.json")):
            told = sample.read_text()
            found |= dict.fromkeys(result_data(command.path, _result_in(told)))
    return list(found)


def _result_in(told: str) -> str:
    """A stored result is what stands inside ``Result``."""
    found = read_object(told.encode()) or {}
    return msgspec.json.encode(found.get("Result", found)).decode()


def codes(command: Command) -> str:
    """What stands for success, and where every other code is explained."""
    envelope = ENVELOPES.get(command.path)
    successes = " or ".join(f"`{code}`" for code in sorted(envelope.successes)) if envelope else "`0`"
    return f"{successes}; [others](result-codes.md#{PLACES[family_of(command.path)]})"


def kinds(command: Command) -> Iterator[str]:
    """The kinds of shortcode, in the order of their declaration."""
    return (kind.value for kind in ShortcodeKind if kind in command.kinds)


if __name__ == "__main__":
    sys.exit(draw({PAGE: page()}))
