"""Following exchanges as they end. Pure: IDs and exchanges in, what to print out.

An exchange gets its ID when it begins and its row when it is known how it ended, so rows come in another order than
their IDs. Who follows them looks at the newest minute again and again and remembers what it has shown.
"""

from dataclasses import dataclass

from wakala.errors import CallerError
from wakala.rules.commands import BY_PATH
from wakala.rules.exchange import OK, Exchange

WINDOW_S = 60  # no exchange takes longer: the longest limit is 30 s, and its row may wait for the disk
WINDOW_ROWS = 20_000  # of the newest; beyond some hundred exchanges a second the window is shorter than a minute

OURS = ("api_request", "api_read", "delivery", "c2b_validation_relay")
CALLBACKS = ("stk", "result", "timeout", "outcome", "status", "status_timeout")
TOLD_BY_MPESA = ("c2b_confirmation", "c2b_validation", "bill_payment", "callback")
ASKED_OF_MPESA = ("token", "stk_push", "stk_query", "transaction_status", "c2b_register", "pull", "pull_row")
ASKED_OF_BROKER = ("query_transaction", "register_url", "change_password")
NAMED = (*OURS, *(f"{name}_callback" for name in CALLBACKS), *TOLD_BY_MPESA, *ASKED_OF_MPESA, *ASKED_OF_BROKER)
# A call of M-Pesa's that met a bug of ours is kept under the name of its path.
_BROKEN = tuple(f"{name}_callback" for name in TOLD_BY_MPESA)
KINDS = frozenset((*NAMED, *_BROKEN, *(path.replace("/", "_") for path in BY_PATH)))
"""What exchanges are called: what is done beside commands, and each command by its path."""


def require_kind(kind: str) -> None:
    """Of a kind that there is not, nothing would ever be shown, without a word."""
    if kind and kind not in KINDS:
        raise CallerError(
            f"There is no kind {kind}. There are {', '.join(NAMED)}; and a command's path with _ for /, such as "
            "b2c_businesspayment."
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """Which exchanges are shown; "" is any, and so is no payment."""

    app_id: str = ""
    payment_ids: frozenset[str] = frozenset()
    kind: str = ""
    is_failed: bool = False

    def holds(self, exchange: Exchange) -> bool:
        """True where it is one of them."""
        app_id = exchange.scope.app_id if exchange.scope else ""
        return (
            self.app_id in {"", app_id}
            and (not self.payment_ids or exchange.payment_id in self.payment_ids)
            and self.kind in {"", exchange.name}
            and (not self.is_failed or has_failed(exchange))
        )


def has_failed(exchange: Exchange) -> bool:
    """No answer, an error status, or not believed."""
    return exchange.status is None or exchange.status >= 400 or exchange.verdict != OK


class Follower:
    """What was shown of the newest window. ``cursor`` is an ID up to which nothing is left to show."""

    def __init__(self, cursor: str) -> None:
        self.cursor = cursor
        self._shown: set[str] = set()

    def unseen(self, ids: list[str]) -> list[str]:
        """Those of the window, oldest first, that were not shown yet."""
        return [one for one in ids if one > self.cursor and one not in self._shown]

    def show(self, exchange: Exchange, window_start: str) -> bool:
        """Whether to show it now: it has ended, or it is so old that it never will."""
        is_over = exchange.status is not None or exchange.error is not None or exchange.id < window_start
        if is_over:
            self._shown.add(exchange.id)
        return is_over

    def move(self, window_start: str) -> None:
        """The window moved on: what is older is complete."""
        if window_start > self.cursor:
            self.cursor = window_start
            self._shown = {one for one in self._shown if one > window_start}
