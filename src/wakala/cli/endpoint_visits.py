"""Visits to the desk where endpoints are looked after. A gateway that runs meanwhile follows within a second."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from wakala.administration import Administration
from wakala.cli.visits import opened, opened_journal
from wakala.config import Settings, master_key
from wakala.deliveries.desk import Desk
from wakala.deliveries.probing import Prober
from wakala.directory import Directory
from wakala.identity import system_source
from wakala.journal.journal import Journal
from wakala.outgoing import Outgoing
from wakala.rules.accounts import App, Environment, Shortcode
from wakala.rules.endpoints import By, Endpoint, Health
from wakala.rules.signing import Signer
from wakala.wire.endpoint_view import Defaults, Told, endpoint_view
from wakala.wire.view import time_text

EVENTS_ROWS = 20  # what happened lately; the rest is in the table


@dataclass(frozen=True, slots=True)
class AtDesk:
    """An endpoint on the desk, with what is needed to test its URL."""

    desk: Desk
    app: App
    endpoint: Endpoint
    url: str
    signers: tuple[Signer, ...]
    prober: Prober


@asynccontextmanager
async def endpoint_desk(
    settings: Settings, app: str, shortcode: str | None, environment: Environment
) -> AsyncIterator[AtDesk]:
    """The desk, with an app's endpoint on it: its own, or that of a shortcode."""
    async with opened(settings) as (journal, source):
        master = master_key(settings)
        administration, desk = Administration(journal, master, source), Desk(journal, master, source, By.OPERATOR)
        directory = await directory_of(settings, journal)
        known = await administration.app(app)
        branch = await _branch(administration, known, shortcode, environment)
        endpoint = await desk.endpoint(known, branch)
        outgoing = Outgoing(guarded=True, allowed=settings.deliveries.private_targets)
        await outgoing.open()
        try:
            prober = Prober(outgoing, source, discreet=False)
            yield AtDesk(desk, known, endpoint, directory.url_of(endpoint), directory.signers(endpoint), prober)
        finally:
            await outgoing.close()


async def _branch(
    administration: Administration, app: App, number: str | None, environment: Environment
) -> Shortcode | None:
    """The shortcode whose endpoint is meant: the one of the app's organisation, for others may use that number too."""
    return await administration.shortcode(number, environment, app.organisation_id) if number else None


async def read_endpoints(settings: Settings) -> list[dict[str, Any]]:
    """Every endpoint of every app, with whose it is: several organisations may have an app of one name."""
    async with opened_journal(settings) as journal:
        directory = await directory_of(settings, journal)
        health = {one.lane: one for one in await journal.endpoints.health()}
        names = await journal.organisations()
        return [
            {
                "Organisation": names.get(one.organisation_id),
                "AppID": one.app_id,
                **_view(one, directory, health, settings),
            }
            for one in directory.endpoints
        ]


async def read_endpoint(
    settings: Settings, app: str, shortcode: str | None, environment: Environment
) -> dict[str, Any]:
    """One endpoint, with what happened to it lately."""
    async with opened(settings) as (journal, source):
        master = master_key(settings)
        administration = Administration(journal, master, source)
        known = await administration.app(app)
        branch = await _branch(administration, known, shortcode, environment)
        endpoint = await Desk(journal, master, source, By.OPERATOR).endpoint(known, branch)
        health = {one.lane: one for one in await journal.endpoints.health()}
        events = await journal.endpoints.events_of(endpoint, EVENTS_ROWS)
        view = _view(endpoint, await directory_of(settings, journal), health, settings)
        view["Events"] = [
            {"At": time_text(event.at_us), "Name": event.name, "By": event.by, "Detail": event.detail}
            for event in events
        ]
        return view


async def read_health(settings: Settings) -> list[dict[str, Any]]:
    """How every lane was doing when a gateway last wrote it down, seconds ago."""
    async with opened_journal(settings) as journal:
        directory = await directory_of(settings, journal)
        by_lane = {endpoint.lane: endpoint for endpoint in directory.endpoints}
        return [_health_row(one, by_lane.get(one.lane), directory) for one in await journal.endpoints.health()]


def _health_row(health: Health, endpoint: Endpoint | None, directory: Directory) -> dict[str, Any]:
    asked = directory.shortcode(health.lane.removeprefix("/")) if health.is_asked else None
    of = directory.name_of(endpoint) if endpoint else f"validations of {asked.number}" if asked else None
    return {
        "Lane": health.lane,
        "Of": of,
        "State": endpoint.state.value if endpoint else "active",
        "Streak": health.streak,
        "LastSuccessAt": time_text(health.last_success_us),
        "P50Ms": health.p50_us / 1_000 if health.p50_us is not None else None,
        "P95Ms": health.p95_us / 1_000 if health.p95_us is not None else None,
        "LastStatus": health.last_status,
        "LastError": health.last_error,
    }


def _view(endpoint: Endpoint, directory: Directory, health: dict[str, Health], settings: Settings) -> dict[str, Any]:
    app = directory.app(endpoint.app_id)
    told = Told(
        endpoint,
        app.name if app else endpoint.app_id,
        directory.shortcode(endpoint.shortcode_id),
        directory.url_of(endpoint),
        health.get(endpoint.lane) or Health(endpoint.lane),
        directory.keys_of(endpoint),
    )
    terms = settings.deliveries
    return endpoint_view(told, Defaults(terms.schedule_s, terms.answer_limit_s, terms.lane_limit))


async def directory_of(settings: Settings, journal: Journal) -> Directory:
    """Apps, shortcodes and endpoints as they are now."""
    base_urls = {Environment.SANDBOX: settings.daraja.sandbox_url, Environment.LIVE: settings.daraja.live_url}
    directory = Directory(journal, master_key(settings), base_urls, system_source().now_us)
    await directory.refresh()
    return directory
