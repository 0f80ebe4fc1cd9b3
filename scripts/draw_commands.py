"""Draw docs/commands.md from the declarations in wakala.rules.commands, so that the page cannot drift.

``--check`` draws nothing and fails where the file is not what the declarations say.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wakala.rules.accounts import ShortcodeKind
from wakala.rules.commands import COMMANDS, Command, Mode

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"

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
        "| Command | Does | Wakala API | Daraja's path | Required fields | For | Outcome |",
        "|---|---|---|---|---|---|---|",
        *map(line, COMMANDS),
        "",
        "`RequestID` is yours and spent for ever. A command that is answered at once is given one if you send none.",
        "Besides: `GET /oauth/v1/generate` (a token) and `POST /mpesa/stkpushquery/v1/query` (what became of a push).",
        "",
    ]
    return "\n".join(lines)


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
    )
    return "| " + " | ".join(cells) + " |"


def required(command: Command) -> Iterator[str]:
    """Fields without a default."""
    for field in msgspec.structs.fields(command.body):
        if field.required:
            yield field.name


def kinds(command: Command) -> Iterator[str]:
    """The kinds of shortcode, in the order of their declaration."""
    return (kind.value for kind in ShortcodeKind if kind in command.kinds)


def main() -> int:
    """Write the page, or check it."""
    wanted = page()
    if "--check" in sys.argv:
        is_stale = not PAGE.exists() or PAGE.read_text() != wanted
        if is_stale:
            print(f"{PAGE.name}: not what the declarations say; run `make docs`.")
        return int(is_stale)
    PAGE.write_text(wanted)
    print(f"Drew {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
