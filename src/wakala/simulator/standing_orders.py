"""Ratiba: a standing order from its approval on the phone to its last payment (daraja.md 2.17)."""

import calendar
from collections import OrderedDict
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta
from typing import Any

import msgspec

from wakala.simulator.c2b import Collections, Order
from wakala.simulator.callbacks import Courier, Letter
from wakala.simulator.clock import EAT, Alarm
from wakala.simulator.errands import Errands, Question
from wakala.simulator.messages import grouped
from wakala.simulator.results import Code, Result
from wakala.simulator.world import Message, World

CALLBACK = "standing_order_callback"
APPROVED_TEXT = "The service request is processed successfully"
NO_TRANSACTION = "0000000000"
DUPLICATE_NAME = Result(1050, "Error", "Error")
BAD_REQUEST = Result(1051, "Error", "Error")
"""Failures were seen with one word as their text, whatever their code."""

ORDERS_MAX = 20_000
"""Standing orders that are remembered; the oldest are forgotten first, and pay no more."""

MONTHS_OF = {"4": 1, "5": 2, "6": 3, "7": 6, "8": 12}
DAYS_OF = {"2": 1, "3": 7}
FREQUENCIES = ("1", "2", "3", "4", "5", "6", "7", "8")
"""One-off, daily, weekly, monthly, bi-monthly, quarterly, half-yearly, yearly."""


@dataclass(slots=True)
class StandingOrder:
    """What a customer was asked to approve. ``result_code`` is None until the phone has answered."""

    number: int
    reference_id: str
    name: str
    shortcode: str
    buy_goods: bool
    msisdn: str
    amount_cents: int
    account: str
    description: str
    starts_on: date
    ends_on: date
    frequency: str
    callback_url: str
    asked_at: datetime
    result_code: Code | None = None
    receipt: str = ""
    runs_count: int = 0
    next_index: int = 0
    callbacks_answered: int = 0

    @property
    def approved(self) -> bool:
        """Whether its payments are made."""
        return self.result_code == 0


class StandingOrders:
    """Asks for the approval, tells of it, and pays on each day that is due."""

    def __init__(
        self,
        world: World,
        courier: Courier,
        collections: Collections,
        errands: Errands,
    ) -> None:
        self._world = world
        self._courier = courier
        self._collections = collections
        self._errands = errands
        self._alarms: dict[int, Alarm] = {}
        self._names: dict[tuple[str, str], int] = {}  # of approved orders: number and name, to the order
        self.orders: OrderedDict[int, StandingOrder] = OrderedDict()

    def clear(self) -> None:
        """Forget all orders."""
        self.quiet()
        self._names.clear()
        self.orders.clear()

    def quiet(self) -> None:
        """Cancel the payments that are still to come."""
        for alarm in self._alarms.values():
            alarm.cancel()
        self._alarms.clear()

    def add(self, order: StandingOrder) -> None:
        """Keep an order; the phone is asked by ``begin``."""
        while len(self.orders) >= ORDERS_MAX:
            self._forget(next(iter(self.orders)))
        self.orders[order.number] = order

    def next_number(self) -> int:
        """Orders are counted from 1."""
        return next(reversed(self.orders), 0) + 1

    def begin(self, order: StandingOrder) -> None:
        """Ask the phone, unless the order cannot be: a name that the customer has already, days in no order."""
        if order.ends_on < order.starts_on:
            self._end(order, BAD_REQUEST)
        elif (order.msisdn, order.name) in self._names:
            self._end(order, DUPLICATE_NAME)
        else:
            self._errands.ask(self._question(order), lambda result: self._end(order, result))

    def resume(self) -> None:
        """Take up what a former run of the program left: open approvals are asked again, payments go on."""
        for order in self.orders.values():
            if order.result_code is None:
                self.begin(order)
            elif order.approved:
                self._names[order.msisdn, order.name] = order.number
                self._arm(order, order.starts_on)

    def _question(self, order: StandingOrder) -> Question:
        shortcode = self._world.shortcodes[order.shortcode]
        return Question(
            "standing_order", order.reference_id, order.msisdn, shortcode, order.amount_cents, order.account
        )

    def _end(self, order: StandingOrder, result: Result) -> None:
        order.result_code = result.code
        if order.approved:
            order.receipt = self._world.new_receipt()
            self._names[order.msisdn, order.name] = order.number
            self._text(order)
            self._arm(order, self._world.clock.now().date())

        def count() -> None:
            order.callbacks_answered += 1

        letter = Letter(
            kind=CALLBACK,
            url=order.callback_url,
            msisdn=order.msisdn,
            amount_cents=order.amount_cents,
            write=lambda _: callback(order),
            headers={},
            answered=count,
            reason=_REASONS.get(result.code) or ("" if order.approved else result.text),
        )
        self._courier.dispatch(letter)

    def _arm(self, order: StandingOrder, since: date) -> None:
        """Set the clock for the next payment from that day on. One that lies in the past is made at once."""
        due_on = next_due(order, since)
        if due_on is None:
            return
        midnight = datetime.combine(due_on, time(), EAT)
        delay_seconds = max(0.0, midnight.timestamp() - self._world.clock.seconds())
        self._alarms[order.number] = self._world.clock.after(delay_seconds, lambda: self._pay(order))

    def _pay(self, order: StandingOrder) -> None:
        """One payment, as from the menu: the merchant hears of it by a C2B confirmation."""
        order.runs_count += 1
        order.next_index += 1
        shortcode = self._world.shortcodes[order.shortcode]
        account = "" if order.buy_goods else order.account
        self._collections.pay_soon(Order(shortcode, order.msisdn, order.amount_cents, account, order.buy_goods))
        self._arm(order, order.starts_on)  # the clock may have jumped over several days: each is paid

    def _text(self, order: StandingOrder) -> None:
        values = {
            "receipt": order.receipt,
            "name": order.name,
            "amount": grouped(order.amount_cents),
            "merchant": self._world.shortcodes[order.shortcode].name,
        }
        message = Message(self._world.clock.now(), "sms_standing_order", values)
        self._world.phone(order.msisdn).messages.appendleft(message)

    def _forget(self, number: int) -> None:
        alarm = self._alarms.pop(number, None)
        if alarm is not None:
            alarm.cancel()
        order = self.orders.pop(number)
        self._names.pop((order.msisdn, order.name), None)
        self._world.forget_receipt(order.receipt)


_REASONS: dict[Code, str] = {
    1050: "The customer has a standing order of this name already.",
    1051: "The order cannot be: EndDate lies before StartDate.",
}


def next_due(order: StandingOrder, since: date) -> date | None:
    """The next day on which an order pays, and None after its last; moves its index past the days before ``since``."""
    while True:
        due_on = occurrence(order.starts_on, order.frequency, order.next_index)
        if due_on is None or due_on > order.ends_on:
            return None
        if due_on >= since:
            return due_on
        order.next_index += 1


def occurrence(starts_on: date, frequency: str, index: int) -> date | None:
    """The day of a payment, counted from 0. Reckoned from the first day, so the 31st does not wear down to the 28th."""
    if index == 0:
        return starts_on
    if frequency in DAYS_OF:
        days = DAYS_OF[frequency] * index
        return starts_on + timedelta(days=days) if days <= (date.max - starts_on).days else None
    if frequency in MONTHS_OF:
        return _months_later(starts_on, MONTHS_OF[frequency] * index)
    return None


def _months_later(day: date, months: int) -> date | None:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > MAXYEAR:
        return None
    last_day = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last_day))


def callback(order: StandingOrder) -> bytes:
    """Lower camel case on success, Pascal case on failure: readers must not care."""
    if order.approved:
        return msgspec.json.encode(_success(order))
    code = str(order.result_code)
    entries = [("TransactionID", NO_TRANSACTION), ("responseCode", code), ("Status", "ERROR")]
    entries.append(("Msisdn", f"*********{order.msisdn[-3:]}"))
    failure: dict[str, Any] = {
        "ResponseHeader": {
            "responseRefID": order.reference_id,
            "requestRefID": order.reference_id,
            "responseCode": code,
            "responseDescription": "Error",
        },
        "ResponseBody": {"ResponseData": [{"Name": name, "Value": value} for name, value in entries]},
    }
    return msgspec.json.encode(failure)


def _success(order: StandingOrder) -> dict[str, Any]:
    entries = [("TransactionID", order.receipt), ("responseCode", "0"), ("Status", "OKAY")]
    entries.append(("Msisdn", f"254******{order.msisdn[-3:]}"))
    return {
        "responseHeader": {
            "responseRefID": order.reference_id,
            "requestRefID": order.reference_id,
            "responseCode": "0",
            "responseDescription": APPROVED_TEXT,
        },
        "responseBody": {"responseData": [{"name": name, "value": value} for name, value in entries]},
    }
