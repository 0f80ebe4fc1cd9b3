"""Those who look after what is owed to a shop: its owner, who pauses, moves and replays, and who comes by cursor.

Whatever they ask for they ask again until it is done, so that it is known from when to when it may have been done.
"""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from evidence import Deed, Done, Reader
from virtual.house import House, shop_url
from virtual.network import GATEWAY, Network, Request
from virtual.people import PATIENCE_S, Key, Shop
from virtual.weather import Plan

BASE = f"{GATEWAY}/sandbox/mpesa/v1"
DEEDS_MOST = 5
TRIES_LIMIT = 400  # each a few seconds after the one before: beyond any storm
OVERLAPS_S = (0, 86_400)
COPY_S = 3.0  # a request that arrives twice does so within this
LOOKS_LIMIT = 60
SURE_S = 30.0  # older than that is no longer held back from a cursor; a clock that was put right takes longer


class Api:
    """The gateway's API, as one app uses it."""

    def __init__(self, network: Network, house: House, app: int) -> None:
        self.network = network
        self.app_id = house.apps[app].app.id
        pair = f"{house.apps[app].app.consumer_key}:{house.apps[app].consumer_secret}"
        key = base64.b64encode(pair.encode()).decode()
        self._headers = (("authorization", f"Basic {key}"), ("content-type", "application/json"))

    async def get(self, path: str) -> dict[str, Any] | None:
        """What is there; None where no answer came, or none that says it."""
        return await self._ask("GET", path, b"")

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """What came of it; None where it is not known to be done."""
        return await self._ask("POST", path, json.dumps(body).encode())

    async def _ask(self, method: str, path: str, body: bytes) -> dict[str, Any] | None:
        answer = await self.network.call(Request(method, f"{BASE}{path}", self._headers, body), PATIENCE_S)
        if answer is None or answer[0] != 200:
            return None
        said: dict[str, Any] = json.loads(answer[1])
        return said


class Owner:
    """Of one shop. Before all is over the endpoint is active again, and what was held is owed again."""

    def __init__(self, api: Api, chance: Random, shop: Shop, plan: Plan) -> None:
        self.done: list[Done] = []
        self._api = api
        self._chance = chance
        self._shop = shop
        self._storm_s = plan.storm_s
        # Where a request may arrive twice, the second new secret would be told to nobody.
        self._more = () if plan.weather.doubled else ("rotate",)
        self._version = 1
        self._url = shop_url(shop.number)
        self._is_paused = False
        self._has_held = False

    async def live(self) -> None:
        """A few deeds at times of their own, the last of them perhaps when the storm is over."""
        chance = self._chance
        times_s = sorted(chance.random() * self._storm_s * 1.1 for _ in range(chance.randint(1, DEEDS_MOST)))
        for at_s in times_s:
            await asyncio.sleep(max(0.0, at_s - self._api.network.loop.now_s))
            await self._act()
        if self._is_paused:
            await asyncio.sleep(chance.random() * 100)
            await self.resume()

    async def _act(self) -> None:
        deeds = ("pause", "move", "move", "acknowledge", "replay", "replay", *self._more)
        match "resume" if self._is_paused and self._chance.random() < 0.5 else self._chance.choice(deeds):
            case "pause":
                self._is_paused = True
                await self._do(Deed.PAUSE, "/endpoints/pause", {})
            case "resume":
                await self.resume()
            case "move":
                await self._move()
            case "rotate":
                await self._rotate(self._chance.choice(OVERLAPS_S))
            case "acknowledge":
                if one := await self._one():
                    await self._do(Deed.ACKNOWLEDGE, f"/notifications/{one}/acknowledge", {}, one)
            case _:
                one = await self._one()
                if one and self._chance.random() < 0.5:
                    await self._do(Deed.REPLAY, f"/notifications/{one}/replay", {}, one)
                else:
                    await self._replay([])

    async def resume(self) -> None:
        """It is called again."""
        self._is_paused = False
        await self._do(Deed.RESUME, "/endpoints/resume", {})

    async def end(self) -> None:
        """When nothing is due any more: what a move has held, or may have, is owed again."""
        if self._has_held:
            await self._replay(["kept"])

    async def _one(self) -> str:
        """One of the newest notifications, most likely one that waits."""
        found = await self._api.get("/notifications?after=start&seen=0&limit=100")
        notes = found["Notifications"] if found else []
        waiting = [note for note in notes if note["State"] == "waiting"]
        chosen = waiting if waiting and self._chance.random() < 0.8 else notes
        return str(self._chance.choice(chosen)["NotificationID"]) if chosen else ""

    async def _replay(self, states: list[str]) -> None:
        body = {"From": "2025-12-31T00:00:00Z", "To": "2027-01-01T00:00:00Z", "States": states, "DryRun": False}
        await self._do(Deed.REPLAY, "/notifications/replay", body)

    async def _move(self) -> None:
        """To a new place, and now and then back to the one before. What is left for good is gone."""
        chance, before = self._chance, self._url
        waiting = chance.choice(("send", "hold", "finish_old"))
        self._version = max(1, self._version + (-1 if chance.random() < 0.2 else 1))
        self._url = shop_url(self._shop.number, self._version)
        self._shop.gone.discard(self._url)
        self._has_held |= waiting == "hold"
        body = {"CallbackUrl": self._url, "Waiting": waiting, "Force": True}
        await self._do(Deed.MOVE, "/endpoints/callbackurl", body, self._url, before=before, waiting=waiting)
        if waiting != "finish_old" and before != self._url and chance.random() < 0.5:
            self._shop.gone.add(before)

    async def _rotate(self, overlap_s: int) -> None:
        """The new secret is known here once it is told; where it never is, it is asked for once more."""
        loop, keys = self._api.network.loop, self._shop.keys
        for key in keys:
            key.may_end_us = min(key.may_end_us, loop.now_us() + overlap_s * 1_000_000)
        body = {"Version": "v1", "OverlapSeconds": overlap_s}
        said = await self._until_done("/endpoints/rotate", body, f"rotates its secret, overlap {overlap_s} s")
        for key in keys:
            key.ends_us = min(key.ends_us, loop.now_us() + overlap_s * 1_000_000)
        if said is not None:
            self._shop.keys.append(Key.of(said["WebhookSecret"], loop.now_us()))

    async def _do(
        self,
        deed: Deed,
        path: str,
        body: dict[str, Any],
        subject: str = "",
        *,
        before: str = "",
        waiting: str = "",
    ) -> None:
        place, asked_us = len(self.done), self._api.network.loop.now_us()
        self.done.append(Done(self._api.app_id, deed, asked_us, None, subject, before, waiting))
        if await self._until_done(path, body, f"{deed} {subject[-12:]} {waiting}".strip()) is not None:
            done_us = self._api.network.loop.now_us()
            self.done[place] = Done(self._api.app_id, deed, asked_us, done_us, subject, before, waiting)

    async def _until_done(self, path: str, body: dict[str, Any], words: str) -> dict[str, Any] | None:
        tell = self._api.network.tell
        tell(f"owner of shop-{self._shop.number}: {words}")
        for _ in range(TRIES_LIMIT):
            said = await self._api.post(path, body)
            if said is not None:
                await asyncio.sleep(COPY_S)
                tell(f"owner of shop-{self._shop.number}: {words}: done")
                return said
            await asyncio.sleep(1 + self._chance.random() * 5)
        return None


@dataclass
class Visitor:
    """A program that comes for an app's notifications, and says how far it has come where ``is_named``."""

    api: Api
    chance: Random
    name: str
    is_named: bool
    read: dict[str, None] = field(default_factory=dict)  # in the order in which they came
    again: list[str] = field(default_factory=list)
    cursor: str = "start"
    sure: str = ""  # a cursor that the gateway has given or taken: what lies before it never comes again

    async def live(self, storm_s: float) -> None:
        """Now and then until the storm is over."""
        while self.api.network.loop.now_s < storm_s:
            await asyncio.sleep(2 + self.chance.random() * 20)
            await self._come()

    async def end(self, owed: int) -> None:
        """When all is over: until it has read as many as there are, or comes in vain for minutes."""
        for _ in range(LOOKS_LIMIT):
            await asyncio.sleep(SURE_S / 3)
            while await self._come():
                pass
            if len(self.read) >= owed:
                return

    async def _come(self) -> bool:
        """A page, and word of how far. True where it brought something new."""
        place = f"consumer={self.name}" if self.is_named else f"after={self.cursor}"
        page = await self.api.get(f"/notifications?{place}&limit={self.chance.randint(1, 5)}")
        if page is None:
            return False
        ids = [str(note["NotificationID"]) for note in page["Notifications"]]
        self.again += [one for one in ids if one in self.read and one <= self.sure]
        fresh = [one for one in ids if one not in self.read]
        self.read |= dict.fromkeys(ids)
        self.cursor = page["After"] or self.cursor
        if not self.is_named:
            self.sure = max(self.sure, page["After"])
        elif page["After"] not in {"", "0"}:
            said = await self.api.post("/notifications/acknowledge", {"Consumer": self.name, "Cursor": page["After"]})
            self.sure = max(self.sure, said["Cursor"]) if said else self.sure
        return bool(fresh)

    @property
    def evidence(self) -> Reader:
        """What the judge is told of it."""
        return Reader(self.api.app_id, self.name, tuple(self.read), tuple(self.again))
