"""The bare path: a gateway that does what must be done for one payment and nothing more. The bar, not a product.

Four steps, each durable before the next: the request is stored and answered, M-Pesa is asked, its callback is stored
before it is acknowledged, and the merchant gets a signed notification whose outcome is stored. No vault, no limits, no
second environment, no page; a real gateway is measured against it.

``/hello`` answers without doing anything: what the server itself costs.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import msgspec

from bare_postgres import PostgresStore
from bare_sqlite import SqliteStore
from bare_store import Delivered, Event, Opened, Sent, Settled, Store
from lean_http import JSON, Client

KEY = b"bare_0123456789abcdef0123456789abcdef"
SECRET = b"whsec_0123456789abcdef0123456789ab"
APPS = {hashlib.sha256(KEY).digest(): "app_1"}
PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
SHORTCODE = "174379"

Message = MutableMapping[str, Any]


class Pay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    RequestID: str
    Amount: int
    SenderMSISDN: str
    AccountReference: str


class Item(msgspec.Struct):
    Name: str
    Value: str | int | float | None = None


class Items(msgspec.Struct):
    Item: list[Item]


class StkCallback(msgspec.Struct):
    CheckoutRequestID: str
    ResultCode: int
    ResultDesc: str
    CallbackMetadata: Items | None = None


class Body(msgspec.Struct):
    stk_callback: StkCallback = msgspec.field(name="stkCallback")


class Callback(msgspec.Struct):
    Body: Body


class Accepted(msgspec.Struct):
    CheckoutRequestID: str


decode_pay = msgspec.json.Decoder(Pay).decode
decode_callback = msgspec.json.Decoder(Callback).decode
decode_accepted = msgspec.json.Decoder(Accepted).decode
encode = msgspec.json.Encoder().encode


def new_id(prefix: str) -> str:
    return f"{prefix}{time.time_ns() // 1_000_000:012x}{os.urandom(8).hex()}"


def now_us() -> int:
    return time.time_ns() // 1000


class Gateway:
    """The four steps."""

    def __init__(self, store: Store, own_port: int, peer_port: int) -> None:
        self.store = store
        self.own_url = f"http://127.0.0.1:{own_port}"
        self.peers = Client(peer_port)
        self.tasks: set[asyncio.Task[None]] = set()

    def spawn(self, step: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(step)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def accept(self, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[int, bytes]:
        app = APPS.get(hashlib.sha256(dict(headers).get(b"authorization", b"")[7:]).digest())
        if app is None:
            return 401, b'{"error":"unauthorized"}'
        try:
            pay = decode_pay(body)
        except msgspec.MsgspecError:
            return 422, b'{"error":"invalid"}'
        payment = new_id("pay_")
        row = Opened(payment, app, pay.RequestID, pay.AccountReference, pay.Amount, pay.SenderMSISDN, now_us())
        await self.store.put(row, Event(new_id("evt_"), payment, "opened", now_us(), body.decode()))
        self.spawn(self.push(payment, pay))
        return 202, encode({"RequestID": pay.RequestID, "ResponseCode": "0", "ResponseDesc": "Accepted"})

    async def push(self, payment: str, pay: Pay) -> None:
        timestamp = time.strftime("%Y%m%d%H%M%S")
        body = encode(
            {
                "BusinessShortCode": SHORTCODE,
                "Password": base64.b64encode(f"{SHORTCODE}{PASSKEY}{timestamp}".encode()).decode(),
                "Timestamp": timestamp,
                "TransactionType": "CustomerPayBillOnline",
                "Amount": pay.Amount,
                "PartyA": pay.SenderMSISDN,
                "PartyB": SHORTCODE,
                "PhoneNumber": pay.SenderMSISDN,
                "CallBackURL": f"{self.own_url}/callback/{payment}",
                "AccountReference": pay.AccountReference[:12],
                "TransactionDesc": "Payment",
            }
        )
        headers = JSON + b"Authorization: Bearer 0123456789abcdefghijklmnopqr\r\n"
        _, answer = await self.peers.post(b"/mpesa/stkpush/v1/processrequest", headers, body)
        await self.store.put(Sent(decode_accepted(answer).CheckoutRequestID, now_us(), payment), None)

    async def settle(self, payment: str, body: bytes) -> tuple[int, bytes]:
        result = decode_callback(body).Body.stk_callback
        items = result.CallbackMetadata.Item if result.CallbackMetadata else ()
        receipt = next((str(item.Value) for item in items if item.Name == "MpesaReceiptNumber"), None)
        state = "paid" if result.ResultCode == 0 else "failed"
        delivery = new_id("dlv_")
        event = Event(new_id("evt_"), payment, "callback", now_us(), body.decode())
        found = await self.store.put(Settled(delivery, state, receipt, now_us(), payment), event)
        if found is not None:
            self.spawn(self.notify(delivery, state, receipt, *found))
        return 200, b'{"ResultCode":0,"ResultDesc":"Accepted"}'

    async def notify(self, delivery: str, state: str, receipt: str | None, request_id: str, amount: int) -> None:
        now_s = int(time.time())
        body = encode(
            {
                "type": "payment." + state,
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s)),
                "data": {"RequestID": request_id, "Amount": amount, "ReceiptNumber": receipt},
            }
        )
        signed = hmac.digest(SECRET, b"%b.%d.%b" % (delivery.encode(), now_s, body), "sha256")
        headers = b"%bwebhook-id: %b\r\nwebhook-timestamp: %d\r\nwebhook-signature: v1,%b\r\n"
        headers %= (JSON, delivery.encode(), now_s, base64.b64encode(signed))
        status, _ = await self.peers.post(b"/notifications", headers, body)
        await self.store.put(Delivered("delivered" if status < 300 else "failed", status, delivery), None)

    async def answer(self, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[int, bytes]:
        if path == "/pay":
            return await self.accept(headers, body)
        if path.startswith("/callback/"):
            return await self.settle(path.removeprefix("/callback/"), body)
        return 404, b"{}"


class App:
    """The ASGI face; its settings come from the environment, for the benchmark starts it as a process."""

    def __init__(self) -> None:
        self.gateway: Gateway | None = None

    async def start(self) -> None:
        where = os.environ.get("BARE_STORE", "")
        if where:
            store: Store = PostgresStore(where) if where.startswith("postgresql:") else SqliteStore(where)
            await store.start()
            self.gateway = Gateway(store, int(os.environ["BARE_PORT"]), int(os.environ["BARE_PEER_PORT"]))

    async def lifespan(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
            return
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        if self.gateway is None:
            status, answer = 200, b'{"hello":"world"}'
        else:
            status, answer = await self.gateway.answer(scope["path"], scope["headers"], body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


app = App()
