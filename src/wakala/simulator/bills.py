"""Bill Manager's books: who opted in, which invoices are open, and who is told when one is paid (daraja.md 2.16)."""

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from wakala.simulator.callbacks import POST_LIMIT_SECONDS, Courier
from wakala.simulator.faults import Faults
from wakala.simulator.messages import grouped, shillings
from wakala.simulator.world import Message, Payment, World

CALLBACK = "billmanager_payment"
PUSHES_MAX = 5
"""The only retry that Daraja documents."""

INVOICES_MAX = 50_000
"""Of all billers; the oldest are forgotten first."""


@dataclass(slots=True)
class Biller:
    """A shortcode that opted in. Its ``app_key`` is what Bill Manager calls it; ``owner`` is the app that did it."""

    app_key: str
    owner: str
    shortcode: str
    email: str
    contact: str
    sends_reminders: bool
    logo: str
    callback_url: str


@dataclass(slots=True)
class Invoice:
    """One bill. Without a biller nobody opted in, and nobody is told when it is paid."""

    reference: str
    app_key: str
    account: str
    name: str
    period: str
    payer: str
    msisdn: str
    due_on: str
    amount_cents: int
    sent_at: datetime
    paid_cents: int = 0
    receipts: list[str] = field(default_factory=list)

    @property
    def is_paid(self) -> bool:
        """Whether nothing is owed any more."""
        return self.paid_cents >= self.amount_cents

    def take(self, receipt: str, cents: int) -> bool:
        """Count a payment towards the bill; says no to a receipt that was counted before."""
        if receipt in self.receipts:
            return False
        self.receipts.append(receipt)
        self.paid_cents += cents
        return True


class Bills:
    """All billers and invoices. ``run`` starts what takes its time."""

    def __init__(
        self, world: World, courier: Courier, faults: Faults, run: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self._world = world
        self._courier = courier
        self._faults = faults
        self._run = run
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.billers: dict[str, Biller] = {}
        self.invoices: OrderedDict[tuple[str, str], Invoice] = OrderedDict()
        self._of_account: dict[tuple[str, str], dict[str, Invoice]] = {}

    def opt_in(self, biller: Biller) -> Biller:
        """Take a shortcode in, or change what is known of one that is."""
        self.billers[biller.app_key] = biller
        return biller

    def biller_of(self, shortcode: str) -> Biller | None:
        """Who bills for a shortcode."""
        return next((each for each in self.billers.values() if each.shortcode == shortcode), None)

    def biller_for(self, app_key: str, owner: str) -> Biller | None:
        """The biller that a header names; without the header the one that this app took in last."""
        if app_key in self.billers:
            return self.billers[app_key]
        return next((each for each in reversed(self.billers.values()) if each.owner == owner), None)

    def find(self, app_key: str, reference: str) -> Invoice | None:
        """The invoice that a biller sent under this reference."""
        return self.invoices.get((app_key, reference))

    def send(self, invoices: list[Invoice]) -> None:
        """Book invoices and text the payers. One that is sent again replaces the one before."""
        for invoice in invoices:
            self.book(invoice)
            self._text(invoice, "sms_invoice", amount_cents=invoice.amount_cents)

    def book(self, invoice: Invoice) -> None:
        """Keep an invoice where payments find it."""
        self._forget((invoice.app_key, invoice.reference))
        while len(self.invoices) >= INVOICES_MAX:
            self._forget(next(iter(self.invoices)))
        self.invoices[invoice.app_key, invoice.reference] = invoice
        self._of_account.setdefault((invoice.app_key, invoice.account), {})[invoice.reference] = invoice

    def cancel(self, invoices: list[Invoice]) -> None:
        """Forget unpaid invoices."""
        for invoice in invoices:
            self._forget((invoice.app_key, invoice.reference))

    def reconcile(self, invoice: Invoice, receipt: str, cents: int) -> None:
        """The biller says that a payment was for this invoice; the payer gets an e-receipt."""
        invoice.take(receipt, cents)
        self._text(invoice, "sms_bill_receipt", amount_cents=cents, receipt=receipt)

    def notice(self, payment: Payment) -> None:
        """Money came in: count it towards the oldest open invoice of its account, and tell the biller."""
        if not self.invoices:
            return
        biller = self.biller_of(payment.shortcode.number)
        invoice = self._open_invoice(biller, payment.account)
        if biller is not None and invoice is not None and invoice.take(payment.receipt, payment.amount_cents):
            self._run(self._push(biller, payment))

    def _open_invoice(self, biller: Biller | None, account: str) -> Invoice | None:
        if biller is None:
            return None
        of_account = self._of_account.get((biller.app_key, account), {})
        return next((each for each in of_account.values() if not each.is_paid), None)

    def _forget(self, key: tuple[str, str]) -> None:
        invoice = self.invoices.pop(key, None)
        if invoice is None:
            return
        of_account = self._of_account[invoice.app_key, invoice.account]
        del of_account[invoice.reference]
        if not of_account:
            del self._of_account[invoice.app_key, invoice.account]

    async def _push(self, biller: Biller, payment: Payment) -> None:
        body = payment_push(payment)
        for attempt in range(PUSHES_MAX):
            if attempt:
                await self._world.clock.sleep(self._world.rules.bill_push_pause_seconds)
            if self._faults.take(CALLBACK, payment.phone.msisdn):
                self._courier.note_lost(CALLBACK, biller.callback_url, body)
                continue
            reply = await self._courier.ask(CALLBACK, biller.callback_url, body, POST_LIMIT_SECONDS)
            if reply is not None and reply.status == 200:
                return

    def _text(self, invoice: Invoice, key: str, *, amount_cents: int, receipt: str = "") -> None:
        biller = self.billers.get(invoice.app_key)
        shortcode = self._world.shortcodes.get(biller.shortcode) if biller is not None else None
        values = {
            "merchant": shortcode.name if shortcode is not None else "Bill Manager",
            "number": biller.shortcode if biller is not None else "",
            "invoice": invoice.name,
            "account": invoice.account,
            "amount": grouped(amount_cents),
            "due": invoice.due_on,
            "receipt": receipt,
        }
        message = Message(self._world.clock.now(), key, values)
        self._world.phone(invoice.msisdn).messages.appendleft(message)


def payment_push(payment: Payment) -> bytes:
    """What a biller is told: flat, all strings, the number in full."""
    at = payment.settled_at or payment.asked_at
    body = {
        "transactionId": payment.receipt,
        "paidAmount": shillings(payment.amount_cents).removesuffix(".00"),
        "msisdn": payment.phone.msisdn,
        "dateCreated": f"{at:%Y-%m-%d}",
        "accountReference": payment.account,
        "shortCode": payment.shortcode.number,
    }
    return msgspec.json.encode(body)


def new_app_key(random: Random) -> str:
    """In the shape of the one key that was printed."""
    letters = "".join(random.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=2))
    return f"AG_{random.randrange(10**10):010d}_{random.randrange(10**6):06d}{letters}"
