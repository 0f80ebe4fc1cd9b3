"""Where endpoints are looked after (paused, moved, given terms and keys) and notifications are read and replayed."""

import base64
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from wakala.deliveries.events import event_of
from wakala.errors import FieldFault, InvalidFieldsError, NotFoundError
from wakala.identity import MILLISECOND_US, Source, first_id, made_at_us
from wakala.journal.endpoints import PAGE_ROWS, Consumer, EndpointEvent
from wakala.journal.journal import LAST_ID, Journal
from wakala.rules.accounts import App, Shortcode
from wakala.rules.addresses import require_web_address
from wakala.rules.delivery import DeliveryState, Notification
from wakala.rules.endpoints import By, Endpoint, EndpointState, SigningKey, Waiting, owner_of, require_sane, terms_text
from wakala.rules.overlap import OVERLAP_S, overlap_ends_us
from wakala.rules.payment import Scope
from wakala.rules.signing import (
    ED25519_SEED_BYTES,
    PRIVATE_PREFIX,
    SECRET_PREFIX,
    private_key,
    public_text,
)
from wakala.rules.vault import NONCE_LENGTH_BYTES, MasterKey, seal, unseal

OLDEST = "0"  # sorts before every ID
KEY_BYTES = 32
# What is younger may have a neighbour whose commit is still under way, for 8 s in the queue and 8 s at the database, or
# whose gateway has not yet heard, for 5 s, that the database's clock was set: a cursor must not pass it.
SETTLE_US = 25_000_000
REPLAY_LIMIT = 100_000  # are looked at in one call; the answer says where to go on
OLD_KEYS_LIMIT = 10  # of a version that sign beside the one in force: each is 48 bytes and more of a header
CONSUMERS_LIMIT = 50  # of an app in an environment: each is a row for ever


@dataclass(frozen=True, slots=True)
class Window:
    """Which notifications: staged from ``from_us`` up to ``until_us``, of these states, this type and this shortcode.

    What is empty is any.
    """

    from_us: int
    until_us: int
    states: frozenset[DeliveryState] = frozenset()
    type: str = ""
    after: str = ""  # where the call before stopped
    shortcode_id: str = ""

    def holds(self, notification: Notification) -> bool:
        """True where it is one of them."""
        is_state = not self.states or notification.state in self.states
        is_theirs = self.shortcode_id in {"", notification.scope.shortcode_id}
        return is_state and is_theirs and self.type in {"", notification.type}


class Desk:
    """One method per thing that is done with an endpoint or with staged notifications; ``by`` is who does it."""

    def __init__(self, journal: Journal, master: MasterKey, source: Source, by: By) -> None:
        self._journal = journal
        self._master = master
        self._source = source
        self._by = by

    def _event(self, endpoint: Endpoint, name: str, detail: str) -> EndpointEvent:
        return event_of(self._source, endpoint, name, detail, self._by)

    async def endpoint(self, app: App, shortcode: Shortcode | None = None) -> Endpoint:
        """As stored. One of a shortcode that is not is as its app's: what is done first changes nothing else."""
        if shortcode is not None and shortcode.organisation_id != app.organisation_id:
            raise NotFoundError(f"{shortcode.number} does not belong to the organisation of {app.name}.")
        shortcode_id = shortcode.id if shortcode else ""
        known = {one.shortcode_id: one for one in await self._journal.endpoints.endpoints() if one.app_id == app.id}
        if shortcode_id in known:
            return known[shortcode_id]
        fresh = Endpoint(f"end_{app.id}", app.organisation_id, app.id, "", created_us=self._source.now_us())
        if not shortcode_id:
            return fresh
        as_the_app = replace(known.get("", fresh), url="", created_us=fresh.created_us)
        return replace(as_the_app, id=f"end_{app.id}.{shortcode_id}", shortcode_id=shortcode_id)

    async def set_terms(self, endpoint: Endpoint) -> None:
        """Schedule, time-out, rate and concurrency, from the next attempt on."""
        require_sane(endpoint)
        await self._journal.endpoints.set_terms(endpoint, self._event(endpoint, "endpoint.terms", terms_text(endpoint)))

    async def set_url(self, app: App, endpoint: Endpoint, url: str, waiting: Waiting) -> int:
        """Another URL from the next attempt on; ``waiting`` says what becomes of what waits. How many are held.

        An endpoint that was disabled is called again: whoever names a new URL expects that. A paused one stays paused.
        Naming the URL in force again is no second move: what was meant for the URL before still is. Only `HOLD` takes
        what waits now. Those of the app's shortcodes that lead where the app does move with it. A shortcode's first own
        URL is called though the app's is paused.
        """
        require_web_address(url)
        now_us = self._source.now_us()
        endpoint = await self._as_it_is(endpoint)  # who tested the URL first has looked seconds ago
        url_before = endpoint.url or await self._callback_url(app)
        is_elsewhere = url != url_before
        moving = [*await self._led_by(endpoint), endpoint]  # the app's URL moves last: until then all is as it was
        for one in moving:
            moved = replace(one, url=url if endpoint.shortcode_id else "", waiting=waiting)
            if is_elsewhere:  # what is stored keeps its state
                moved = replace(moved, old_url=url_before, moved_us=now_us, state=EndpointState.ACTIVE, reason="")
            elif waiting is Waiting.HOLD:
                moved = replace(moved, moved_us=now_us)
            event = self._event(one, "endpoint.moved", f"To {url} ; what waited: {waiting}.")
            await self._journal.endpoints.move(moved, event, app_url=None if one.shortcode_id else url)
        return sum([await self._after_move(one, waiting, now_us, is_elsewhere=is_elsewhere) for one in moving])

    async def _led_by(self, endpoint: Endpoint) -> list[Endpoint]:
        """The endpoints that have no URL of their own and lead where this one does: those of its app's shortcodes."""
        known = [] if endpoint.shortcode_id else await self._journal.endpoints.endpoints()
        return [one for one in known if one.app_id == endpoint.app_id and one.shortcode_id and not one.url]

    async def _after_move(self, before: Endpoint, waiting: Waiting, now_us: int, *, is_elsewhere: bool) -> int:
        """What becomes of what waits, as was chosen; how many are held."""
        held = await self._hold(before, now_us) if waiting is Waiting.HOLD else 0
        if waiting is Waiting.SEND:
            await self._gather(before)
        # None can be for the URL before from here on.
        if (await self._as_it_is(before)).state is EndpointState.DISABLED:
            await self.resume(before, is_elsewhere=is_elsewhere)
        else:
            await self._begin_anew(before, is_elsewhere=is_elsewhere)
        return held

    async def _gather(self, endpoint: Endpoint) -> None:
        """What waits for it in the app's lane, which may be called no more, or in that of an old URL, obeys it now."""
        for lane in await self._lanes_of(endpoint):
            if lane != endpoint.lane:
                await self._journal.endpoints.gather(lane, endpoint.lane, endpoint.shortcode_id)

    async def _lanes_of(self, endpoint: Endpoint) -> list[str]:
        """Every lane in which something waits for it: its own, and those of the URLs before, however many there were.

        A shortcode's may wait in its app's lanes too, from before it had an endpoint of its own.
        """
        owners = {(endpoint.app_id, ""), (endpoint.app_id, endpoint.shortcode_id)}
        lanes, cursor = [endpoint.app_id], endpoint.app_id
        while page := await self._journal.lanes_waiting(self._source.now_us(), cursor):
            of_the_app = [lane for lane, _ in page if lane.startswith(endpoint.app_id)]
            lanes += [lane for lane in of_the_app if owner_of(lane) in owners]
            if len(of_the_app) < len(page):
                break
            cursor = page[-1][0]
        return lanes

    async def _as_it_is(self, endpoint: Endpoint) -> Endpoint:
        known = [each for each in await self._journal.endpoints.endpoints() if each.lane == endpoint.lane]
        return known[0] if known else endpoint

    async def _callback_url(self, app: App) -> str:
        known = [each.callback_url for each in await self._journal.apps() if each.id == app.id]
        return (known[0] if known else app.callback_url) or ""

    async def _hold(self, endpoint: Endpoint, now_us: int) -> int:
        """Keep what waits, a page at a time; what is in a courier's hands is kept when its turn comes."""
        held = 0
        for lane in await self._lanes_of(endpoint):
            while page := await self._journal.endpoints.hold_page(lane, endpoint.shortcode_id, now_us, now_us):
                held += page
        return held

    async def _begin_anew(self, endpoint: Endpoint, *, is_elsewhere: bool = False) -> None:
        """What it did before no longer counts, and nobody waits for the end of a long step of the schedule."""
        await self._journal.endpoints.forget_failures(endpoint.lane)
        await self._journal.bring_forward(endpoint.lane, self._source.now_us(), is_elsewhere=is_elsewhere)

    async def pause(self, endpoint: Endpoint, reason: str = "") -> bool:
        """Nothing is sent until `resume`; everything is stored and waits. False: it was paused already."""
        event = self._event(endpoint, "endpoint.paused", reason)
        return await self._journal.endpoints.set_state(endpoint, EndpointState.PAUSED, reason, event)

    async def resume(self, endpoint: Endpoint, *, is_elsewhere: bool = False) -> bool:
        """Called again, after a pause or after it was disabled; what waited is sent. False: it was active already.

        What waits for a later step is made due first: whoever was not answered and asks again finds it active.
        """
        if (await self._as_it_is(endpoint)).state is EndpointState.ACTIVE:
            return False
        event = self._event(endpoint, "endpoint.resumed", "")
        if endpoint.shortcode_id:  # what waits from before it had an endpoint of its own does so in the app's lane
            await self._gather(endpoint)
        await self._begin_anew(endpoint, is_elsewhere=is_elsewhere)
        return await self._journal.endpoints.set_state(endpoint, EndpointState.ACTIVE, "", event)

    # ── keys ──

    async def rotate(self, app: App, endpoint: Endpoint, overlap_s: float = OVERLAP_S) -> str:
        """A new HMAC secret, shown once. The one before signs beside it until the overlap is over."""
        secret = SECRET_PREFIX + base64.b64encode(self._source.random_bytes(KEY_BYTES)).decode()
        await self._add_key(app, endpoint, secret, "v1", overlap_s, await self._shared_secrets(app, endpoint))
        return secret

    async def rotate_pair(self, app: App, endpoint: Endpoint, overlap_s: float = OVERLAP_S) -> str:
        """A new Ed25519 pair that signs beside the secret; the public half."""
        secret = PRIVATE_PREFIX + base64.b64encode(self._source.random_bytes(ED25519_SEED_BYTES)).decode()
        await self._add_key(app, endpoint, secret, "v1a", overlap_s, ())
        return public_text(private_key(secret))

    async def _shared_secrets(self, app: App, endpoint: Endpoint) -> list[tuple[str, int | None]]:
        """What signs where the endpoint has no secret of its own: its app's, the newest first, each with its end."""
        keys = [key for key in await self._journal.endpoints.signing_keys() if key.version == "v1"]
        if any(key.endpoint_id == endpoint.id for key in keys):
            return []
        of_the_app = (await self.endpoint(app)).id
        shared = [key for key in keys if key.endpoint_id == of_the_app]
        if not shared:
            return [(unseal(self._master, app.data_key, app.id, "apps.webhook_secret", app.webhook_secret), None)]
        return [
            (unseal(self._master, app.data_key, app.id, f"signing_keys.{key.id}", key.sealed), key.until_us)
            for key in shared
            if key.until_us is None or key.until_us > self._source.now_us()
        ]

    async def _add_key(
        self,
        app: App,
        endpoint: Endpoint,
        secret: str,
        version: str,
        overlap_s: float,
        shared: Sequence[tuple[str, int | None]],
    ) -> None:
        now_us = self._source.now_us()
        until_us = overlap_ends_us(now_us, overlap_s)
        if until_us > now_us:
            await self._require_few_keys(endpoint, version, now_us)
        keys = [self._sealed(app, endpoint, secret, version, now_us, None)]
        for age_us, (old, ends_us) in enumerate(shared, start=1):  # what ends sooner by an earlier change still does
            ended_us = until_us if ends_us is None else min(ends_us, until_us)
            keys.append(self._sealed(app, endpoint, old, version, now_us - age_us, ended_us))
        event = self._event(
            endpoint, "endpoint.rotated", f"{version}; the key before signs for {overlap_s:.0f} s more."
        )
        await self._journal.endpoints.rotate(endpoint, keys, version, until_us, event)

    async def _require_few_keys(self, endpoint: Endpoint, version: str, now_us: int) -> None:
        """Merchants' servers refuse a header of some kilobytes, and nothing would arrive any more."""
        signing = [
            key
            for key in await self._journal.endpoints.signing_keys()
            if (key.endpoint_id, key.version) == (endpoint.id, version) and key.until_us and key.until_us > now_us
        ]
        if len(signing) >= OLD_KEYS_LIMIT:
            message = (
                f"{len(signing)} old keys sign beside the one in force, which is the limit. Without an overlap all of "
                "them end; else wait until one has."
            )
            raise InvalidFieldsError(faults=(FieldFault("/OverlapSeconds", message),))

    def _sealed(
        self, app: App, endpoint: Endpoint, secret: str, version: str, created_us: int, until_us: int | None
    ) -> SigningKey:
        key_id = self._source.new_id("key")
        nonce = self._source.random_bytes(NONCE_LENGTH_BYTES)
        sealed = seal(self._master, app.data_key, app.id, f"signing_keys.{key_id}", secret, nonce=nonce)
        return SigningKey(key_id, endpoint.id, app.id, version, sealed, created_us, until_us)

    # ── notifications ──

    def settled_id(self) -> str:
        """Sorts after every notification that no reader can have missed, and before what a commit under way holds."""
        return first_id("ntf", self._source.settled_us(SETTLE_US + self._journal.writing_for_us()))

    async def end_id(self) -> str:
        """Sorts after every notification that there is, and before what comes when this gateway has started anew.

        IDs go on after the newest then, and the clock may be behind: whose cursor is ahead of this would miss them.
        """
        newest_id = await self._journal.newest_notification_id()
        return first_id("ntf", made_at_us(newest_id) + MILLISECOND_US) if newest_id else OLDEST

    async def after(self, scope: Scope, after_id: str, limit: int = PAGE_ROWS) -> list[Notification]:
        """An app's notifications after a cursor, oldest first, delivered or not; those of the last seconds follow."""
        until_id = self.settled_id()
        return await self._journal.endpoints.notifications_after(scope, after_id, until_id, limit)

    async def after_with_young(self, scope: Scope, after_id: str, limit: int) -> list[Notification]:
        """As `after`, with those of the last seconds: one that is committed late may yet come between them."""
        return await self._journal.endpoints.notifications_after(scope, after_id, LAST_ID, limit)

    async def acknowledge_up_to(self, scope: Scope, consumer: str, cursor: str) -> None:
        """A consumer has all of it up to ``cursor``; what is too young to be sure of stays ahead of it."""
        known = {one.name for one in await self.consumers(scope)}
        if consumer not in known and len(known) >= CONSUMERS_LIMIT:
            message = f"This app has {len(known)} consumers, which is the limit: use one of their names, or forget one."
            raise InvalidFieldsError(faults=(FieldFault("/Consumer", message),))
        sure = min(cursor, self.settled_id())
        await self._journal.endpoints.move_cursor(scope, consumer, sure, self._source.now_us())

    async def consumers(self, scope: Scope) -> list[Consumer]:
        """Those who read the app's notifications by a cursor that is kept here."""
        return await self._journal.endpoints.consumers(scope.app_id, scope.environment)

    async def forget_consumer(self, scope: Scope, consumer: str) -> None:
        """Its name is free; who reads under it again begins at the beginning."""
        if consumer not in {one.name for one in await self.consumers(scope)}:
            raise NotFoundError(f"No consumer {consumer} has acknowledged a cursor here.")
        await self._journal.endpoints.forget_consumer(scope, consumer)

    async def own(self, scope: Scope, notification_id: str) -> Notification:
        """One of the app's notifications in this environment."""
        found = await self._journal.notification(notification_id)
        theirs = found is not None and (found.scope.app_id, found.scope.environment) == (
            scope.app_id,
            scope.environment,
        )
        if found is None or not theirs:
            raise NotFoundError("This app was never owed a notification of that ID here.")
        return found

    async def acknowledge(self, notification: Notification) -> bool:
        """The merchant has it: nothing is tried any more. False: that was so already."""
        return await self._journal.endpoints.acknowledge(notification.id, self._source.now_us())

    async def replay(self, notification: Notification) -> bool:
        """Owed again, with the whole schedule before it. False: it is on its way right now."""
        return await self._replay([notification]) == 1

    async def replay_window(self, scope: Scope, window: Window, *, dry_run: bool) -> tuple[int, str | None]:
        """Replay all of a window, or only count them. The second is ``after`` of the next call, where one is needed."""
        cursor, until_id = max(first_id("ntf", window.from_us), window.after), first_id("ntf", window.until_us)
        count = looked = 0
        while looked < REPLAY_LIMIT:
            page = await self._journal.endpoints.notifications_after(scope, cursor, until_id)
            found = [one for one in page if window.holds(one)]
            count += len(found) if dry_run else await self._replay(found)
            if len(page) < PAGE_ROWS:
                return count, None
            cursor, looked = page[-1].id, looked + len(page)
        return count, cursor

    async def _replay(self, found: Sequence[Notification]) -> int:
        """By their endpoints: what still waits for a URL before the move goes to the one of today."""
        moved = {(one.app_id, one.shortcode_id): one.moved_us for one in await self._journal.endpoints.endpoints()}
        ids: defaultdict[int, list[str]] = defaultdict(list)
        for one in found:
            app_id, shortcode_id = one.scope.app_id, one.scope.shortcode_id
            ids[moved.get((app_id, shortcode_id), moved.get((app_id, ""), 0))].append(one.id)
        now_us = self._source.now_us()
        return sum([await self._journal.endpoints.replay(some, now_us, moved_us) for moved_us, some in ids.items()])
