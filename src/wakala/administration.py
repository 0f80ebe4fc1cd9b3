"""Organisations, shortcodes and apps: how they enter. The command line is the first face of it."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from wakala.errors import CallerError, NotFoundError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.accounts import (
    APPS_PER_ORGANISATION_LIMIT,
    OLD_SECRETS_LIMIT,
    App,
    AppSecret,
    BodyFormat,
    Environment,
    Product,
    Shortcode,
    ShortcodeKind,
    Side,
)
from wakala.rules.addresses import require_web_address
from wakala.rules.overlap import OVERLAP_S, overlap_ends_us
from wakala.rules.sides import BrokerAccess
from wakala.rules.signing import SECRET_PREFIX, app_digest, stored_digest
from wakala.rules.vault import (
    NONCE_LENGTH_BYTES,
    SEAL_LENGTH_BYTES,
    MasterKey,
    new_data_key,
    require_its_key,
    seal,
)

NAME_MAX_CHARS = 100  # as much as a person reads; it stands in tables
WEBHOOK_KEY_BYTES = 32
CONSUMER_KEY_BYTES = 15  # 24 characters of base32
CONSUMER_SECRET_BYTES = 25  # 40 characters: 200 bits, far above the 112 that make a plain hash enough
_NUMBER = re.compile(r"[0-9]{5,7}")


@dataclass(frozen=True, slots=True)
class NewApp:
    """An app with what is shown once and never again."""

    app: App
    consumer_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A new secret of an app, shown once; until when the one before it lets in too, ``None`` where it does not."""

    app: App
    consumer_secret: str = field(repr=False)
    old_until_us: int | None


@dataclass(frozen=True, slots=True)
class ShortcodeDetails:
    """What an operator knows of a shortcode; he may be asked for its secrets last."""

    number: str
    kind: ShortcodeKind
    environment: Environment
    till: str | None
    consumer_key: str = ""
    consumer_secret: str = field(default="", repr=False)
    passkey: str = field(default="", repr=False)
    response_type: str = "Completed"
    products: tuple[Product, ...] = ()


class Administration:
    """One method per thing an administrator does."""

    def __init__(self, journal: Journal, master: MasterKey, source: Source) -> None:
        self._journal = journal
        self._master = master
        self._source = source

    async def organisation(self, name: str) -> str:
        """The ID of an organisation; it is made where there is none of that name."""
        for organisation_id, known in (await self._journal.organisations()).items():
            if known == name:
                return organisation_id
        _check_name("organisation", name)
        organisation_id = self._source.new_id("org")
        await self._journal.add_organisation(organisation_id, name, self._source.now_us())
        return organisation_id

    async def require_its_key(self) -> None:
        """`ConfigurationError` where the key file opens nothing of what is here: it is another database's."""
        require_its_key(self._master, await self._journal.data_keys())

    async def _new_data_key(self, owner: str) -> str:
        await self.require_its_key()  # else one key file would open one half of the secrets, and one the other
        return new_data_key(self._master, owner, self._source.random_bytes(SEAL_LENGTH_BYTES))

    async def require_new(self, organisation: str, details: ShortcodeDetails) -> None:
        """Say what keeps a shortcode from entering; nobody needs to have typed its secrets for that."""
        _check(details)
        names = await self._journal.organisations()
        for known in await self._journal.shortcodes():
            same_owner = names[known.organisation_id] == organisation and known.environment == details.environment
            if same_owner and known.number == details.number:
                raise CallerError(f"{details.number} is already there for {organisation} in {details.environment}.")

    async def add_shortcode(self, organisation: str, details: ShortcodeDetails) -> Shortcode:
        """A paybill, or a store number with its till."""
        await self.require_new(organisation, details)
        organisation_id = await self.organisation(organisation)
        shortcode_id = self._source.new_id("sc")
        data_key = await self._new_data_key(shortcode_id)

        def sealed(column: str, secret: str) -> str:
            nonce = self._source.random_bytes(NONCE_LENGTH_BYTES)
            return seal(self._master, data_key, shortcode_id, f"shortcodes.{column}", secret, nonce=nonce)

        apps = [app for app in await self._journal.apps() if app.organisation_id == organisation_id]
        shortcode = Shortcode(
            id=shortcode_id,
            organisation_id=organisation_id,
            environment=details.environment,
            number=details.number,
            kind=details.kind,
            till=details.till,
            side=Side.DARAJA,
            response_type=details.response_type,
            data_key=data_key,
            consumer_key=sealed("consumer_key", details.consumer_key),
            consumer_secret=sealed("consumer_secret", details.consumer_secret),
            passkey=sealed("passkey", details.passkey),
            collector_app_id=apps[0].id if apps and details.environment is Environment.SANDBOX else None,
            registered_us=None,
            created_us=self._source.now_us(),
            products=details.products,
        )
        await self._journal.add_shortcode(shortcode)
        return shortcode

    async def set_initiator(self, shortcode: Shortcode, name: str, password: str, certificate: str) -> None:
        """The API operator that pays out, asks and reverses for a shortcode. Only M-Pesa can read the password."""
        if not name or not password:
            raise CallerError(
                "An API operator has a name and a password; M-Pesa's portal shows the one, you chose both."
            )
        nonce = self._source.random_bytes(NONCE_LENGTH_BYTES)
        sealed = seal(
            self._master, shortcode.data_key, shortcode.id, "shortcodes.initiator_password", password, nonce=nonce
        )
        await self._journal.set_initiator(shortcode.id, name, sealed, certificate)

    async def use_broker(self, shortcode: Shortcode, access: BrokerAccess) -> None:
        """New payments go by the Broker from now on, but for what only Daraja has; those under way end as they began.

        All of the access is sealed: password, certificate and key.
        """
        nonce = self._source.random_bytes(NONCE_LENGTH_BYTES)
        sealed = seal(
            self._master, shortcode.data_key, shortcode.id, "shortcodes.broker", access.sealed_form(), nonce=nonce
        )
        await self._journal.set_side(shortcode.id, Side.BROKER, sealed)

    async def use_daraja(self, shortcode: Shortcode) -> None:
        """New payments go by Daraja again; the access to the Broker stays, for those that began there."""
        await self._journal.set_side(shortcode.id, Side.DARAJA, None)

    async def add_product(self, shortcode: Shortcode, product: Product) -> None:
        """Safaricom granted the shortcode a product; it keeps those that it has by now."""
        fresh = await self.shortcode(shortcode.number, shortcode.environment, shortcode.organisation_id)
        await self._journal.set_products(fresh.id, tuple(dict.fromkeys((*fresh.products, product))))

    async def shortcode(self, number: str, environment: Environment, organisation_id: str = "") -> Shortcode:
        """As `shortcode_named` says; of one organisation only, where its ID is given."""
        known = await self._journal.shortcodes()
        theirs = [one for one in known if organisation_id in {"", one.organisation_id}]
        return shortcode_named(theirs, await self._journal.organisations(), number, environment)

    async def add_app(self, organisation: str, name: str, callback_url: str | None, body_format: BodyFormat) -> NewApp:
        """Consumer key and secret for one integration. It starts in the sandbox and collects there."""
        _check_url(callback_url)
        _check_name("app", name)
        organisation_id = await self.organisation(organisation)
        apps = [app for app in await self._journal.apps() if app.organisation_id == organisation_id]
        if len(apps) >= APPS_PER_ORGANISATION_LIMIT:
            raise CallerError(f"{organisation} has {len(apps)} apps already; that is the limit.")
        if any(app.name == name for app in apps):
            raise CallerError(f"{organisation} has an app called {name} already. Choose another name.")
        app_id = self._source.new_id("app")
        key, secret = self._token(CONSUMER_KEY_BYTES), self._token(CONSUMER_SECRET_BYTES)
        webhook_secret = SECRET_PREFIX + base64.b64encode(self._source.random_bytes(WEBHOOK_KEY_BYTES)).decode()
        data_key = await self._new_data_key(app_id)
        nonce = self._source.random_bytes(NONCE_LENGTH_BYTES)
        app = App(
            id=app_id,
            organisation_id=organisation_id,
            name=name,
            consumer_key=key,
            digest=stored_digest(app_digest(key, secret)),
            secret_id=app_id,
            data_key=data_key,
            webhook_secret=seal(self._master, data_key, app_id, "apps.webhook_secret", webhook_secret, nonce=nonce),
            callback_url=callback_url,
            body_format=body_format,
            live_shortcode_id=None,
            is_active=True,
            created_us=self._source.now_us(),
        )
        await self._journal.add_app(app)
        for shortcode in await self._journal.shortcodes():
            is_theirs = shortcode.organisation_id == organisation_id
            if is_theirs and shortcode.environment is Environment.SANDBOX and shortcode.collector_app_id is None:
                await self._journal.set_collector(shortcode.id, app_id)
        return NewApp(app, secret, webhook_secret)

    async def set_callback_url(self, app: App, url: str | None) -> None:
        """From the next attempt on."""
        _check_url(url)
        await self._journal.set_callback_url(app.organisation_id, app.id, url)

    async def set_active(self, app: App, *, is_active: bool) -> None:
        """Let an app's keys and tokens in, or not. Its payments go on, and it is told of them."""
        await self._journal.set_app_active(app.organisation_id, app.id, is_active=is_active)

    async def rotate(self, app: App, overlap_s: float = OVERLAP_S) -> NewSecret:
        """A new consumer secret for the same key. The one before lets the app in until the overlap is over."""
        now_us = self._source.now_us()
        until_us = overlap_ends_us(now_us, overlap_s)
        is_overlapping = until_us > now_us
        if is_overlapping:
            await self._require_few_secrets(app, now_us)
        secret = self._token(CONSUMER_SECRET_BYTES)
        digest = stored_digest(app_digest(app.consumer_key, secret))
        new = AppSecret(self._source.new_id("sec"), app.organisation_id, app.id, digest)
        if not await self._journal.replace_secret(replace(app.secret, until_us=until_us), new, now_us):
            raise CallerError(f"{app.name} has just been given a new secret by somebody else: nothing was changed.")
        return NewSecret(app, secret, until_us if is_overlapping else None)

    async def _require_few_secrets(self, app: App, now_us: int) -> None:
        known = [one for one in await self._journal.old_secrets() if one.app_id == app.id and one.lets_in(now_us)]
        if len(known) >= OLD_SECRETS_LIMIT:
            raise CallerError(
                f"{app.name} has {len(known)} old secrets that still let it in; that is the limit. "
                "Without an overlap all of them end."
            )

    async def bind(self, app: App, number: str) -> Shortcode:
        """Tie an app to a live shortcode of its organisation, for good."""
        for shortcode in await self._journal.shortcodes():
            is_theirs = shortcode.organisation_id == app.organisation_id
            if is_theirs and shortcode.environment is Environment.LIVE and shortcode.number == number:
                if not await self._journal.bind_app(app.organisation_id, app.id, shortcode.id):
                    raise CallerError(f"{app.name} is bound already, and that cannot be changed. Make another app.")
                if shortcode.collector_app_id is None:
                    await self._journal.set_collector(shortcode.id, app.id)
                return shortcode
        raise NotFoundError(f"This organisation has no live shortcode {number}: add it with `wakala shortcode add`.")

    async def app(self, name_or_key: str) -> App:
        """By consumer key, ID or name. A name that several organisations have given names none of their apps."""
        apps = await self._journal.apps()
        found = [app for app in apps if name_or_key in {app.consumer_key, app.id}]
        found = found or [app for app in apps if app.name == name_or_key]
        if not found:
            raise NotFoundError(f"There is no app called {name_or_key}: see `wakala app list`.")
        if len(found) > 1:
            names = await self._journal.organisations()
            known = ", ".join(f"{app.consumer_key} ({names[app.organisation_id]})" for app in found)
            raise CallerError(f"Several organisations have an app called {name_or_key}: give its key, one of {known}.")
        return found[0]

    def _token(self, length_bytes: int) -> str:
        return base64.b32encode(self._source.random_bytes(length_bytes)).decode().lower()


def shortcode_named(
    known: Sequence[Shortcode], organisations: Mapping[str, str], number: str, environment: Environment
) -> Shortcode:
    """By its number, or ``ORGANISATION/NUMBER``: several organisations may have the sandbox's."""
    owner, _, digits = number.rpartition("/")
    found = [one for one in known if one.number == digits and one.environment is environment]
    found = [one for one in found if owner in {"", one.organisation_id, organisations[one.organisation_id]}]
    if not found:
        raise NotFoundError(f"There is no {environment} shortcode {number}: see `wakala shortcode list`.")
    if len(found) > 1:
        names = ", ".join(f"{organisations[one.organisation_id]}/{digits}" for one in found)
        raise CallerError(f"Several organisations have a shortcode {digits} in {environment}: write one of {names}.")
    return found[0]


def _check_name(of: str, name: str) -> None:
    """It is typed again later, and stands in tables and in the log."""
    if not name or name != name.strip() or not name.isprintable() or len(name) > NAME_MAX_CHARS:
        raise CallerError(
            f"The name of an {of} has 1 to {NAME_MAX_CHARS} printable characters, and no blank at either end."
        )


def _check_url(url: str | None) -> None:
    if url is not None:
        require_web_address(url)


def _check(details: ShortcodeDetails) -> None:
    if not _NUMBER.fullmatch(details.number):
        raise CallerError("A shortcode has five to seven digits.")
    if details.kind is ShortcodeKind.TILL and not details.till:
        raise CallerError("A till needs both numbers: --number is the store number, --till the till number.")
    if details.kind is not ShortcodeKind.TILL and details.till:
        raise CallerError("A paybill has no till. Use --kind till for a store number with its till.")
    if details.till and not _NUMBER.fullmatch(details.till):
        raise CallerError("A till number has five to seven digits, as its store number has.")
