"""Brings notifications to merchants. A lane an endpoint: a slow one fills its own lane and nobody else's.

Before each attempt the lane is asked: is its endpoint active, is its breaker closed, are there hands and tokens left?

What this process stages is handed over in memory (`reserve`, then `offer`). Everything else is found in the journal: a
page of lanes at a time by `step`, and a lane that has more than its page fills itself again while it is being emptied.
All ways end in the same attempt.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Sequence

from msgspec.structs import replace

from wakala.deliveries import Deliveries, Standing
from wakala.errors import DatabaseAwayError, DatabaseFaultError, WakalaError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.delivery import DeliveryState, Notification
from wakala.rules.endpoints import Endpoint, full_bucket, owner_of
from wakala.workers.doubts import Doubts
from wakala.workers.lanes import Lane, Turnstile

log = logging.getLogger("wakala.courier")

QUEUE_LIMIT = 256  # fresh notifications of one lane in memory; what does not fit waits in the journal
OFFERED_LIMIT = 1_024  # the same, with those that were being committed while the last place was taken; others go back
CLAIMED_LIMIT = 8_192  # of all backlogs in memory, shared out among the lanes; some 10 MB
AHEAD_ROUNDS = 2  # a page of the journal is so many rounds of a lane's hands; half of it left, the next is fetched
RATE_AHEAD_S = 30  # a lane with a rate limit holds no more than it may send in this time: well within a lease
LANES_PAGE = 64  # lanes that are looked at in one turn; some milliseconds of the database, however many there are
TOTAL_LIMIT = 512  # attempts at once over all lanes
# A page is known by the end of its lease, and two processes may claim in one moment: each adds a time of its own.
MARK_LIMIT_US = 1_000_000
DOUBTFUL_LIMIT = 256  # claims of one lane that nobody answered, one a second: longer than a lease
CUT_LIMIT_S = 1.0  # an attempt that is cancelled ends in a few turns of the loop
FIRST_LIMIT = 900  # the same, for the first attempt in a lane; a little below the connections that `outgoing` has
# The same two of one app, which may name any number of hosts; fewer than the names that `outgoing` looks up at once.
APP_LIMIT = 96
APP_FIRST_LIMIT = 120


class Courier:
    """At most ``lane_limit`` attempts at once to one endpoint, and so many a second at what has waited."""

    def __init__(
        self,
        journal: Journal,
        deliveries: Deliveries,
        standing: Standing,
        source: Source,
        doubts: Doubts,
        *,
        lane_limit: int,
        backlog_limit_per_s: float,
    ) -> None:
        self._journal = journal
        self._deliveries = deliveries
        self._standing = standing
        self._source = source
        self._doubts = doubts
        self._lane_limit = lane_limit
        self._lanes: dict[str, Lane] = {}
        self._short: dict[str, Lane] = {}  # lanes that found no hand free, in the order in which they asked
        self._short_of: dict[str, dict[str, Lane]] = {}  # the same of apps that have all the hands of one app
        self._running = 0
        self._running_of: Counter[str] = Counter()
        self._turnstile = Turnstile(source.cpu_s, backlog_limit_per_s)
        self._tasks: set[asyncio.Task[None]] = set()
        self._cursor = ""
        self._in_hand: dict[str, Notification] = {}
        self._mark_us = int(source.chance() * MARK_LIMIT_US)
        self._doubtful_us: dict[str, list[int]] = {}  # until when we own pages of a lane, if claims were made unsaid
        self._stopping = False

    def reserve(self, notification: Notification, now_us: int) -> Notification:
        """As it is to be staged: leased to us where its lane can take it at once, so that nobody has to look for it.

        The second of a payment is found in the journal, which knows when the first has arrived.
        """
        is_ours = notification.state is DeliveryState.WAITING and notification.sequence == 1 and not self._stopping
        if not is_ours or not self._takes(notification.lane):
            return notification
        return replace(notification, lease_us=self._deliveries.lease_end_us(now_us))

    def offer(self, notification: Notification) -> None:
        """Take a notification that was leased to us when it was staged; what does not fit is given back and found."""
        if notification.state is not DeliveryState.WAITING or notification.lease_us == 0:
            return
        lane = self._lanes.setdefault(notification.lane, Lane())
        if len(lane.fresh) >= OFFERED_LIMIT:
            self._spawn(self._give_back([notification]))
            return
        lane.fresh.append(notification)
        self._start(notification.lane, lane)

    async def step(self) -> bool:
        """Look at a page of the lanes that wait and claim what is due in them; True while there are more lanes."""
        await self._deliveries.write_late()
        page = await self._journal.lanes_waiting(self._source.now_us(), self._cursor, LANES_PAGE)
        self._cursor = page[-1][0] if len(page) == LANES_PAGE else ""
        due = [(name, self._lanes.setdefault(name, Lane())) for name, is_due in page if is_due]
        for name, lane in due:
            self._start(name, lane)  # what found no hand or no token before
        rooms = [(name, lane, self._begin_to_fill(name, lane)) for name, lane in due]
        try:
            await asyncio.gather(*(self._fill(name, lane, room) for name, lane, room in rooms if room))
        finally:
            for name, lane in due if self._cursor else tuple(self._lanes.items()):  # the last page: buckets fill unseen
                self._forget_if_idle(name, lane)
        await asyncio.sleep(0)  # a journal in this process answers without a pause, and others want their turn
        return bool(self._cursor)

    async def stop(self) -> None:
        """Begin nothing more, give back what was not begun, finish the attempts that are running."""
        self._stopping = True
        await self.hand_back()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.hand_back()  # a page that was being claimed

    async def hand_back(self) -> None:
        """End the leases of what is queued, and of attempts that were cut short: another process has them at once."""
        held = [notification for lane in self._lanes.values() for notification in lane.clear()]
        if not self._tasks:
            held += self._in_hand.values()
            self._in_hand.clear()
        await self._give_back(held)

    async def _give_back(self, held: Sequence[Notification]) -> None:
        given = (self._journal.hand_back_notification(notification) for notification in held)
        for notification, fault in zip(held, await asyncio.gather(*given, return_exceptions=True), strict=True):
            if isinstance(fault, WakalaError):
                self._doubts.add([notification])
                log.warning("a notification is not given back yet: %s", fault.sentence)

    async def cut_short(self) -> None:
        """End the attempts that are running. Whether the merchant took them is not known: they are made again."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CUT_LIMIT_S)

    # ── from the journal ──

    def _begin_to_fill(self, name: str, lane: Lane) -> int:
        """How many to claim. From here until `_fill` is done nobody forgets the lane.

        One that was forgotten meanwhile would be made a second time, and its endpoint would meet twice the hands.
        """
        if lane.is_filling or self._stopping:
            return 0
        room = max(0, self._room(name, lane, self._source.now_us()))
        lane.is_filling = room > 0
        return room

    async def _fill(self, name: str, lane: Lane, room: int) -> None:
        """Claim a page and begin with it."""
        now_us = self._source.now_us()
        try:
            page = await self._claim(name, now_us, room)
        finally:
            lane.is_filling = False
        lane.has_more = len(page) == room
        lane.backlog.extend(page)
        self._start(name, lane)

    async def _claim(self, name: str, now_us: int, room: int) -> list[Notification]:
        """Oldest first. Whether a resting endpoint is well again, every other time the newest says that is untried.

        A few that it cannot take, and be they the oldest, then hold up no others.
        """
        until_us, doubtful_us = self._deliveries.lease_end_us(now_us) + self._mark_us, self._doubtful(name, now_us)
        try:
            if self._standing.record(name).asks_the_newest and (
                page := await self._journal.claim_untried(name, now_us, until_us, doubtful_us)
            ):
                return page
            return await self._journal.claim_notifications(name, now_us, until_us, room, doubtful_us)
        except DatabaseAwayError:
            leases_us = self._doubtful_us.setdefault(name, [])
            if len(leases_us) < DOUBTFUL_LIMIT:
                leases_us.append(until_us)
            raise

    def _doubtful(self, name: str, now_us: int) -> list[int]:
        """The leases of pages that may be ours though nobody said so; they may become ours late."""
        for lane, leases_us in list(self._doubtful_us.items()):
            self._doubtful_us[lane] = [until_us for until_us in leases_us if until_us > now_us]
            if not self._doubtful_us[lane]:
                del self._doubtful_us[lane]
        return self._doubtful_us.get(name, [])

    def _fill_in_time(self, name: str, lane: Lane) -> None:
        """Fetch the next page while the present one is under way."""
        if lane.has_more and 2 * len(lane.backlog) <= self._ahead(name) and (room := self._begin_to_fill(name, lane)):
            self._spawn(self._fill_again(name, lane, room))

    async def _fill_again(self, name: str, lane: Lane, room: int) -> None:
        try:
            await self._fill(name, lane, room)
        except WakalaError as error:
            lane.has_more = False  # `step` looks again, at its own pace
            log.warning("lane %s: %s", name, error.sentence)
        finally:
            self._forget_if_idle(name, lane)

    def _room(self, name: str, lane: Lane, now_us: int) -> int:
        """How many to claim; one where its breaker is open and it is time to look again."""
        endpoint = self._deliveries.lane_terms(name)
        if endpoint is not None and not endpoint.is_active:
            return 0
        record = self._standing.record(name)
        if record.is_resting:
            return 1 if record.may_begin(lane.running, now_us) and not lane.has_work else 0
        return self._ahead(name) - len(lane.backlog)

    def _ahead(self, name: str) -> int:
        """How much of a backlog to have in memory: enough that no hand idles, and no more than may be sent soon."""
        endpoint = self._deliveries.lane_terms(name)
        wanted = min(AHEAD_ROUNDS * self._limit(endpoint), CLAIMED_LIMIT // max(1, len(self._lanes)))
        if endpoint is not None and endpoint.rate_limit_per_s:
            wanted = min(wanted, int(endpoint.rate_limit_per_s * RATE_AHEAD_S))
        return max(1, wanted)

    # ── who may begin ──

    def _takes(self, name: str) -> bool:
        """Whether what is staged now would be tried soon."""
        endpoint = self._deliveries.lane_terms(name)
        if (endpoint is not None and not endpoint.is_active) or self._standing.record(name).is_resting:
            return False
        lane = self._lanes.get(name)
        return lane is None or len(lane.fresh) < QUEUE_LIMIT

    def _limit(self, endpoint: Endpoint | None) -> int:
        return (endpoint.concurrency_limit if endpoint else 0) or self._lane_limit

    def _start(self, name: str, lane: Lane) -> None:
        """Put to work as many hands as the lane may have; where they are short it stands in line for the next."""
        limit, is_behind = self._limit(self._deliveries.lane_terms(name)), lane.is_behind
        while lane.has_work and lane.running < limit and not self._stopping:
            app_id, _ = owner_of(name)
            if self._running_of[app_id] >= max(limit, APP_LIMIT if lane.running else APP_FIRST_LIMIT):
                self._short_of.setdefault(app_id, {})[name] = lane
                return
            if not self._has_hands(lane):
                self._short[name] = lane
                return
            if not self._may_go_on(name, lane):
                return
            notification = lane.pop(self._source.now_us())
            if notification is None:
                return
            lane.running += 1
            self._running += 1
            self._running_of[app_id] += 1
            self._spawn(self._work(name, lane, notification, is_behind=is_behind))

    def _may_go_on(self, name: str, lane: Lane) -> bool:
        """Whether one more attempt may begin now; takes a token where there is a rate limit."""
        endpoint = self._deliveries.lane_terms(name)
        if endpoint is not None and not endpoint.is_active:
            return False
        record = self._standing.record(name)
        if record.streak < 0 and not record.may_begin(lane.running, self._source.now_us()):
            return False
        if endpoint is None or not endpoint.rate_limit_per_s:
            return True
        now_us = self._source.now_us()
        rate_per_s = endpoint.rate_limit_per_s
        bucket = lane.bucket.refilled(rate_per_s, now_us) if lane.bucket else full_bucket(rate_per_s, now_us)
        lane.bucket = bucket.taken() or bucket
        return lane.bucket is not bucket

    def _has_hands(self, lane: Lane) -> bool:
        """The last hands are for lanes where nothing runs yet: many slow endpoints never keep out one that is quick."""
        return self._running < (TOTAL_LIMIT if lane.running else FIRST_LIMIT)

    def _next(self, name: str, lane: Lane) -> Notification | None:
        """What a hand takes up after an attempt, whose own place is not counted: a probe must not follow itself.

        While hands are short, a lane that has more than its share gives this one up.
        """
        if not lane.has_work or self._stopping:
            return None
        if self._short and lane.running > TOTAL_LIMIT // len(self._lanes):
            return None
        siblings = self._short_of.get(owner_of(name)[0])
        if siblings and lane.running > APP_LIMIT // (1 + len(siblings)):
            return None
        lane.running -= 1
        try:
            goes_on = lane.running < self._limit(self._deliveries.lane_terms(name)) and self._may_go_on(name, lane)
        finally:
            lane.running += 1
        return lane.pop(self._source.now_us()) if goes_on else None

    # ── work ──

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, name: str, lane: Lane, notification: Notification, *, is_behind: bool) -> None:
        """One attempt after another until the lane is empty, has to rest or gives its hand to another."""
        following: Notification | None = notification
        try:
            while following is not None:
                self._in_hand[following.id] = following
                if is_behind:
                    await self._turnstile.passed()
                if self._stopping:
                    break
                self._fill_in_time(name, lane)
                await self._attempt(following)
                self._let_go_if_resting(name, lane)
                is_behind = lane.is_behind
                following = self._next(name, lane)
        finally:
            lane.running -= 1
            self._running -= 1
            self._running_of[owner_of(name)[0]] -= 1
            self._pass_on(name, lane)

    def _let_go_if_resting(self, name: str, lane: Lane) -> None:
        """While the breaker is open nothing stays in memory: which one looks is chosen from all that wait."""
        if lane.has_work and not self._stopping and self._standing.record(name).is_resting:
            self._spawn(self._give_back(lane.clear()))

    def _pass_on(self, name: str, lane: Lane) -> None:
        """A hand is free: for the lane that has waited longest, then for its own."""
        while self._short and self._running < TOTAL_LIMIT:
            waiting = next(iter(self._short))
            self._start(waiting, self._short.pop(waiting))
        if siblings := self._short_of.get(owner_of(name)[0]):
            waiting = next(iter(siblings))
            self._start(waiting, siblings.pop(waiting))
        self._fill_in_time(name, lane)
        self._start(name, lane)
        self._forget_if_idle(name, lane)

    def _forget_if_idle(self, name: str, lane: Lane) -> None:
        if lane.is_idle and self._lanes.get(name) is lane and not self._owes_rest(name, lane):
            del self._lanes[name]
            self._short.pop(name, None)
            app_id, _ = owner_of(name)
            self._short_of.get(app_id, {}).pop(name, None)
            if not self._running_of[app_id] and not self._short_of.get(app_id):
                self._running_of.pop(app_id, None)
                self._short_of.pop(app_id, None)

    def _owes_rest(self, name: str, lane: Lane) -> bool:
        """True while the rate limit still counts what was sent; `step` looks again."""
        endpoint = self._deliveries.lane_terms(name)
        if lane.bucket is None or endpoint is None or not endpoint.rate_limit_per_s:
            return False
        return not lane.bucket.is_full(endpoint.rate_limit_per_s, self._source.now_us())

    async def _attempt(self, notification: Notification) -> None:
        try:
            await self._deliveries.attempt(notification)
        except DatabaseAwayError as fault:  # most often before it was made
            self._doubts.add([notification])
            log.warning("an attempt at %s did not end: %s", notification.id, fault.sentence)
        except DatabaseFaultError as fault:
            log.warning("how an attempt at %s ended could not be written: %s", notification.id, fault.sentence)
        except Exception:
            log.exception("an attempt at %s broke; its lease runs out and it is tried again", notification.id)
        self._in_hand.pop(notification.id, None)  # one that was cut short stays in hand, to be given back
