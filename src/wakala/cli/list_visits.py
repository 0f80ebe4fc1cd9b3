"""Visits to the newest requests and notifications, of all organisations or narrowed to what is looked for."""

import re
from collections.abc import Sequence
from typing import Any

from wakala.administration import Administration
from wakala.cli.narrowing import Narrowed, Whose, us_of
from wakala.cli.newest import Ask, Page, newest
from wakala.cli.visits import opened
from wakala.config import Settings, master_key
from wakala.errors import CallerError
from wakala.identity import Source, first_id, made_at_us
from wakala.journal.journal import LAST_ID, Journal
from wakala.rules.delivery import Notification
from wakala.rules.payment import Payment, Scope
from wakala.wire.notification import notification_view
from wakala.wire.trace import hidden, shown_phone
from wakala.wire.view import payment_view


async def read_requests(settings: Settings, wanted: Narrowed) -> Page[Any]:
    """The newest payments, masked."""
    async with opened(settings) as (journal, source):
        whose = await whose_is(settings, journal, source, wanted)
        if wanted.receipt:
            page = await _with_receipt(journal, whose, wanted)
        else:

            def of(organisation_id: str) -> Ask[Payment]:
                return lambda before, rows: journal.list_payments(organisation_id, wanted.environment, before, rows)

            page = await _newest("pay", [of(one) for one in whose.organisations], whose, wanted)
        numbers = {shortcode.id: shortcode.number for shortcode in await journal.shortcodes()}
        views = [payment_view(payment, numbers.get(payment.scope.shortcode_id, "")) for payment in page.rows]
        shown = [hidden({**view, "SenderMSISDN": shown_phone(view["SenderMSISDN"] or "") or None}) for view in views]
        return Page(shown, page.before, page.is_cut)


async def _with_receipt(journal: Journal, whose: Whose, wanted: Narrowed) -> Page[Payment]:
    """By M-Pesa's receipt, which the journal finds within a shortcode: both sides of a transfer may bear one."""
    found = []
    for shortcode in await journal.shortcodes():
        if shortcode.environment is wanted.environment and shortcode.organisation_id in whose.organisations:
            scope = Scope(shortcode.organisation_id, "", shortcode.id, wanted.environment)
            payment = await journal.payment_by_receipt(scope, wanted.receipt)
            found += [payment] if payment is not None else []
    since, before = _bounds("pay", wanted)
    return Page([one for one in found if since <= one.id < before and _holds(one, whose, wanted)][: wanted.limit])


async def read_notifications(settings: Settings, wanted: Narrowed) -> Page[Any]:
    """The newest notifications, delivered or not."""
    async with opened(settings) as (journal, source):
        whose = await whose_is(settings, journal, source, wanted)

        def of(organisation_id: str) -> Ask[Notification]:
            if not whose.app_id:
                return lambda before, rows: journal.list_notifications(
                    organisation_id, wanted.environment, before, rows
                )
            scope = Scope(organisation_id, whose.app_id, "", wanted.environment)
            return lambda before, rows: journal.endpoints.notifications_before(scope, before, rows)

        page = await _newest("ntf", [of(one) for one in whose.organisations], whose, wanted)
        apps = {app.id: app.name for app in await journal.apps()}
        numbers = {shortcode.id: shortcode.number for shortcode in await journal.shortcodes()}
        shown = [
            {
                **notification_view(one, made_at_us(one.id)),
                "App": apps.get(one.scope.app_id),
                "Shortcode": numbers.get(one.scope.shortcode_id),
            }
            for one in page.rows
        ]
        return Page(shown, page.before, page.is_cut)


async def whose_is(settings: Settings, journal: Journal, source: Source, wanted: Narrowed) -> Whose:
    """The app and the shortcode that are named; where none is, all organisations."""
    if not wanted.app and not wanted.shortcode:
        return Whose(tuple(await journal.organisations()))
    desk = Administration(journal, master_key(settings), source)
    app = await desk.app(wanted.app) if wanted.app else None
    owner = app.organisation_id if app else ""
    shortcode = await desk.shortcode(wanted.shortcode, wanted.environment, owner) if wanted.shortcode else None
    owner = owner or (shortcode.organisation_id if shortcode else "")
    return Whose((owner,), app.id if app else "", shortcode.id if shortcode else "")


async def _newest(prefix: str, asked: Sequence[Ask[Any]], whose: Whose, wanted: Narrowed) -> Page[Any]:
    since, before = _bounds(prefix, wanted)
    return await newest(asked, before, since, wanted.limit, lambda row: _holds(row, whose, wanted))


def _holds(row: Any, whose: Whose, wanted: Narrowed) -> bool:
    is_state = not wanted.states or row.state in wanted.states
    return is_state and whose.holds(row.scope) and (not wanted.type or row.type == wanted.type)


def _bounds(prefix: str, wanted: Narrowed) -> tuple[str, str]:
    """IDs sort by time, so a window of time is one of IDs; the second is not within it."""
    if wanted.before and not re.fullmatch(rf"{prefix}_[0-9a-f]{{12,28}}", wanted.before):
        raise CallerError(f"{wanted.before} is no place in this list: give the ID that the page before named.")
    since = first_id(prefix, us_of(wanted.since)) if wanted.since else ""
    until = first_id(prefix, us_of(wanted.until)) if wanted.until else LAST_ID
    return since, min(until, wanted.before or LAST_ID)
