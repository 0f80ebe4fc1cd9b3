"""How each lane is doing, in memory, because every attempt asks; written down now and then, so that a start knows it.

Each process keeps its own account. What it alone cannot know, that another process got through, is read from the
journal before an endpoint is disabled.
"""

import logging
from contextlib import suppress

from wakala.deliveries.events import event_of
from wakala.directory import Directory
from wakala.errors import DatabaseAwayError, DatabaseFaultError, WakalaError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.delivery import GONE, Attempted
from wakala.rules.endpoints import (
    DISABLE_AFTER_S,
    By,
    Endpoint,
    EndpointState,
    Health,
    Record,
    failing_s,
    owner_of,
    worst_notice,
)

log = logging.getLogger("wakala.endpoints")

FAILING = "endpoint.failing"
TOLD_EARLY_US = 900_000_000  # processes that fail together began to fail minutes apart, not hours
TOLD_ROWS = 20  # of an endpoint's newest events, among which a notice of the present failure is

HOSTS_LIMIT = 4_096  # lanes of URLs that came with requests; merchants choose how many there are


class Standing:
    """The accounts of all lanes, and what follows from them: a notice, or the end of calling.

    ``disable_after_s`` 0 is never.
    """

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
        self._returned: set[str] = set()  # lanes that got through again, while what waits in them is not due yet
        self._hosts: dict[str, None] = {}  # such lanes, the longest unused first
        self._seen: dict[str, tuple[EndpointState, str]] = {}  # of each endpoint, its state and URL at the last look
        directory.on_change(self._look_again)

    async def load(self) -> None:
        """What was known before the start; a breaker that was open stays so. What was told says the journal."""
        for health in await self._journal.endpoints.health():
            self._records[health.lane] = Record(health)
        self._seen = self._look()
        for endpoint in self._directory.endpoints:
            if endpoint.state is EndpointState.DISABLED:
                log.warning("endpoint of %s is disabled: %s", self._directory.name_of(endpoint), endpoint.reason)

    def record(self, lane: str) -> Record:
        """The account of one lane."""
        found = self._records.get(lane)
        if found is None:
            found = self._records[lane] = Record(Health(lane))
        if " " in lane:
            self._remember_host(lane)
        return found

    async def newest(self, lane: str) -> Health:
        """For a person: as this process has it, or another one that tried later and wrote it down seconds after."""
        mine = self.record(lane).health
        with suppress(DatabaseFaultError):
            written = await self._journal.endpoints.health_of(lane)
            return written if written is not None and written.last_us > mine.last_us else mine
        return mine

    def _remember_host(self, lane: str) -> None:
        self._hosts.pop(lane, None)
        self._hosts[lane] = None
        if len(self._hosts) > HOSTS_LIMIT:
            oldest = next(iter(self._hosts))
            del self._hosts[oldest], self._records[oldest]

    def _look_again(self) -> None:
        """The directory has changed: an endpoint that was resumed, or leads elsewhere, begins anew."""
        now = self._look()
        for lane, (state, url) in now.items():
            before = self._seen.get(lane)
            if before is not None and before != (state, url) and state is EndpointState.ACTIVE:
                self.record(lane).forget_failures()
                self._noticed_s.pop(lane, None)
        self._seen = now

    def _look(self) -> dict[str, tuple[EndpointState, str]]:
        return {one.lane: (one.state, self._directory.url_of(one)) for one in self._directory.endpoints}

    async def note(
        self, lane: str, endpoint: Endpoint, attempted: Attempted, duration_us: int, *, is_endpoints_own: bool
    ) -> None:
        """An attempt ended. A 410 from the endpoint's own URL ends calling it; one from a request's URL does not.

        One that got through after a minute of failures makes due at once what waits for a later step.
        """
        now_us = self._source.now_us()
        is_back = self.record(lane).note(attempted, duration_us, now_us)
        if " " not in lane:  # what is known of a request's URL is worth keeping for a while, not writing down
            self._unsaved.add(lane)
        if is_back:
            await self._bring_forward(lane)
        if attempted.status == GONE and is_endpoints_own and endpoint.is_active:
            await self._disable(endpoint, "It answered 410 Gone.")

    async def _bring_forward(self, lane: str) -> None:
        """Now, or where the database is away with the next turn: that it got through again is noticed only once."""
        self._returned.add(lane)
        try:
            await self._journal.bring_forward(lane, self._source.now_us())
        except DatabaseFaultError as fault:
            if not isinstance(fault, DatabaseAwayError):
                log.warning("what waits for %s is not brought forward yet: %s", lane, fault.sentence)
            return
        self._returned.discard(lane)

    def note_asked(self, lane: str, attempted: Attempted, duration_us: int) -> None:
        """A C2B validation was put to a merchant. However it went, nothing is disabled for it."""
        self.record(lane).note(attempted, duration_us, self._source.now_us())
        self._unsaved.add(lane)

    async def step(self) -> bool:
        """Write down what changed, tell what has failed for long, disable what has failed for days."""
        for lane in sorted(self._returned):
            await self._bring_forward(lane)
        failed: WakalaError | None = None  # one that the database refuses keeps no other from its turn
        for lane in sorted(self._unsaved):
            # Both before anything is waited for: an endpoint that moves meanwhile is not judged by what it did before.
            endpoint, health = self._directory.endpoint(*owner_of(lane)), self.record(lane).health
            self._unsaved.discard(lane)
            try:
                await self._journal.endpoints.save_health(health)
                await self._judge(endpoint, health)
            except WakalaError as fault:
                self._unsaved.add(lane)  # the next turn says what this one could not
                if isinstance(fault, DatabaseAwayError):
                    raise
                failed = fault
        if failed is not None:
            raise failed
        return False

    async def _judge(self, endpoint: Endpoint | None, health: Health) -> None:
        seconds = failing_s(health, self._source.now_us())
        notice_s = worst_notice(seconds)
        known_s = self._noticed_s.get(health.lane, 0)
        if notice_s <= known_s:
            self._noticed_s[health.lane] = notice_s
        if endpoint is None or not endpoint.is_active or endpoint.lane != health.lane:
            return  # a URL that came with a request is rested by its breaker, and ends by its schedule
        is_over = 0 < self._disable_after_s <= seconds
        is_due = notice_s > known_s or is_over
        if not is_due or await self._was_well_elsewhere(health):
            return
        reason = health.last_error or f"status {health.last_status}"
        if notice_s > known_s:
            if not await self._was_told(endpoint, health, notice_s):
                hours = notice_s // 3_600
                detail = f"Nothing but failures for {hours} h; the last one: {reason}."
                event = event_of(self._source, endpoint, FAILING, detail, By.GATEWAY)
                await self._journal.endpoints.record_event(event)
                log.warning("endpoint of %s has failed for %s h: %s", self._directory.name_of(endpoint), hours, reason)
            self._noticed_s[health.lane] = notice_s
        if is_over:
            await self._disable(
                endpoint, f"Nothing but failures for {int(seconds // 3_600)} h; the last one: {reason}."
            )

    async def _was_well_elsewhere(self, health: Health) -> bool:
        last_us = await self._journal.endpoints.last_success_us(health.lane)
        return last_us is not None and health.failing_since_us is not None and last_us > health.failing_since_us

    async def _was_told(self, endpoint: Endpoint, health: Health, notice_s: int) -> bool:
        """Another process told of the same failure, or this one did before it was started anew."""
        due_us = (health.failing_since_us or 0) + notice_s * 1_000_000 - TOLD_EARLY_US
        newest = await self._journal.endpoints.events_of(endpoint, TOLD_ROWS)
        return any(event.name == FAILING and event.at_us >= due_us for event in newest)

    async def _disable(self, endpoint: Endpoint, reason: str) -> None:
        """For what it did as ``endpoint`` says it was; nothing happens where it has moved or is paused by now."""
        event = event_of(self._source, endpoint, "endpoint.disabled", reason, By.GATEWAY)
        if await self._journal.endpoints.disable(endpoint, reason, event):
            name = self._directory.name_of(endpoint)
            log.warning("endpoint of %s is disabled: %s Its notifications are kept and wait.", name, reason)
        await self._directory.refresh()
