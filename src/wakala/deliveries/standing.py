"""How each lane is doing, in memory, because every attempt asks; written down now and then, so that a start knows it.

Each process keeps its own account. What it alone cannot know, that another process got through, is read from the
journal before an endpoint is disabled.
"""

import logging

from msgspec.structs import replace

from wakala.directory import Directory
from wakala.identity import Source
from wakala.journal.endpoints import EndpointEvent
from wakala.journal.journal import Journal
from wakala.rules.delivery import GONE, Attempted
from wakala.rules.endpoints import (
    DISABLE_AFTER_S,
    Endpoint,
    EndpointState,
    Health,
    Record,
    failing_s,
    owner_of,
    worst_notice,
)

log = logging.getLogger("wakala.endpoints")


class Standing:
    """The accounts of all lanes, and what follows from them: a notice, or the end of calling."""

    def __init__(
        self, journal: Journal, directory: Directory, source: Source, *, disable_after_s: float = DISABLE_AFTER_S
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._source = source
        self._disable_after_s = disable_after_s
        self._records: dict[str, Record] = {}
        self._unsaved: set[str] = set()
        self._noticed_s: dict[str, int] = {}

    async def load(self) -> None:
        """What was known before the start; a breaker that was open stays so."""
        now_us = self._source.now_us()
        for health in await self._journal.endpoints.health():
            self._records[health.lane] = Record(health)
            self._noticed_s[health.lane] = worst_notice(failing_s(health, now_us))

    def record(self, lane: str) -> Record:
        """The account of one lane."""
        found = self._records.get(lane)
        if found is None:
            found = self._records[lane] = Record(Health(lane))
        return found

    async def note(
        self, lane: str, endpoint: Endpoint, attempted: Attempted, duration_us: int, *, is_endpoints_own: bool
    ) -> None:
        """An attempt ended. A 410 from the endpoint's own URL ends calling it; one from a request's URL does not.

        One that got through after many that did not makes due at once what waits for a later step.
        """
        now_us = self._source.now_us()
        is_well_again = self.record(lane).note(attempted, duration_us, now_us)
        self._unsaved.add(lane)
        if is_well_again:
            await self._journal.bring_forward(lane, now_us)
        if attempted.status == GONE and is_endpoints_own and endpoint.is_active:
            await self._disable(endpoint, "It answered 410 Gone.")

    async def step(self) -> bool:
        """Write down what changed, tell what has failed for long, disable what has failed for days."""
        lanes, self._unsaved = self._unsaved, set()
        for lane in sorted(lanes):
            health = self.record(lane).health
            await self._journal.endpoints.save_health(health)
            await self._judge(health)
        return False

    async def _judge(self, health: Health) -> None:
        app_id, shortcode_id = owner_of(health.lane)
        endpoint = self._directory.endpoint(app_id, shortcode_id)
        seconds = failing_s(health, self._source.now_us())
        notice_s = worst_notice(seconds)
        known_s, self._noticed_s[health.lane] = self._noticed_s.get(health.lane, 0), notice_s
        if endpoint is None or not endpoint.is_active or endpoint.lane != health.lane:
            return  # a URL that came with a request is rested by its breaker, and ends by its schedule
        reason = health.last_error or f"status {health.last_status}"
        if notice_s > known_s:
            hours = notice_s // 3_600
            log.warning("endpoint %s has failed for %s h: %s", health.lane, hours, reason)
            detail = f"Nothing but failures for {hours} h; the last one: {reason}."
            await self._journal.endpoints.record_event(self._event(endpoint, "endpoint.failing", detail))
        if seconds >= self._disable_after_s and not await self._was_well_elsewhere(health):
            await self._disable(
                endpoint, f"Nothing but failures for {int(seconds // 3_600)} h; the last one: {reason}."
            )

    async def _was_well_elsewhere(self, health: Health) -> bool:
        last_us = await self._journal.endpoints.last_success_us(health.lane)
        return last_us is not None and health.failing_since_us is not None and last_us > health.failing_since_us

    async def _disable(self, endpoint: Endpoint, reason: str) -> None:
        log.warning("endpoint %s is disabled: %s Its notifications are kept and wait.", endpoint.lane, reason)
        disabled = replace(endpoint, state=EndpointState.DISABLED, reason=reason)
        await self._journal.endpoints.set_state(disabled, self._event(endpoint, "endpoint.disabled", reason))
        await self._directory.refresh()

    def _event(self, endpoint: Endpoint, name: str, detail: str) -> EndpointEvent:
        return EndpointEvent(
            id=self._source.new_id("eev"),
            organisation_id=endpoint.organisation_id,
            app_id=endpoint.app_id,
            shortcode_id=endpoint.shortcode_id,
            at_us=self._source.now_us(),
            name=name,
            detail=detail,
        )
