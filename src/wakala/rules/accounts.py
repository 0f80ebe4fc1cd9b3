"""Organisations' apps and shortcodes: who may do what."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from wakala.errors import FieldFault, ForbiddenError, InvalidFieldsError, NotAllowedHereError

APPS_PER_ORGANISATION_LIMIT = 50  # as Proxy API had it (proxyapi.md 1.2)
OLD_SECRETS_LIMIT = 10  # of an app, that let it in beside the new one: more of them nobody keeps account of


class Environment(StrEnum):
    """Two worlds, never mixed. The first path segment says which."""

    SANDBOX = "sandbox"
    LIVE = "live"


class ShortcodeKind(StrEnum):
    """What M-Pesa made of a number. A till's number by itself is never used with M-Pesa's APIs: its store number is."""

    PAYBILL = "paybill"
    TILL = "till"
    DISBURSEMENT = "disbursement"  # a B2C shortcode: pays customers in bulk
    HEAD_OFFICE = "head_office"  # recorded, never used


class Product(StrEnum):
    """What a shortcode has beyond collecting; Safaricom grants it."""

    B2C = "b2c"
    B2B = "b2b"
    PULL = "pull"


class BodyFormat(StrEnum):
    """The shape in which an app wants its notifications."""

    WAKALA = "wakala"
    DARAJA = "daraja"
    PROXYAPI = "proxyapi"


class Side(StrEnum):
    """Which of M-Pesa's interfaces."""

    DARAJA = "daraja"  # JSON, over the internet
    BROKER = "broker"  # SOAP and XML, over a private line


class Shortcode(msgspec.Struct, frozen=True):
    """A paybill, or a store number with its one till. Secrets are sealed; the vault opens them with ``data_key``."""

    id: str
    organisation_id: str
    environment: Environment
    number: str
    kind: ShortcodeKind
    till: str | None
    side: str
    response_type: str
    data_key: str
    consumer_key: str
    consumer_secret: str
    passkey: str
    collector_app_id: str | None
    registered_us: int | None
    created_us: int
    products: tuple[Product, ...] = ()
    initiator: str = ""  # the API operator's name; without it nothing that pays out is possible
    initiator_password: str = ""
    certificate: str = ""  # M-Pesa's public certificate, PEM: what the initiator's password is encrypted for
    initiator_failures: int = 0
    pulled_us: int | None = None
    confirmation_url: str = ""  # of a caller of Daraja's own paths: payments are told there, in M-Pesa's words
    validation_url: str = ""  # and asked about there, where Safaricom switched validation on
    bill_key: str = ""  # Bill Manager's ``app_key``, sealed: what its opt-in answered (daraja.md 2.16)
    bill_url: str = ""  # where a caller of Daraja's own paths is told of paid bills
    broker: str = ""  # access to M-Pesa's other side, sealed as a whole

    @property
    def party_b(self) -> str:
        """Who is paid by an STK push: the till of a store, the paybill itself otherwise (daraja.md 2.1)."""
        return self.till or self.number


@dataclass(frozen=True, slots=True)
class Registration:
    """What M-Pesa was told of a shortcode's URLs: ours always; behind them the caller's, or none."""

    response_type: str
    confirmation_url: str = ""
    validation_url: str = ""
    app_id: str | None = None


class AppSecret(msgspec.Struct, frozen=True):
    """A consumer secret, of which only a hash is kept; ``until_us`` where a newer one has taken its place.

    Tokens bear the ID of the secret that bought them. An app's first secret has the app's own.
    """

    id: str
    organisation_id: str
    app_id: str
    digest: bytes
    until_us: int | None = None

    def lets_in(self, now_us: int) -> bool:
        """Always, or until the overlap with the newer one is over."""
        return self.until_us is None or now_us < self.until_us


class App(msgspec.Struct, frozen=True):
    """Consumer key and secret of one integration; only a hash of the secret's digest is kept."""

    id: str
    organisation_id: str
    name: str
    consumer_key: str
    digest: bytes
    secret_id: str
    data_key: str
    webhook_secret: str
    callback_url: str | None
    body_format: BodyFormat
    live_shortcode_id: str | None
    is_active: bool
    created_us: int

    @property
    def secret(self) -> AppSecret:
        """The one in force."""
        return AppSecret(self.secret_id, self.organisation_id, self.id, self.digest)


def require_collector(shortcode: Shortcode, app: App) -> None:
    """Where payments are told is decided by the app that is told of them; no other app of the house turns it away."""
    if shortcode.collector_app_id not in {None, app.id}:
        raise NotAllowedHereError(
            f"Payments to {shortcode.number} are told to another app of this organisation. Register with its keys, "
            "or let `wakala app create` hand the shortcode over first."
        )


INITIATOR_FAILURES_LIMIT = 2  # M-Pesa locks an operator after a few more (daraja.md 5)
LOCKING_CODES = frozenset({"18", "20", "2001", "8006"})
"""M-Pesa does not take the operator: its name, password or certificate is wrong, or it is locked (daraja.md 4.2).

The older core says 18 and 20 where the newer one says 2001, and may be behind either side (broker.md 11.2, 16.2).
"""


def shortcode_for(
    app: App, environment: Environment, named: str | None, shortcodes: tuple[Shortcode, ...]
) -> Shortcode:
    """The shortcode that ``app`` acts for: its bound one in live; in sandbox the named one, or the only one there is.

    ``shortcodes`` are those of the app's organisation in this environment.
    """
    if environment is Environment.LIVE:
        return _bound(app, named, shortcodes)
    if named is None:
        if len(shortcodes) == 1:
            return shortcodes[0]
        if not shortcodes:
            raise NotAllowedHereError("This organisation has no sandbox shortcode yet: run `wakala shortcode add`.")
        message = "There are several sandbox shortcodes: say which one is paid, e.g. " + shortcodes[0].number + "."
        raise InvalidFieldsError(faults=(FieldFault("/ReceiverShortcode", message),))
    for shortcode in shortcodes:
        if named in {shortcode.number, shortcode.till}:
            return shortcode
    raise ForbiddenError(f"Shortcode {named} does not belong to this app's organisation in the sandbox.")


def _bound(app: App, named: str | None, shortcodes: tuple[Shortcode, ...]) -> Shortcode:
    bound = next((s for s in shortcodes if s.id == app.live_shortcode_id), None)
    if bound is None:
        raise ForbiddenError("This app is not bound to a live shortcode: run `wakala app bind`, or use /sandbox/... .")
    if named is not None and named not in {bound.number, bound.till}:
        raise ForbiddenError(f"This app is bound to shortcode {bound.number} and cannot act for {named}.")
    return bound
