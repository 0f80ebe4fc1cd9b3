"""docs/settings.md is drawn from the settings, and what other pages say in numbers is what the code does."""

import re
from pathlib import Path

import msgspec
import pytest

from wakala.config import Settings
from wakala.deliveries import desk, probing
from wakala.journal import database, spill
from wakala.rules import delivery, endpoints, exchange, overlap, tailing, url_grading
from wakala.web import facade, inbound, paging
from wakala.workers import courier, finisher, lanes

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = Settings()
DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60


def test_every_setting_that_a_page_names_is_one() -> None:
    tables = {name: held for name, held in msgspec.structs.asdict(DEFAULT).items() if isinstance(held, msgspec.Struct)}
    known = {f"{table}.{name}" for table, held in tables.items() for name in held.__struct_fields__}
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {
        name
        for page in pages
        for name in re.findall(rf"`((?:{'|'.join(tables)})\.[a-z_]+)(?: = [^`]*)?`", page.read_text())
    }
    assert len(named) > 10
    assert named - {"server.pem"} <= known, sorted(named - known)  # a certificate of the simulator's


def lasts(seconds: float) -> str:
    """As the pages write it: 5 s, 2 min, 10 h."""
    if seconds % HOUR_S == 0:
        return f"{seconds / HOUR_S:g} h"
    return f"{seconds / MINUTE_S:g} min" if seconds % MINUTE_S == 0 else f"{seconds:g} s"


SCHEDULE_S = DEFAULT.deliveries.schedule_s
ASKED_S = [f"{one:g}" for one in DEFAULT.finisher.schedule_s]


@pytest.mark.parametrize(
    ("page", "promise"),
    [
        ("notifications", f"Any 2xx within {DEFAULT.deliveries.answer_limit_s:g} seconds"),
        ("notifications", f"attempt: {', '.join(lasts(one) for one in SCHEDULE_S)}, each ±{100 * delivery.JITTER:g} %"),
        ("notifications", f"at most {endpoints.BREAKER_REST_MAX_US // 1_000_000} s apart"),
        ("notifications", f"are sent at {DEFAULT.deliveries.backlog_limit_per_s:,.0f} a second"),
        ("notifications", f"after {DEFAULT.deliveries.disable_after_s / HOUR_S:g} hours of nothing but failures"),
        ("notifications", f"told after {' and '.join(f'{one // HOUR_S} h' for one in endpoints.NOTICES_S)}"),
        ("notifications", f"of one app {courier.APP_FIRST_LIMIT} attempts at once"),
        ("notifications", f"ends within {url_grading.EXPIRY_WARNING_DAYS} days"),
        ("notifications", f"old and new sign for {overlap.OVERLAP_S / HOUR_S:g} hours"),
        ("notifications", f"`wait={paging.WAIT.most}`"),
        ("notifications", f"{paging.LIMIT.default} or `limit=` at a time, {paging.LIMIT.most}"),
        ("notifications", f"Above {paging.SEEN_LIMIT:,} it is as if"),
        ("notifications", f"looks at the newest {tailing.WINDOW_ROWS:,}"),
        ("running", f"`finisher.send_lease_s` ({DEFAULT.finisher.send_lease_s:g} s)"),
        ("running", f"`deliveries.lease_s` ({DEFAULT.deliveries.lease_s:g} s)"),
        ("running", f"`server.leave_s` ({DEFAULT.server.leave_s:g};"),
        ("running", f"`server.graceful_stop_s` ({DEFAULT.server.graceful_stop_s:g} s)"),
        ("running", f"raw up to {exchange.BODY_LIMIT_BYTES // 1_024} KiB"),
        ("running", f"kept up to {inbound.STRANGERS_LIMIT_PER_MINUTE} a minute"),
        ("running", f"after {database.ANSWER_LIMIT_S:g} s where the database hangs"),
        ("running", f"`callbacks.spill_limit_mib`, {DEFAULT.callbacks.spill_limit_mib:g} MiB"),
        ("running", f"**memory** ({spill.MEMORY_LIMIT_BYTES >> 20} MiB)"),
        ("running", f"| `exchanges_days` | {DEFAULT.retention.exchanges_days:g} |"),
        ("running", f"| `notifications_days` | {DEFAULT.retention.notifications_days:g} |"),
        ("running", f"| `undelivered_days` | {DEFAULT.retention.undelivered_days:g} (never) |"),
        ("daraja-paths", f"Tokens last {facade.TOKEN_LIFE_S:,} seconds"),
        ("where-a-request-goes", f"schedule: {', '.join(ASKED_S[:-1])} and {ASKED_S[-1]} seconds after sending"),
        ("where-a-request-goes", f"after {DEFAULT.finisher.expire_s / MINUTE_S:g} minutes the payment expires"),
    ],
)
def test_a_number_that_a_page_promises_is_the_codes(page: str, promise: str) -> None:
    assert promise in " ".join((ROOT / "docs" / f"{page}.md").read_text().split())


def test_numbers_that_are_written_in_words_are_the_codes() -> None:
    """Words do not follow from a number, so the number is held here and the words by whoever changes it."""
    assert finisher.ASK_LIMIT == 16, "what-happens-when.md: never about more than sixteen at once"
    assert DEFAULT.finisher.hold_limit_s == 120, "holds the request for two minutes"
    assert endpoints.BREAKER_FAILURES == 10, "notifications.md: after ten failures in a row"
    assert endpoints.ASKING_FAILURES == 3, "notifications.md: after three in a row you are not asked"
    assert DEFAULT.deliveries.validation_limit_s == 5, "notifications.md, daraja-paths.md: you have five seconds"
    assert lanes.BUSY_SHARE == 0.6, "notifications.md: six tenths of a core"
    assert probing.TESTS_OF_ONE_LIMIT == 2, "notifications.md: an organisation has two URLs tested at once"
    assert probing.TURN_LIMIT_S == probing.TEST_LIMIT_S == 5, "notifications.md: within five seconds"
    assert desk.CONSUMERS_LIMIT == 50, "notifications.md: an app has fifty at most"
    assert desk.SETTLE_US == 25_000_000, "notifications.md: the newest twenty-five to thirty seconds are held back"
    assert endpoints.FINISH_LIMIT_S == 7 * DAY_S, "notifications.md: finish_old goes on for up to a week"
    days = sum(SCHEDULE_S) / DAY_S
    assert 3 < days < 3.5, f"where-a-request-goes.md: attempts go on for a good three days; {days:.2f}"
