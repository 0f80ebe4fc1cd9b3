"""What the shop sells and what was ordered.

Orders live in memory: this shop is a demonstration, and everything about its money is on disk at the gateway. A real
shop keeps them in its database, with the notification IDs it has seen.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

OrderState = Literal["waiting", "unknown", "paid", "failed"]

ORDERS_LIMIT: Final = 1_000  # the oldest is forgotten: memory of a demonstration, not of a business
NOTIFICATIONS_LIMIT: Final = 10_000  # IDs remembered against repeats; far more than a day of a demonstration
ORDER_ID_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # no letter that looks like a digit
ORDER_ID_LENGTH_CHARS: Final = 10


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on the shelf; its picture is a static file of the same name."""

    slug: str
    price_kes: int
    name: dict[str, str]
    about: dict[str, str]
    picture: dict[str, str]


PRODUCTS: Final = {
    product.slug: product
    for product in (
        Product(
            "chai",
            150,
            {"en": "Kericho tea", "sw": "Chai ya Kericho"},
            {"en": "Black tea from the green hills, 250\u00a0g", "sw": "Majani ya chai ya milimani, gramu\u00a0250"},
            {"en": "A red tin of tea with two leaves", "sw": "Kopo jekundu la chai lenye majani mawili"},
        ),
        Product(
            "kahawa",
            650,
            {"en": "Nyeri coffee", "sw": "Kahawa ya Nyeri"},
            {
                "en": "Whole beans, medium roast, 250\u00a0g",
                "sw": "Kahawa ya buni, iliyokaangwa wastani, gramu\u00a0250",
            },
            {"en": "A dark bag of coffee", "sw": "Mfuko mweusi wa kahawa"},
        ),
        Product(
            "kiondo",
            1250,
            {"en": "Kiondo basket", "sw": "Kiondo"},
            {"en": "Woven from sisal by hand, leather straps", "sw": "Kimefumwa kwa mkonga, mikanda ya ngozi"},
            {"en": "A striped woven basket", "sw": "Kikapu chenye mistari"},
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Order:
    """One order is one try to pay: its ID is the RequestID at the gateway, so a double click cannot pay twice."""

    id: str
    product: Product
    msisdn: str
    language: str
    state: OrderState = "waiting"
    receipt: str | None = None
    cause: dict[str, str] = field(default_factory=dict)
    next_step: dict[str, str] = field(default_factory=dict)
    trace_url: str | None = None
    is_flagged: bool = False


def new_order_id() -> str:
    """An ID that nobody guesses: whoever has it sees the order."""
    return "".join(secrets.choice(ORDER_ID_ALPHABET) for _ in range(ORDER_ID_LENGTH_CHARS))


def is_order_id(text: str) -> bool:
    """True where this shop could have made it."""
    return len(text) == ORDER_ID_LENGTH_CHARS and set(text) <= set(ORDER_ID_ALPHABET)


class Orders:
    """The orders, the newest kept."""

    def __init__(self) -> None:
        self._orders: OrderedDict[str, Order] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def find(self, order_id: str) -> Order | None:
        """The order of this ID, if the shop still knows it."""
        return self._orders.get(order_id)

    def keep(self, order: Order) -> Order:
        """Remember an order, or its newer self."""
        self._orders[order.id] = order
        if len(self._orders) > ORDERS_LIMIT:
            self._orders.popitem(last=False)
        return order

    def is_repeated(self, notification_id: str) -> bool:
        """Remembers the ID of a notification; True where it was seen before. They come at least once, not exactly."""
        if notification_id in self._seen:
            return True
        self._seen[notification_id] = None
        if len(self._seen) > NOTIFICATIONS_LIMIT:
            self._seen.popitem(last=False)
        return False


def told(order: Order, kind: str, data: dict[str, Any]) -> Order:
    """The order after the gateway said how its payment stands. A paid order stays paid.

    The goods leave only when the money is the price: the amount and currency of the notification are compared.
    """
    if kind == "payment.flagged":
        return replace(order, is_flagged=True)
    if order.state == "paid":
        return replace(order, receipt=data.get("MpesaReceiptNumber") or order.receipt)
    if data.get("State") == "succeeded":
        if data.get("Amount") != order.product.price_kes or data.get("Currency") != "KES":
            return replace(order, is_flagged=True)
        return replace(order, state="paid", receipt=data.get("MpesaReceiptNumber"), cause={}, next_step={})
    if data.get("State") in {"failed", "expired"}:
        state: OrderState = "failed" if data["State"] == "failed" else "unknown"
        return replace(order, state=state, cause=data.get("Cause") or {}, next_step=data.get("NextStep") or {})
    return order
