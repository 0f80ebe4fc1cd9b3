"""Those who use the gateway: clients that ask, shops that are told, and an operator who changes things meanwhile."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Self
from urllib.parse import urlsplit

from evidence import OUTCOMES, TWIN, Asked, Journal, Told
from virtual.house import HEARD_URL, PAYBILL, VALIDATION_URL, House
from virtual.mpesa import MPesa
from virtual.network import GATEWAY, Answer, Network, Request
from virtual.weather import Plan

PATIENCE_S = 45.0  # a client's time-out: longer than the gateway's own towards M-Pesa
TRIES_LIMIT = 6
PHONES = tuple(f"2547000001{number:02d}" for number in range(4))
NEVER_US = 1 << 60
HEED_US = 3_000_000  # until every gateway acts by what was changed at one; and requests are on their way
PATHS = {
    "push": "/lnm/customerpaybill",
    "payout": "/b2c/businesspayment",
    "transfer": "/b2b/businesspaybill",
    "reversal": "/reversal/transactionreversal",
}
ONE_PRICE, FEW_PHONES = 250, 2
VERDICT_S = 5.0  # the gateway waits so long for a shop's word on a payment
SLOW_S = 30.0  # a shop that takes its time; the gateway waits for half of it


# ── shops ──


@dataclass
class Key:
    """A secret that signs for a shop: since when that is known here, and when it ends, at the earliest and for sure."""

    key: bytes
    told_us: int = 0
    may_end_us: int = NEVER_US
    ends_us: int = NEVER_US

    @classmethod
    def of(cls, secret: str, told_us: int) -> Self:
        """As the gateway writes it."""
        return cls(base64.b64decode(secret.removeprefix("whsec_")), told_us)


@dataclass
class Shop:
    """A merchant. ``mood`` is how it answers; ``refusal``, where there is one, comes before it, to the end.

    ``gone`` are the URLs that it has left for good.
    """

    number: int
    keys: list[Key]
    mood: str = "well"
    refusal: str = ""
    was_deaf: bool = False  # through the whole schedule; 410 ends it at once
    gone: set[str] = field(default_factory=set)

    def is_signed(self, request: Request, now_us: int) -> bool:
        """By every secret that signs now for sure, and by none that has ended."""
        must = [key for key in self.keys if key.told_us + HEED_US < now_us < key.may_end_us - HEED_US]
        must_not = [key for key in self.keys if key.ends_us + HEED_US < now_us]
        signed = [key for key in (*must, *must_not) if _is_signed(key.key, request)]
        return signed == must


class Shops:
    """All merchants, behind ``shop-N.test``; every arrival is kept, in order."""

    MOODS = ("500", "slow", "silent", "redirect", *("half-broken",) * 3)

    def __init__(self, network: Network, chance: Random, house: House, plan: Plan) -> None:
        self.told: list[Told] = []
        self.verdicts: list[tuple[str, bool | None]] = []
        self._receipts: dict[str, str] = {}
        self.shops = [Shop(number, [Key.of(app.webhook_secret, 0)]) for number, app in enumerate(house.apps)]
        self._network = network
        self._chance = chance
        self._weather = plan.weather
        if plan.refusal:
            self.shops[-1].refusal = plan.refusal
            self.shops[-1].was_deaf = plan.refusal == "500"
        for shop in self.shops:
            network.servers[f"shop-{shop.number}.test"] = self.serve

    async def serve(self, request: Request) -> Answer | None:
        """A notification arrives."""
        host = urlsplit(request.url).netloc
        shop = self.shops[int(host.removeprefix("shop-").removesuffix(".test"))]
        mood = shop.refusal or ("410" if request.url in shop.gone else shop.mood)
        if request.url == VALIDATION_URL:
            return await self._validate(request, mood)
        if request.header("webhook-id").startswith("test_"):
            return (200, b"ok") if shop.is_signed(request, self._network.loop.now_us()) else (401, b"who are you?")
        told = self._heard(request) if request.url == HEARD_URL else self._told(shop, request)
        if mood == "half-broken":  # what it does about an outcome fails; of what follows it only takes note
            mood = "500" if told.type in OUTCOMES else "well"
        self._take(shop, replace(told, is_taken=mood in {"well", "slow"}))
        match mood:
            case "500":
                return 500, b"oops"
            case "410":
                return 410, b"gone"
            case "silent":
                return None
            case "slow":
                await asyncio.sleep(self._chance.random() * SLOW_S)
            case "redirect":
                return 302, b""
        return 200, b"ok"

    async def _validate(self, request: Request, mood: str) -> Answer | None:
        """May this customer pay? Whoever is unwell says nothing that counts, or says it too late."""
        verdict = None if mood in {"500", "410", "redirect"} else self._chance.random() < 0.7
        self.verdicts.append((request.body.decode(), verdict))
        if mood == "silent":
            return None
        if mood == "slow":
            await asyncio.sleep(self._chance.random() * 2 * VERDICT_S)
        code = "0" if verdict else "C2B00011"
        return (500, b"oops") if verdict is None else (200, json.dumps({"ResultCode": code}).encode())

    def _told(self, shop: Shop, request: Request) -> Told:
        body = json.loads(request.body)
        return Told(
            notification_id=request.header("webhook-id"),
            payment_id=body["data"]["PaymentID"],
            type=body["type"],
            body=hashlib.sha256(request.body).hexdigest(),
            is_signed=shop.is_signed(request, self._network.loop.now_us()),
            at_us=self._network.loop.now_us(),
        )

    def _heard(self, request: Request) -> Told:
        """Of any app: each signs with its own secret, and M-Pesa's words do not say whose it is."""
        told = Told(
            notification_id=request.header("webhook-id"),
            payment_id="",
            type="a confirmation",
            body=hashlib.sha256(request.body).hexdigest(),
            is_signed=any(shop.is_signed(request, self._network.loop.now_us()) for shop in self.shops),
            at_us=self._network.loop.now_us(),
        )
        self._receipts[told.notification_id] = json.loads(request.body)["TransID"]
        return told

    def _take(self, shop: Shop, told: Told) -> None:
        self.told.append(told)
        words = "takes" if told.is_taken else "does not take"
        self._network.tell(f"shop-{shop.number} {words} {told.type} ({told.notification_id[-6:]})")

    def heard(self, journal: Journal) -> Iterator[Told]:
        """All arrivals, each of a confirmation as that of the payment which bears its receipt."""
        by_receipt = {payment.receipt: payment for payment in journal.payments if payment.receipt}
        for told in self.told:
            payment = by_receipt.get(self._receipts.get(told.notification_id, ""))
            if payment is None:
                yield told
            else:
                kind = "collection.succeeded" if payment.kind == "collection" else TWIN
                yield replace(told, payment_id=payment.id, type=kind)

    async def moods(self, until_s: float) -> None:
        """Shops fall ill and recover, until the storm is over."""
        loop = self._network.loop
        while loop.now_s < until_s:
            await asyncio.sleep(5 + self._chance.random() * 40)
            shop = self._chance.choice(self.shops)
            is_unwell = self._network.happens(3 * self._weather.merchant_unwell)
            shop.mood = self._chance.choice(self.MOODS) if is_unwell else "well"
            self._network.tell(f"shop-{shop.number} is {shop.mood}")
        for shop in self.shops:
            shop.mood = "well"


def _is_signed(key: bytes, request: Request) -> bool:
    """Standard Webhooks 1.0.0, written anew: a test must not trust the code it checks."""
    signed = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}.".encode() + request.body
    right = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return right in request.header("webhook-signature").split(" ")


# ── clients ──


@dataclass(frozen=True, slots=True)
class Want:
    """One thing that a client asks for: where, as which app, with what."""

    path: str
    app: int
    request_id: str
    body: dict[str, str | int]


class Clients:
    """Programs that ask for payments, again and again until they are answered."""

    def __init__(self, network: Network, chance: Random, house: House, plan: Plan, mpesa: MPesa) -> None:
        self.asked: list[Asked] = []
        self.waiting: dict[str, Want] = {}
        """Requests without a clear answer so far."""
        self._network = network
        self._chance = chance
        self._plan = plan
        self._mpesa = mpesa
        self._is_heard_of = plan.is_registered or plan.is_listed  # what customers pay unasked
        pairs = [f"{app.app.consumer_key}:{app.consumer_secret}" for app in house.apps]
        self._keys = [base64.b64encode(pair.encode()).decode() for pair in pairs]

    def start(self) -> None:
        """Everything that will be asked for, each at its time."""
        chance = self._chance
        for number in range(self._plan.payments):
            at_s = chance.random() * self._plan.storm_s * 0.6
            kind = chance.choices(("push", "payout", "own"), (6, 2, 1 if self._is_heard_of else 0))[0]
            if kind == "own":
                self._network.loop.spawn(self._pay_unasked(at_s, number))
            else:
                self._network.loop.spawn(self._want(at_s, number, kind))

    async def _pay_unasked(self, at_s: float, number: int) -> None:
        await asyncio.sleep(at_s)
        self._mpesa.pay_in(self._chance.randint(1, 500), self._chance.choice(PHONES), f"OWN-{number}")

    async def _want(self, at_s: float, number: int, kind: str) -> None:
        """One request: asked until it is answered; sometimes by two programs at once, or again with other content."""
        await asyncio.sleep(at_s)
        chance = self._chance
        request_id = f"R{number}"
        app = chance.randrange(len(self._keys))
        amount, phone = chance.randint(1, 1_000), chance.choice(PHONES)
        if self._plan.is_uniform and kind == "push":
            amount, phone = ONE_PRICE, PHONES[amount % FEW_PHONES]
        if kind == "payout" and self._plan.is_varied:
            kind = chance.choice(tuple(PATHS)[1:])
        path, body = PATHS[kind], self._body(kind, request_id, amount, phone)
        want = self.waiting[request_id] = Want(path, app, request_id, body)
        for _ in range(chance.choice((0, 0, 0, 1, 2))):  # twins
            self._network.loop.spawn(self._insist(want, chance.random()))
        await self._insist(want, 0)
        if chance.random() < 0.15:
            await self.ask(path, app, request_id, body | {"Amount": int(body["Amount"]) + 1})
        elif chance.random() < 0.15:
            await asyncio.sleep(chance.random() * 100)
            await self.ask(path, app, request_id, body)

    def _body(self, kind: str, request_id: str, amount: int, msisdn: str) -> dict[str, str | int]:
        body: dict[str, str | int] = {"RequestID": request_id, "Amount": amount}
        if kind == "payout":
            return body | {"ReceiverMSISDN": msisdn, "SenderShortcode": PAYBILL}
        if kind == "transfer":
            return body | {"ReceiverShortcode": "600200", "SenderShortcode": PAYBILL}
        if kind == "reversal":  # M-Pesa takes no ID with it, so what it is for tells our books
            return body | {"TransactionID": f"UZ{amount:08d}", "Shortcode": PAYBILL, "Remarks": request_id}
        # M-Pesa shows the description to nobody we ask; so it tells our books whose prompt a prompt is.
        reference = "SHOP" if self._plan.is_uniform else f"INV-{request_id}"
        return body | {"SenderMSISDN": msisdn, "AccountReference": reference, "Description": request_id}

    async def resume(self, shop: int) -> None:
        """The owner of a shop says at the gateway's API that it is to be called again."""
        headers = (("authorization", f"Basic {self._keys[shop]}"), ("content-type", "application/json"))
        request = Request("POST", f"{GATEWAY}/sandbox/mpesa/v1/endpoints/resume", headers, b"{}")
        answer = await self._network.call(request, PATIENCE_S)
        self._network.tell(f"shop-{shop} is well and resumes: {answer[0] if answer else None}")

    async def ask_again(self) -> None:
        """Who went away without a clear answer comes back once more, when all is well."""
        for want in list(self.waiting.values()):
            await self._insist(want, 0)

    async def _insist(self, want: Want, after_s: float) -> None:
        await asyncio.sleep(after_s)
        for attempt in range(TRIES_LIMIT):
            if await self.ask(want.path, want.app, want.request_id, want.body):
                self.waiting.pop(want.request_id, None)
                return
            await asyncio.sleep(2**attempt * (0.5 + self._chance.random()))

    async def ask(self, path: str, app: int, request_id: str, body: dict[str, str | int]) -> bool:
        """Once, as the owner of a shop; what was answered is noted. True where it was a clear answer."""
        raw = json.dumps(body).encode()
        headers = (("authorization", f"Basic {self._keys[app]}"), ("content-type", "application/json"))
        request = Request("POST", f"{GATEWAY}/sandbox/mpesa/v1{path}", headers, raw)
        answer = await self._network.call(request, PATIENCE_S)
        status, told = answer or (None, b"{}")
        said = json.loads(told)
        payment_id = said.get("PaymentID")
        self._network.tell(f"client of {request_id}: {status} {said.get('State') or ''}")
        words = json.dumps(said, sort_keys=True) if payment_id is not None else ""
        self.asked.append(Asked(request_id, raw.decode(), int(body["Amount"]) * 100, status, payment_id, words))
        return status is not None and status not in {500, 503} and said.get("code") != "request_in_flight"
