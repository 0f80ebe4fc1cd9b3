"""A lean M-Pesa, written from the reference and not from the gateway: pushes, payouts, customers' own payments.

The project's own simulator is far richer and costs more for each payment. Thousands of runs in CI want this one, and a
second M-Pesa is a second opinion. It keeps the books that the judge compares with the journal: what it took, what
moved, what it told.
"""

import asyncio
import datetime as dt
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from evidence import Called, Moved, Prompted, Validated
from virtual.network import HEADERS, Answer, Network, Request
from virtual.weather import Weather

BEGIN = dt.datetime(2026, 1, 1, 3, tzinfo=dt.UTC)  # in Nairobi, whatever the zone says
VALIDATION_S = 8.0
PATIENCE_S = 30.0  # how long M-Pesa waits for the answer to a callback
TOKEN_LIFE_S = 600  # shorter than Daraja's hour, so that tokens run out within a run
CALL_LIMIT = 3  # a C2B confirmation is sent at most so often; every other callback once, or twice by mistake

PAGE_ROWS = 4  # of the list: few, so that it has several pages
LISTED_LATE_S = 150.0

PAID = (0, "The service request is processed successfully.")
ENDS = ((1, "The balance is insufficient for the transaction."), (1032, "Request cancelled by user"))
PAYOUT_FAILED = (1, "The balance is insufficient for the transaction.")


@dataclass(frozen=True, slots=True)
class Habits:
    """Of customers, and of M-Pesa towards merchants."""

    think_s: float = 50.0  # before a customer answers a prompt, at most
    pays: float = 0.7  # of all prompts
    tells_s: float = 2.0  # after it is decided, at most


@dataclass
class Command:
    """Something that M-Pesa took. ``request_id`` is the merchant's, as the harness reads it off the command."""

    request_id: str
    amount: int
    msisdn: str
    reference: str
    checkout_id: str
    merchant_id: str
    result_url: str
    timeout_url: str = ""
    end: tuple[int, str] | None = None
    receipt: str | None = None


@dataclass
class Books:
    """What M-Pesa knows at the end."""

    prompts: list[Prompted] = field(default_factory=list)
    money: list[Moved] = field(default_factory=list)
    calls: list[Called] = field(default_factory=list)
    contradicted: set[str] = field(default_factory=set)
    validations: list[Validated] = field(default_factory=list)


class MPesa:
    """One server behind ``mpesa.test``, and its customers' phones."""

    def __init__(
        self,
        network: Network,
        chance: Random,
        weather: Weather,
        confirmation_url: str | None,
        habits: Habits = Habits(),
        *,
        is_heard: bool = False,
        is_listed: bool = False,
    ) -> None:
        self.books = Books()
        self.validation_url = ""  # where Safaricom switched validation on, M-Pesa asks here first
        self.differs = 0.0  # how often another callback says something else
        self._network = network
        self._chance = chance
        self._weather = weather
        self._confirmation_url = confirmation_url
        self._habits = habits
        self._is_heard = is_heard
        self.is_listed = is_listed
        self._is_newest_first = is_listed and chance.random() < 0.5
        self._list: list[tuple[float, float, dict[str, Any]]] = []  # from when it is shown, when it was paid, the row
        self._tokens: dict[str, float] = {}
        self._pushes: dict[str, Command] = {}
        self._payouts: dict[str, Command] = {}
        self._count = 0

    # ── what it is asked ──

    async def serve(self, request: Request) -> Answer | None:
        """One call of the gateway."""
        path = request.url.partition("mpesa.test")[2].partition("?")[0]
        if path == "/oauth/v1/generate":
            return self._token()
        token = request.header("authorization").partition(" ")[2]
        if self._tokens.get(token, 0) < self._now_s() or self._happens(self._weather.token_refused):
            return _error(404, "404.001.03", "Invalid Access Token")
        body = json.loads(request.body)
        match path:
            case "/mpesa/stkpush/v1/processrequest":
                return await self._take(self._push, body)
            case "/mpesa/stkpushquery/v1/query":
                return self._query(body)
            case "/mpesa/b2c/v3/paymentrequest" | "/mpesa/b2b/v1/paymentrequest" | "/mpesa/reversal/v1/request":
                return await self._take(self._pay_out, body)
            case "/mpesa/transactionstatus/v1/query":
                return self._status(body)
            case "/pulltransactions/v1/query":
                return self._listed(body)
            case _:
                return _error(404, "404.001.01", f"Resource not found {path}")

    def _token(self) -> Answer:
        if self._happens(self._weather.turned_away):
            return _error(429, "500.003.02", "Error Occurred: Spike Arrest Violation")
        token = f"token{self._number()}"
        self._tokens[token] = self._now_s() + TOKEN_LIFE_S
        return _json({"access_token": token, "expires_in": str(TOKEN_LIFE_S - 1)})

    async def _take(self, command: Any, body: dict[str, Any]) -> Answer:
        """A command, with what can go wrong around it."""
        if self._happens(self._weather.turned_away):
            return _error(500, "500.003.02", "System is busy. Please try again in few minutes.")
        if self._happens(self._weather.broke_before):
            return _error(500, "500.002.1001", "System internal error.")
        answer: Answer = command(body)
        if self._happens(self._weather.hasty):
            await asyncio.sleep(self._chance.random() * 20)
        if self._happens(self._weather.broke_after):
            return _error(500, "500.003.1001", "Internal Server Error")
        return answer

    # ── pushes ──

    def _push(self, body: dict[str, Any]) -> Answer:
        number = self._number()
        push = Command(
            request_id=body["TransactionDesc"],
            amount=int(body["Amount"]),
            msisdn=body["PhoneNumber"],
            reference=body["AccountReference"],
            checkout_id=f"ws_CO_{number:020d}",
            merchant_id=f"merchant-{number}",
            result_url=body["CallBackURL"],
        )
        self._pushes[push.checkout_id] = push
        self.books.prompts.append(Prompted(push.request_id))
        self._tell(f"phone {push.msisdn} rings for {push.request_id}, KES {push.amount}")
        self._network.loop.spawn(self._customer(push))
        return _json(
            {
                "MerchantRequestID": push.merchant_id,
                "CheckoutRequestID": push.checkout_id,
                "ResponseCode": "0",
                "ResponseDescription": "Success. Request accepted for processing",
                "CustomerMessage": "Success. Request accepted for processing",
            }
        )

    async def _customer(self, push: Command) -> None:
        """Reads the prompt, pays or does not; then everybody is told."""
        think_s = 0.05 if self._happens(self._weather.hasty) else self._habits.think_s
        await asyncio.sleep(self._chance.random() * think_s)
        push.end = PAID if self._chance.random() < self._habits.pays else self._chance.choice(ENDS)
        callback: dict[str, Any] = {
            "MerchantRequestID": push.merchant_id,
            "CheckoutRequestID": push.checkout_id,
            "ResultCode": push.end[0],
            "ResultDesc": push.end[1],
        }
        if push.end is PAID:
            push.receipt = self._move(push.amount, push.request_id)
            self._enter(push)
            items = {
                "Amount": float(push.amount),
                "MpesaReceiptNumber": push.receipt,
                "TransactionDate": int(self._nairobi()),
                "PhoneNumber": int(push.msisdn),
            }
            callback["CallbackMetadata"] = {"Item": [{"Name": key, "Value": value} for key, value in items.items()]}
            if self._confirmation_url:
                self._network.loop.spawn(self._confirm(push, push.request_id))
        if self._happens(self.differs):
            self._network.loop.spawn(self._say_otherwise(push, callback))
        await self._call_back(push, push.result_url, {"Body": {"stkCallback": callback}}, paid=push.end is PAID)

    async def _say_otherwise(self, push: Command, callback: dict[str, Any]) -> None:
        """The same callback with another amount, another prompt's ID, or the contrary outcome, sooner or later."""
        how, paid = self._chance.choice(("another amount", "another prompt", "the contrary")), None
        amount = {"Name": "Amount", "Value": float(push.amount)}
        told = callback | {"ResultCode": PAID[0], "ResultDesc": PAID[1], "CallbackMetadata": {"Item": [amount]}}
        if how == "another amount":
            amount["Value"] = float(push.amount + 1)
        elif how == "another prompt":
            told["CheckoutRequestID"] = f"ws_CO_{0:020d}"
            self.books.contradicted.add(push.request_id)  # who does not know the right one cannot see that it is wrong
        else:
            paid = push.end is not PAID
            self.books.contradicted.add(push.request_id)
            if not paid:
                told |= {"ResultCode": ENDS[1][0], "ResultDesc": ENDS[1][1]}
                del told["CallbackMetadata"]
        self._tell(f"a callback of {push.request_id} says otherwise: {how}")
        await asyncio.sleep(self._chance.random() * self._chance.choice((5, 300)))
        await self._call(push.result_url, {"Body": {"stkCallback": told}}, push.request_id, paid=paid, receipt=None)

    def _query(self, body: dict[str, Any]) -> Answer:
        push = self._pushes.get(body["CheckoutRequestID"])
        if self._happens(self._weather.query_broke):
            told = self._chance.choice(
                (
                    ("500.001.1001", "The transaction does not exist"),
                    ("500.003.1001", "Internal Server Error"),
                    ("500.003.02", "Error Occurred: Spike Arrest Violation"),
                )
            )
            return _error(500, *told)
        if push is None:
            return _error(500, "500.001.1001", "The transaction does not exist")
        if push.end is None:
            return _error(500, "500.001.1001", "The transaction is being processed")
        code, words = push.end
        if self._happens(self._weather.query_lies):
            code, words = ENDS[1] if push.end is PAID else PAID
            self.books.contradicted.add(push.request_id)
            self._tell(f"a query about {push.request_id} is told the contrary: {code}")
        return _json(
            {
                "ResponseCode": "0",
                "ResponseDescription": "The service request has been accepted successsfully",
                "MerchantRequestID": push.merchant_id,
                "CheckoutRequestID": push.checkout_id,
                "ResultCode": str(code),
                "ResultDesc": words,
            }
        )

    # ── customers' own payments ──

    def pay_in(self, amount: int, msisdn: str, reference: str) -> None:
        """A customer pays without being asked."""
        own = Command("", amount, msisdn, reference, "", "", "")
        if self.validation_url:
            self._network.loop.spawn(self._pay_if_valid(own))
        else:
            self._pay(own)

    async def _pay_if_valid(self, own: Command) -> None:
        """Whoever is not answered in time goes by what was registered."""
        question = {"TransactionType": "Pay Bill", **self._words(own), "TransID": f"UV{self._number():08d}"}
        raw = json.dumps(question).encode()
        answer = await self._network.call(Request("POST", self.validation_url, HEADERS, raw), VALIDATION_S)
        told = json.loads(answer[1]).get("ResultCode") if answer is not None and answer[0] == 200 else None
        self.books.validations.append(Validated(raw.decode(), None if told is None else told == "0"))
        self._tell(f"may {own.msisdn} pay KES {own.amount}? {told}")
        if told in {"0", None}:
            self._pay(own)

    def _pay(self, own: Command) -> None:
        own.receipt = self._move(own.amount, None)
        self._enter(own)
        self._tell(f"{own.msisdn} pays KES {own.amount} for {own.reference} unasked: {own.receipt}")
        if self._confirmation_url is not None:
            self._network.loop.spawn(self._confirm(own, None))

    async def _confirm(self, command: Command, request_id: str | None) -> None:
        body = {"TransactionType": "Pay Bill", "TransID": command.receipt, **self._words(command)}
        if self.is_listed and self._happens(self._weather.callback_lost):
            self._tell(f"the confirmation of {command.receipt} is lost at M-Pesa")
            return
        for _ in range(CALL_LIMIT):
            if await self._call(self._confirmation_url or "", body, request_id, paid=True, receipt=command.receipt):
                return
            await asyncio.sleep(1 + self._chance.random() * 60)

    def _words(self, command: Command) -> dict[str, Any]:
        """What M-Pesa tells of a customer's payment, besides its number."""
        return {
            "TransTime": self._nairobi(),
            "TransAmount": f"{command.amount}.00",
            "BusinessShortCode": "600100",
            "BillRefNumber": command.reference,
            "InvoiceNumber": "",
            "OrgAccountBalance": "1000.00",
            "ThirdPartyTransID": "",
            "MSISDN": f"{command.msisdn[:4]} ***** {command.msisdn[-3:]}",
            "FirstName": "AKINYI",
            "MiddleName": "",
            "LastName": "",
        }

    # ── the list of what customers paid (Pull) ──

    def _enter(self, command: Command) -> None:
        """At once, or some minutes later."""
        if not self.is_listed:
            return
        row = {
            "transactionId": command.receipt,
            "trxDate": f"{self._clock():%Y-%m-%dT%H:%M:%SZ}",
            "msisdn": int(command.msisdn.removeprefix("254")),
            "sender": "MPESA",
            "transactiontype": "c2b-pay-bill-debit",
            "billreference": command.reference,
            "amount": str(command.amount),
            "organizationname": "Market",
        }
        late_s = self._chance.random() * LISTED_LATE_S if self._happens(self._weather.callback_late) else 0.0
        self._list.append((self._now_s() + late_s, self._now_s(), row))

    def _listed(self, body: dict[str, Any]) -> Answer:
        """A page of a window, in whole seconds, by the time of payment."""
        if self._happens(self._weather.query_broke):
            return _error(500, "500.003.1001", "Internal Server Error")
        now_s, since, until = self._now_s(), body["StartDate"], body["EndDate"]
        rows = [
            row
            for shown_s, _, row in sorted(self._list, key=lambda each: each[1], reverse=self._is_newest_first)
            if shown_s <= now_s and since <= row["trxDate"].replace("T", " ").rstrip("Z") <= until
        ]
        page = rows[int(body["OffSetValue"]) :][:PAGE_ROWS]
        words = {"ResponseCode": "1000", "ResponseMessage": "Success"} if page else {"ResponseCode": "1001"}
        return _json({"ResponseRefID": f"list-{self._number()}", **words, "Response": [page]})

    @property
    def shown_s(self) -> float:
        """When the last payment was, or will be, shown in the list."""
        return max((shown_s for shown_s, *_ in self._list), default=0.0)

    # ── payouts ──

    def _pay_out(self, body: dict[str, Any]) -> Answer:
        """A payout or a transfer, once under its ID; or a reversal, to which M-Pesa takes none and gives one."""
        number = self._number()
        own_id = body.get("OriginatorConversationID", f"reversal-{number}")
        request_id = body.get("OriginatorConversationID", body["Remarks"])
        if own_id in self._payouts:
            self.books.prompts.append(Prompted(request_id))
            return _error(500, "500.002.1001", "Duplicate OriginatorConversationID.")
        payout = Command(
            request_id=request_id,
            amount=int(body["Amount"]),
            msisdn=body.get("PartyB", "254700000100"),
            reference="",
            checkout_id=f"AG_{number:020d}",
            merchant_id=own_id,
            result_url=body["ResultURL"],
            timeout_url=body["QueueTimeOutURL"],
        )
        self._payouts[own_id] = payout
        self.books.prompts.append(Prompted(request_id))
        self._tell(f"payout {request_id}, KES {payout.amount}, is queued")
        self._network.loop.spawn(self._carry_out(payout))
        return _json(_queued(own_id, payout.checkout_id))

    async def _carry_out(self, payout: Command) -> None:
        await asyncio.sleep(self._chance.random() * (0.05 if self._happens(self._weather.hasty) else 20))
        if self._happens(self._weather.timed_out_in_queue):
            timed_out = _result(1, "The service request timed out in the queue.", payout, {})
            self._network.loop.spawn(self._call_back(payout, payout.timeout_url, timed_out, paid=None))
            await asyncio.sleep(self._chance.random() * 60)
        payout.end = PAID if self._chance.random() < 0.8 else PAYOUT_FAILED
        more: dict[str, Any] = {}
        if payout.end is PAID:
            payout.receipt = self._move(payout.amount, payout.request_id)
            more = {"TransactionAmount": payout.amount, "TransactionReceipt": payout.receipt}
        result = _result(*payout.end, payout, more)
        await self._call_back(payout, payout.result_url, result, paid=payout.end is PAID)

    def _status(self, body: dict[str, Any]) -> Answer:
        """Transaction Status is itself queued; its Result comes later."""
        if self._happens(self._weather.query_broke):
            return _error(500, "500.003.1001", "Internal Server Error")
        number = self._number()
        enquiry = Command("", 0, "", "", f"AG_{number:020d}", f"enquiry-{number}", body["ResultURL"])
        payout = self._payouts.get(body["OriginalConversationID"])
        self._network.loop.spawn(self._find(enquiry, payout))
        return _json(_queued(enquiry.merchant_id, enquiry.checkout_id))

    async def _find(self, enquiry: Command, payout: Command | None) -> None:
        await asyncio.sleep(self._chance.random() * 3)
        if payout is None:
            result = _result(2033, "The transaction receipt number does not exist.", enquiry, {})
            await self._call_back(enquiry, enquiry.result_url, result, paid=None)
            return
        status = "Pending" if payout.end is None else "Completed" if payout.end is PAID else "Failed"
        found = {
            "TransactionStatus": status,
            "Amount": str(payout.amount),
            "OriginatorConversationID": payout.merchant_id,
            "ConversationID": payout.checkout_id,
            "DebitPartyName": "600100 - Market",
            "CreditPartyName": f"{payout.msisdn} - AKINYI",
            "FinalisedTime": self._nairobi(),
        }
        if payout.receipt:
            found["ReceiptNo"] = payout.receipt
        enquiry.request_id = payout.request_id
        paid = None if payout.end is None else payout.end is PAID
        await self._call_back(enquiry, enquiry.result_url, _result(0, PAID[1], enquiry, found), paid=paid)

    # ── telling ──

    async def _call_back(self, command: Command, url: str, body: dict[str, Any], *, paid: bool | None) -> None:
        """Once; or never, late, or twice."""
        weather = self._weather
        if self._happens(weather.callback_lost):
            self._tell(f"the callback of {command.request_id or command.merchant_id} is lost at M-Pesa")
            return
        if self._happens(weather.callback_late):
            await asyncio.sleep(self._chance.random() * 600)
        else:
            await asyncio.sleep(self._chance.random() * self._habits.tells_s)
        if self._happens(weather.callback_doubled):
            self._network.loop.spawn(self._late_copy(command, url, body, paid))
        await self._call(url, body, command.request_id or None, paid=paid, receipt=command.receipt)

    async def _late_copy(self, command: Command, url: str, body: dict[str, Any], paid: bool | None) -> None:
        await asyncio.sleep(self._chance.random() * self._chance.choice((0.05, 5, 300)))
        await self._call(url, body, command.request_id or None, paid=paid, receipt=command.receipt)

    async def _call(
        self, url: str, body: dict[str, Any], request_id: str | None, *, paid: bool | None, receipt: str | None
    ) -> bool:
        raw = json.dumps(body).encode()
        answer = await self._network.call(Request("POST", url, HEADERS, raw), PATIENCE_S)
        if answer is None or not 200 <= answer[0] < 300:
            return False
        is_heard = self._is_heard and url == self._confirmation_url
        self.books.calls.append(Called(raw.decode(), request_id, paid, receipt, is_heard))
        return True

    # ── small things ──

    def _move(self, amount: int, request_id: str | None) -> str:
        receipt = f"UA{self._number():08d}"
        self.books.money.append(Moved(receipt, amount * 100, request_id))
        self._tell(f"KES {amount} move for {request_id or 'nobody'}: {receipt}")
        return receipt

    def _nairobi(self) -> str:
        """The time as M-Pesa writes it."""
        return f"{self._clock():%Y%m%d%H%M%S}"

    def _clock(self) -> dt.datetime:
        """The run begins on 2026-01-01 UTC; Nairobi is three hours ahead."""
        return BEGIN + dt.timedelta(seconds=int(self._now_s()))

    def _now_s(self) -> float:
        return self._network.loop.now_s

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _tell(self, words: str) -> None:
        self._network.tell(f"M-Pesa: {words}")

    def _happens(self, likelihood: float) -> bool:
        return likelihood > 0 and self._chance.random() < likelihood


def _json(body: dict[str, Any]) -> Answer:
    return 200, json.dumps(body).encode()


def _error(status: int, code: str, words: str) -> Answer:
    return status, json.dumps({"requestId": "1-2-3", "errorCode": code, "errorMessage": words}).encode()


def _queued(originator_id: str, conversation_id: str) -> dict[str, Any]:
    return {
        "OriginatorConversationID": originator_id,
        "ConversationID": conversation_id,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    }


def _result(code: int, words: str, command: Command, parameters: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ResultType": 0,
        "ResultCode": code,
        "ResultDesc": words,
        "OriginatorConversationID": command.merchant_id,
        "ConversationID": command.checkout_id,
        "TransactionID": command.receipt or "UA0000000X",
    }
    if parameters:
        items = [{"Key": key, "Value": value} for key, value in parameters.items()]
        result["ResultParameters"] = {"ResultParameter": items}
    return {"Result": result}
