"""Draw docs/result-codes.md from the tables in wakala.wire, so that they cannot drift.

``--check`` draws nothing and fails where the file is not what the tables say.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from drawing import draw
from wakala.rules.outcome import Sentence
from wakala.wire import command_results, daraja_errors, other_results, stk_results
from wakala.wire.daraja_codes import ErrorRow, ResultClass, ResultRow, Trouble

PAGE = Path(__file__).resolve().parent.parent / "docs" / "result-codes.md"

CLASSES = {
    ResultClass.SUCCESS: "paid",
    ResultClass.FAILED: "no money moved; a new attempt is safe",
    ResultClass.UNKNOWN: "nobody knows yet: it is asked about, never sent again",
    ResultClass.PENDING: "not over yet; answers to queries only",
    ResultClass.CONFIG: "no money moved, and none will until the operator acts",
}
TROUBLES = {
    Trouble.TOKEN: "not done; Wakala fetches a new token and repeats once",
    Trouble.BUSY: "surely not done; may be sent again later",
    Trouble.REFUSED: "surely not done, and this request never will be",
    Trouble.PENDING: "answer to a query: being processed",
    Trouble.NOT_FOUND: "answer to a query: unknown ID, which M-Pesa also says of IDs that exist, so it tells nothing",
    Trouble.UNKNOWN: "may have been done: it is asked about, never sent again",
}


def page() -> str:
    """The whole page."""
    results = (*stk_results.ROWS, *stk_results.HINTED)
    errors = (*daraja_errors.ROWS, *daraja_errors.BY_TEXT, *daraja_errors.BY_STATUS, daraja_errors.NOT_ACCEPTED)
    lines = [
        "# M-Pesa's codes",
        "",
        "Drawn by `scripts/draw_codes.py` from the tables in `src/wakala/wire/stk_results.py` and",
        "`src/wakala/wire/daraja_errors.py`. The same sentences stand in the API's answers, on the pages and in the",
        "traces.",
        "",
        "## Results of a push",
        "",
        "The code decides; M-Pesa's text differs between callback and query. A code that is not listed is *unknown*.",
        "",
        *legend("Class", CLASSES.items()),
        "",
        "| Code | Class | M-Pesa's usual text | Cause | What to do |",
        "|---|---|---|---|---|",
        *map(result_line, results),
        "",
        "## Results of payouts, transfers, reversals and enquiries",
        "",
        "The same number may mean another thing than for a push: 2001 is a wrong PIN there and a wrong operator here.",
        "",
        "| Code | Class | M-Pesa's usual text | Cause | What to do |",
        "|---|---|---|---|---|",
        *map(result_line, command_results.ROWS),
        "",
        "## Results of standing orders",
        "",
        "| Code | Class | M-Pesa's usual text | Cause | What to do |",
        "|---|---|---|---|---|",
        *map(result_line, other_results.STANDING_ORDER_BY_CODE.values()),
        "",
        "## Results of till checkouts",
        "",
        "| Code | Class | M-Pesa's usual text | Cause | What to do |",
        "|---|---|---|---|---|",
        *map(result_line, other_results.EXPRESS_BY_CODE.values()),
        "",
        "## Answers given at once",
        "",
        "Each of these APIs has an envelope and a code of its own for success; see [commands.md](commands.md).",
        "",
        "| Code | Class | M-Pesa's usual text | Cause | What to do |",
        "|---|---|---|---|---|",
        *map(result_line, other_results.SERVICE_BY_CODE.values()),
        "",
        "## Errors of the gateway",
        "",
        "One code may stand for several troubles, which M-Pesa's text tells apart; rows are tried from top to bottom.",
        "Codes that begin with `http-` are Wakala's own, for answers without a code.",
        "",
        *legend("Trouble", TROUBLES.items()),
        "",
        "| Code | Trouble | M-Pesa's usual text | Cause | What to do |",
        "|---|---|---|---|---|",
        *map(error_line, errors),
        "",
    ]
    return "\n".join(lines)


def legend(title: str, meanings: Iterable[tuple[str, str]]) -> list[str]:
    """A small table that explains the second column of the large one."""
    return [f"| {title} | Meaning |", "|---|---|", *(f"| {name} | {meaning} |" for name, meaning in meanings)]


def result_line(row: ResultRow) -> str:
    """One result code."""
    return line(row.code and f"`{row.code}`", row.kind, row.text, row.cause, row.next_step)


def error_line(row: ErrorRow) -> str:
    """One error of the gateway."""
    return line(f"`{row.code}`", row.trouble, row.text, row.cause, row.next_step)


def line(code: str, meaning: str, text: str, cause: Sentence, next_step: Sentence) -> str:
    """English first, Swahili below it in the same cell."""
    cells = (code, meaning, text, *(f"{said.en}<br>*{said.sw}*" for said in (cause, next_step)))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(draw({PAGE: page()}))
