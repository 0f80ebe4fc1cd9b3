"""Reading what merchants send: one field after the other, and the first that is wrong is named (daraja.md 1.4).

Numbers may be strings and strings numbers, field names are case-sensitive, unknown fields pass, as with M-Pesa.
"""

import re
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from wakala.simulator import refusals
from wakala.simulator.prompts import Push
from wakala.simulator.reading import decode
from wakala.simulator.world import Urls

AMOUNT_MAX_SHILLINGS = 250_000
"""Per transaction (daraja.md 7.6)."""

AMOUNT = re.compile(r"[0-9]{1,9}")
"""Leading zeros were seen (daraja.md 9); a longer text is no amount and is not even read as a number."""

SEEN_LATELY_MAX = 1_000
"""Times that are known for good or bad ones: a busy merchant sends the same second many times."""

SHORTCODE = re.compile(r"[0-9]{5,7}")
MSISDN = re.compile(r"254[71][0-9]{8}")
TIMESTAMP = re.compile(r"[0-9]{14}")
IDENTIFIER = re.compile(r"[0-9]{1,2}")
REMARKS_MIN_CHARS = 2
REMARKS_MAX_CHARS = 100
"""Of Remarks (daraja.md 2)."""

OTHER_NAMES = {
    "AccountReference": "Account Reference",
    "CommandID": "Command ID",
    "TransactionID": "Transaction ID",
    "Initiator": "InitiatorName",
    "InitiatorName": "Initiator",
}
"""Names that M-Pesa's own pages print with a space, so that programs send them so, and the two that programs mix up
because payouts have the one and all other commands the other (daraja.md 9)."""

OBJECT = dict[str, Any]
MISSING = object()
PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
"""What nearly all callback URLs look like; these need no taking apart to be good ones."""

FORBIDDEN_WORDS = ("mpesa", "m-pesa", "safaricom", "exe", "exec", "cmd", "sql", "query")
"""No URL may contain them, in any case (daraja.md 7.2)."""


@dataclass(frozen=True, slots=True)
class Query:
    """A valid STK query."""

    shortcode: str
    password: str
    timestamp: str
    checkout_id: str


@dataclass(frozen=True, slots=True)
class Registration:
    """A valid C2B registration."""

    shortcode: str
    urls: Urls


@dataclass(frozen=True, slots=True)
class Simulation:
    """A valid C2B simulation."""

    shortcode: str
    msisdn: str
    amount_cents: int
    account: str
    buy_goods: bool


class Fields:
    """The fields of one body. Each method returns a good value or raises the refusal that names the field."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self._values = _json_object(body) if "json" in content_type else {}

    def text(self, name: str) -> str:
        """Something; numbers are spelled out."""
        value = self._values.get(name)
        if type(value) is str and value and not value.isspace():  # as nearly all are
            return value
        spelled = self.optional(name)
        if not spelled or spelled.isspace():
            raise refusals.invalid_field(name, f"{name} is missing or empty; field names are case-sensitive.")
        return spelled

    def optional(self, name: str) -> str:
        """Anything, null and nothing included."""
        value = self._values.get(name, MISSING)
        if value is MISSING:
            value = self._values.get(OTHER_NAMES.get(name, name))
        return value if isinstance(value, str) else _spelled(value)

    def shortcode(self, name: str) -> str:
        """Five to seven digits."""
        value = self._values.get(name)
        if type(value) is str and SHORTCODE.fullmatch(value):  # as nearly all are
            return value
        value = self.text(name)
        if not SHORTCODE.fullmatch(value):
            raise refusals.invalid_field(name, f"{name} must be 5 to 7 digits.")
        return value

    def msisdn(self, name: str) -> str:
        """``2547XXXXXXXX`` or ``2541XXXXXXXX``. A plus before it is passed over: programs send one (daraja.md 7.8)."""
        value = self._values.get(name)
        if type(value) is str and MSISDN.fullmatch(value):  # as nearly all are
            return value
        value = self.text(name).removeprefix("+")
        if not is_msisdn(value):
            raise refusals.invalid_field(name, f"{name} must be 12 digits like 254712345678, without spaces.")
        return value

    def amount_cents(self, name: str) -> int:
        """Whole shillings; M-Pesa takes no cents."""
        number = self._values.get(name)
        if type(number) is int and 1 <= number <= AMOUNT_MAX_SHILLINGS:  # as nearly all are
            return number * 100
        value = self.text(name)
        if not (AMOUNT.fullmatch(value) and 1 <= int(value) <= AMOUNT_MAX_SHILLINGS):
            why = f"{name} must be a whole number from 1 to {AMOUNT_MAX_SHILLINGS}."
            raise refusals.invalid_field(name, why)
        return int(value) * 100

    def whole_cents(self, name: str) -> int:
        """Whole shillings from 1 up. M-Pesa itself applies the limits of a command, in its result."""
        value = self.text(name)
        if not (AMOUNT.fullmatch(value) and int(value) >= 1):
            raise refusals.invalid_field(name, f"{name} must be a whole number from 1.")
        return int(value) * 100

    def number(self, name: str, otherwise: int | None, at_most: int, *, at_least: int = 1) -> int:
        """A whole number within its bounds; what is left out is ``otherwise``, or missing if that is None."""
        value = self.optional(name).strip()
        if not value and otherwise is not None:
            return otherwise
        is_number = _digits(value) and len(value) <= len(str(at_most))
        if not (is_number and at_least <= int(value) <= at_most):
            raise refusals.invalid_field(name, f"{name} must be a whole number from {at_least} to {at_most}.")
        return int(value)

    def identifier_type(self, name: str) -> str:
        """A small number; which ones a party may have is asked later."""
        value = self.text(name)
        if not IDENTIFIER.fullmatch(value):
            raise refusals.invalid_field(name, f"{name} must be a number such as 1, 2 or 4.")
        return value

    def remarks(self, name: str) -> str:
        """A comment of 2 to 100 characters."""
        value = self.text(name)
        if not REMARKS_MIN_CHARS <= len(value) <= REMARKS_MAX_CHARS:
            why = f"{name} must have {REMARKS_MIN_CHARS} to {REMARKS_MAX_CHARS} characters."
            raise refusals.invalid_field(name, why)
        return value

    def timestamp(self, name: str) -> str:
        """A time of fourteen digits. That it is near is not asked, as with M-Pesa (daraja.md 5)."""
        value = self.text(name)
        if not (TIMESTAMP.fullmatch(value) and _is_time(value)):
            raise refusals.invalid_field(name, f"{name} must be a real time as YYYYMMDDHHmmss.")
        return value

    def choice(self, name: str, options: tuple[str, ...]) -> str:
        """One of the words, spelled exactly so."""
        value = self.text(name)
        if value not in options:
            raise refusals.invalid_field(name, f"{name} must be exactly {' or '.join(options)}.")
        return value

    def url(self, name: str, *, filtered: bool) -> str:
        """An absolute http or https address; ``filtered`` applies M-Pesa's list of words."""
        value = self.text(name)
        if not is_url(value):
            raise refusals.invalid_field(name, f"{name} must be an absolute http or https URL.")
        word = next((word for word in FORBIDDEN_WORDS if word in value.lower()), "") if filtered else ""
        if word:
            raise refusals.forbidden_word(name, word)
        return value


def read_push(fields: Fields, *, strict_urls: bool) -> Push:
    """STK push (daraja.md 2.1). Only TransactionDesc may be left out."""
    shortcode = fields.shortcode("BusinessShortCode")
    password = fields.text("Password")
    timestamp = fields.timestamp("Timestamp")
    kind = fields.choice("TransactionType", ("CustomerPayBillOnline", "CustomerBuyGoodsOnline"))
    buy_goods = kind == "CustomerBuyGoodsOnline"
    if buy_goods and shortcode == "174379":  # so the sandbox, seen in 2026 (daraja.md 6)
        raise refusals.invalid_field("TransactionType", "174379 is a paybill: use CustomerPayBillOnline.")
    amount_cents = fields.amount_cents("Amount")
    fields.msisdn("PartyA")
    return Push(
        shortcode=shortcode,
        password=password,
        timestamp=timestamp,
        buy_goods=buy_goods,
        amount_cents=amount_cents,
        party_b=fields.shortcode("PartyB"),
        msisdn=fields.msisdn("PhoneNumber"),
        callback_url=fields.url("CallBackURL", filtered=strict_urls),
        account=fields.text("AccountReference"),
        description=fields.optional("TransactionDesc"),
    )


def read_query(fields: Fields) -> Query:
    """STK query (daraja.md 2.2)."""
    return Query(
        shortcode=fields.shortcode("BusinessShortCode"),
        password=fields.text("Password"),
        timestamp=fields.timestamp("Timestamp"),
        checkout_id=fields.text("CheckoutRequestID"),
    )


def read_registration(fields: Fields, version: Literal["v1", "v2"]) -> Registration:
    """C2B registration (daraja.md 2.3); both versions take the same body."""
    shortcode = fields.shortcode("ShortCode")
    response_type = fields.choice("ResponseType", ("Completed", "Cancelled"))
    confirmation = fields.url("ConfirmationURL", filtered=True)
    validation = fields.url("ValidationURL", filtered=True)
    answer: Literal["Completed", "Cancelled"] = "Completed" if response_type == "Completed" else "Cancelled"
    return Registration(shortcode, Urls(confirmation, validation, answer, version))


def read_simulation(fields: Fields) -> Simulation:
    """C2B simulation (daraja.md 2.4); the account is empty for buy goods."""
    shortcode = fields.shortcode("ShortCode")
    command = fields.choice("CommandID", ("CustomerPayBillOnline", "CustomerBuyGoodsOnline"))
    amount_cents = fields.amount_cents("Amount")
    msisdn = fields.msisdn("Msisdn")
    buy_goods = command == "CustomerBuyGoodsOnline"
    account = "" if buy_goods else fields.optional("BillRefNumber")
    return Simulation(shortcode, msisdn, amount_cents, account, buy_goods)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        return decode(body, OBJECT)
    except msgspec.DecodeError as broken:
        raise refusals.invalid_payload(f"The body is no JSON object: {broken}") from None


def _spelled(value: Any) -> str:
    """A number in digits; anything else that is no text counts as nothing."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def is_msisdn(value: str) -> bool:
    """Whether it is a phone number in the wire form (daraja.md 7.8)."""
    return MSISDN.fullmatch(value) is not None


def _digits(value: str) -> bool:
    return value.isascii() and value.isdigit()


@lru_cache(SEEN_LATELY_MAX)
def _is_time(value: str) -> bool:
    try:
        time(int(value[8:10]), int(value[10:12]), int(value[12:]))
        date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return False
    return True


def is_url(value: str) -> bool:
    """Whether it is an absolute http or https address."""
    if PLAIN_URL.fullmatch(value):
        return True
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not any(map(str.isspace, value))
