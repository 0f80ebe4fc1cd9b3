"""Duka la Mfano: a shop in a few pages that takes M-PESA through Wakala, and shows all that a merchant must write.

Three things: ask for the payment (`gateway.Gateway.ask_for_payment`), believe nothing but the signed notification
(`notifications.is_genuine`, `orders.told`), and show the shopper where the order stands. It imports nothing of the
gateway, as any shop would. Run it with ``python -m wakala.demo.shop`` and the settings of `Settings` in the
environment.
"""

import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs, urlsplit

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from wakala.demo import pages
from wakala.demo.gateway import Asked, Gateway, NotHeard, Refused, Unreachable
from wakala.demo.notifications import is_genuine
from wakala.demo.orders import PRODUCTS, Order, Orders, is_order_id, new_order_id, told
from wakala.demo.phones import parse_phone, spell_phone
from wakala.demo.wording import WORDS, choose_language

log = logging.getLogger("shop")

BODY_LIMIT_BYTES: Final = 65_536  # a notification has at most 20 KB, a form a few hundred bytes
GOODBYE_LIMIT_S: Final = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What the shop must know. The two secrets come from the environment and go nowhere else."""

    gateway_url: str
    consumer_key: str
    consumer_secret: str
    webhook_secret: str
    phone_url: str = ""
    phone_hint: str = ""
    port: int = 8081

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads ``SHOP_GATEWAY_URL``, ``SHOP_CONSUMER_KEY`` and so on; KeyError names what is missing."""
        return cls(
            gateway_url=environment["SHOP_GATEWAY_URL"].rstrip("/"),
            consumer_key=environment["SHOP_CONSUMER_KEY"],
            consumer_secret=environment["SHOP_CONSUMER_SECRET"],
            webhook_secret=environment["SHOP_WEBHOOK_SECRET"],
            phone_url=environment.get("SHOP_PHONE_URL", ""),
            phone_hint=environment.get("SHOP_PHONE_HINT", ""),
            port=int(environment.get("SHOP_PORT", "8081")),
        )


class Shop:
    """The shop's handlers and its orders."""

    _gateway: Gateway  # there from `open` on, which the server awaits before the first request

    def __init__(self, settings: Settings, now_s: Callable[[], float]) -> None:
        self._settings = settings
        self._now_s = now_s
        self._orders = Orders()

    @asynccontextmanager
    async def open(self, _: Starlette) -> AsyncIterator[None]:
        """One HTTP client for the life of the shop."""
        async with aiohttp.ClientSession() as http:
            settings = self._settings
            self._gateway = Gateway(http, settings.gateway_url, settings.consumer_key, settings.consumer_secret)
            yield

    # ── the shopper ──

    async def shelf(self, request: Request) -> Response:
        """What there is to buy."""
        return _page(pages.shelf_page(_language(request)))

    async def buy(self, request: Request) -> Response:
        """The form for one product. A try again brings the number along."""
        product = PRODUCTS.get(request.path_params["slug"])
        if product is None:
            raise HTTPException(404)
        before = self._orders.find(request.query_params.get("again", ""))
        typed = spell_phone(before.msisdn) if before else ""
        return _page(
            pages.buy_page(product, new_order_id(), _language(request), typed=typed, hint=self._settings.phone_hint)
        )

    async def order(self, request: Request) -> Response:
        """Takes the form, asks the gateway, and leads to the page of the order."""
        _refuse_strangers(request)
        form = await _form(request)
        language = choose_language(form.get("lang"))
        product, order_id = PRODUCTS.get(form.get("product", "")), form.get("order", "")
        if product is None or not is_order_id(order_id):
            raise HTTPException(400)
        msisdn = parse_phone(form.get("phone", ""))
        if msisdn is None:
            typed = form.get("phone", "")[:40]
            hint = self._settings.phone_hint
            page = pages.buy_page(product, order_id, language, typed=typed, is_bad_phone=True, hint=hint)
            return _page(page, 422)
        if self._orders.find(order_id) is None:
            await self._place(Order(order_id, product, msisdn, language))
        return RedirectResponse(f"/orders/{order_id}?lang={language}", 303)

    async def _place(self, order: Order) -> None:
        log.info("order %s: KES %d asked of the gateway", order.id, order.product.price_kes)
        self._orders.keep(order)  # before the call: the notification may come before the answer
        answer = await self._gateway.ask_for_payment(
            order.id, order.product.price_kes, order.msisdn, f"DUKA-{order.id[:6]}"
        )
        latest = self._orders.find(order.id) or order
        if latest.state != "waiting":
            return  # the notification was faster than the answer, and knows more
        match answer:
            case Asked():
                pass
            case Refused(sentence):
                self._orders.keep(replace(latest, state="failed", cause={"en": sentence, "sw": sentence}))
            case Unreachable():
                self._orders.keep(replace(latest, state="failed", cause=_both("unreachable")))
            case NotHeard():
                self._orders.keep(replace(latest, state="unknown"))

    async def show(self, request: Request) -> Response:
        """How the order stands, as a page."""
        order = await self._caught_up(request)
        return _page(pages.order_page(order, _language(request, order.language), self._settings.phone_url))

    async def state(self, request: Request) -> Response:
        """How the order stands, for the page's module."""
        order = self._known(request)
        words = WORDS[_language(request, order.language)]
        shown = {
            "OrderID": order.id,
            "State": order.state,
            "MpesaReceiptNumber": order.receipt,
            "Sentence": words[f"{order.state}_title"],
            "TraceURL": order.trace_url,
        }
        return JSONResponse(shown, headers=pages.SECURITY_HEADERS)

    def _known(self, request: Request) -> Order:
        order = self._orders.find(request.path_params["order_id"])
        if order is None:
            raise HTTPException(404)
        return order

    async def _caught_up(self, request: Request) -> Order:
        """The order with the link to its trace. Where nobody heard an answer, the gateway is asked, never sent to."""
        order = self._known(request)
        if order.trace_url is not None:
            return order
        seen = await self._gateway.look_up(order.id)
        order = self._known(request)  # a notification may have come meanwhile
        if seen is None:
            return order
        if not seen:
            if order.state == "unknown":
                order = replace(order, state="failed", cause=_both("never_arrived"))
            return self._orders.keep(order)
        link = str(seen.get("TraceURL", ""))
        if urlsplit(link).scheme in {"http", "https"}:
            order = replace(order, trace_url=link)
        if order.state == "unknown" and seen.get("State") in {"received", "held", "sending", "pending"}:
            order = replace(order, state="waiting")
        return self._orders.keep(order)

    # ── the gateway ──

    async def hear(self, request: Request) -> Response:
        """``POST /wakala``: the one place where an order becomes paid."""
        body = await _body(request)
        if not is_genuine(request.headers, body, self._settings.webhook_secret, self._now_s()):
            log.warning("a notification whose signature does not fit was refused")
            return Response("The signature does not fit.", 401, media_type="text/plain")
        try:
            message = json.loads(body)
            kind, data = str(message["type"]), dict(message["data"])
        except (ValueError, KeyError, TypeError):
            return Response("This is no notification.", 400, media_type="text/plain")
        order = self._orders.find(str(data.get("RequestID")))
        # Unknown orders are acknowledged too: this shop forgets with every restart, and a repeat would not help it.
        if not self._orders.is_repeated(request.headers["webhook-id"]) and order is not None:
            order = self._orders.keep(told(order, kind, data))
            log.info("order %s: told %s, is %s", order.id, kind, order.state)
        return Response(status_code=204)

    # ── the rest ──

    async def health(self, _: Request) -> Response:
        """Answers as soon as the shop does."""
        return JSONResponse({"status": "ok"})

    async def file(self, request: Request) -> Response:
        """A picture, the style or the module."""
        found = pages.FILES.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(found[0], media_type=found[1], headers=headers)

    async def problem(self, request: Request, error: Exception) -> Response:
        """A page for what is not here or not allowed."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        about = "gone" if status == 404 else "refused"
        return _page(pages.plain_page(_language(request), f"{about}_title", about), status)


def create_app(settings: Settings, now_s: Callable[[], float] = time.time) -> Starlette:
    """The shop as an application. ``now_s`` is the clock against which signatures are judged."""
    shop = Shop(settings, now_s)
    routes = [
        Route("/", shop.shelf),
        Route("/buy/{slug}", shop.buy),
        Route("/orders", shop.order, methods=["POST"]),
        Route("/orders/{order_id}.json", shop.state),
        Route("/orders/{order_id}", shop.show),
        Route("/wakala", shop.hear, methods=["POST"]),
        Route("/healthz", shop.health),
        Route("/static/{name}", shop.file),
    ]
    return Starlette(routes=routes, lifespan=shop.open, exception_handlers={HTTPException: shop.problem})


def _page(html: str, status: int = 200) -> Response:
    return HTMLResponse(html, status, pages.SECURITY_HEADERS)


def _both(key: str) -> dict[str, str]:
    return {language: words[key] for language, words in WORDS.items()}


def _language(request: Request, otherwise: str | None = None) -> str:
    return choose_language(request.query_params.get("lang") or otherwise, request.headers.get("accept-language", ""))


def _refuse_strangers(request: Request) -> None:
    """A form on another site must not make phones ring: browsers say where a form comes from."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if site not in {None, "same-origin"} or (site is None and not is_ours):
        raise HTTPException(403)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise HTTPException(413)
    return body


async def _form(request: Request) -> dict[str, str]:
    fields = parse_qs((await _body(request)).decode(errors="replace"), max_num_fields=20)
    return {name: values[0] for name, values in fields.items()}


def main() -> None:
    """Serves on the loopback until a signal ends it."""
    settings = Settings.from_environment(os.environ)
    logging.basicConfig(level="INFO", format="%(message)s")
    uvicorn.run(
        create_app(settings),
        host="127.0.0.1",
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GOODBYE_LIMIT_S,
    )


if __name__ == "__main__":
    main()
