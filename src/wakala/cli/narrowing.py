"""What a list is narrowed to: said by options, held against what is read, and told where nothing was found."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from wakala.cli.context import say
from wakala.cli.newest import LOOK_LIMIT_ROWS, Page
from wakala.errors import CallerError
from wakala.rules.accounts import Environment
from wakala.rules.payment import Scope


def moment_of(text: str) -> dt.datetime:
    """As the API takes moments, in UTC; without a zone it is that already, as everywhere here."""
    try:
        given = dt.datetime.fromisoformat(text)
        return given.astimezone(dt.UTC) if given.tzinfo else given.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):  # it may lie in the year 0 there, or in 10000
        wanted = "give a moment such as 2026-11-30, 2026-11-30T20:15 or 2026-11-30T20:15:00+03:00"
        raise typer.BadParameter(f"{text} is none: {wanted}; without a zone it is UTC.") from None


def us_of(moment: dt.datetime) -> int:
    """Microseconds since 1970."""
    return int(moment.timestamp() * 1_000_000)


Env = Annotated[Environment, typer.Option(help="sandbox or live.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many, newest first.")]
OfApp = Annotated[str, typer.Option("--app", help="Only of this app: name, consumer key or ID.")]
OfShortcode = Annotated[
    str, typer.Option("--shortcode", help="Only of payments to or from this shortcode, as its endpoint is told.")
]
Since = Annotated[
    dt.datetime | None,
    typer.Option(parser=moment_of, metavar="MOMENT", help="Only those made from then on: 2026-11-30T20:15, in UTC."),
]
Until = Annotated[
    dt.datetime | None, typer.Option(parser=moment_of, metavar="MOMENT", help="Only those made before then.")
]
Before = Annotated[str, typer.Option(help="Go on with those that are older: the ID that the page before named.")]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which rows are meant; what is empty is any."""

    environment: Environment
    app: str = ""
    shortcode: str = ""
    states: frozenset[str] = frozenset()
    type: str = ""
    receipt: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    before: str = ""
    limit: int = 20

    def __post_init__(self) -> None:
        """Nothing lies in a window that ends before it begins: whoever asks has mistyped."""
        if self.since and self.until and self.until <= self.since:
            raise CallerError("--until is not later than --since: nothing lies between.")

    @property
    def is_by_anything(self) -> bool:
        """True where something besides the environment was named."""
        return bool(self.told().partition(", ")[2])

    def told(self) -> str:
        """In the order of the options."""
        known = {
            "in": self.environment.value,
            "app": self.app,
            "shortcode": self.shortcode,
            "state": " or ".join(sorted(self.states)),
            "type": self.type,
            "receipt": self.receipt,
            "since": _shown(self.since),
            "until": _shown(self.until),
            "before": self.before,
        }
        return ", ".join(f"{name} {value}" for name, value in known.items() if value)

    def nothing(self, what: str) -> str:
        """The sentence where none was found."""
        if self.is_by_anything:
            return f"No {what} fits: {self.told()}."
        other = Environment.LIVE if self.environment is Environment.SANDBOX else Environment.SANDBOX
        return f"No {what} in {self.environment} yet; `--environment {other}` lists the others."


@dataclass(frozen=True, slots=True)
class Whose:
    """What the words of a `Narrowed` stand for; "" is any."""

    organisations: tuple[str, ...]
    app_id: str = ""
    shortcode_id: str = ""

    def holds(self, scope: Scope) -> bool:
        """True where a row is theirs."""
        return self.app_id in {"", scope.app_id} and self.shortcode_id in {"", scope.shortcode_id}


def say_how_to_go_on(page: Page[Any]) -> None:
    """Beside the answer, where it ended although there is more."""
    if page.is_cut:
        say(f"{LOOK_LIMIT_ROWS:,} were looked through; there are older ones. To look on: --before {page.before}")
    elif page.before:
        say(f"There are older ones. To go on: --before {page.before}")


def _shown(moment: dt.datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
