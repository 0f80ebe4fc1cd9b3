"""Apps and shortcodes in memory: who is calling, for which shortcode, with which secrets.

They are few and read on every request; a running gateway looks every second whether they changed. Until they were read
for the first time nobody is a stranger: the database is away.
"""

from collections.abc import Callable

from wakala.errors import DatabaseAwayError, UnauthenticatedError
from wakala.journal.journal import Journal
from wakala.rules.accounts import App, AppSecret, Environment, Product, Shortcode, ShortcodeKind
from wakala.rules.endpoints import Endpoint, SigningKey
from wakala.rules.sides import read_access
from wakala.rules.signing import Signer, private_key, secret_of_token, stored_digest, webhook_key
from wakala.rules.vault import MasterKey, seal, unseal
from wakala.upstream.door import Credentials


class Directory:
    """A copy of the journal's apps and shortcodes, with their secrets opened on first use."""

    def __init__(
        self, journal: Journal, master: MasterKey, base_urls: dict[Environment, str], now_us: Callable[[], int]
    ) -> None:
        self._now_us = now_us
        self._journal = journal
        self._master = master
        self._base_urls = base_urls
        self._token_key = master.derive("token")
        self._version = 0
        self._was_read = False
        self._apps: dict[str, App] = {}
        self._secrets: dict[str, AppSecret] = {}
        self._by_digest: dict[bytes, AppSecret] = {}
        self._shortcodes: dict[str, Shortcode] = {}
        self._refused: dict[str, tuple[int, str, int]] = {}
        self._of_organisation: dict[tuple[str, str], tuple[Shortcode, ...]] = {}
        self._credentials: dict[str, Credentials] = {}
        self._webhook_keys: dict[str, bytes] = {}
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._signing_keys: dict[str, tuple[SigningKey, ...]] = {}
        self._signers: dict[str, tuple[Signer, ...]] = {}
        self._to_tell: list[Callable[[], None]] = []

    def on_change(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` after each reading that brought something new, whoever asked for it, and before he goes on."""
        self._to_tell.append(tell)

    async def refresh(self) -> bool:
        """Read again where something changed; True if it did.

        All of it changes at once, and as of one version: a URL never goes with what was true of the one before it.
        """
        version = await self._journal.directory_version()
        if version == self._version:
            return False
        while True:
            apps, shortcodes = await self._journal.apps(), await self._journal.shortcodes()
            old_secrets = await self._journal.old_secrets()
            endpoints, keys = await self._journal.endpoints.endpoints(), await self._journal.endpoints.signing_keys()
            read_at, version = version, await self._journal.directory_version()
            if version == read_at:
                break
        self._apps = {app.id: app for app in apps}
        secrets = [*old_secrets, *(app.secret for app in apps)]
        self._secrets = {secret.id: secret for secret in secrets}
        self._by_digest = {secret.digest: secret for secret in secrets}
        self._shortcodes = {shortcode.id: shortcode for shortcode in shortcodes}
        self._keep_refused(shortcodes)
        self._of_organisation = {}
        for shortcode in shortcodes:
            key = (shortcode.organisation_id, shortcode.environment)
            self._of_organisation[key] = (*self._of_organisation.get(key, ()), shortcode)
        self._credentials.clear()
        self._webhook_keys.clear()
        self._keep_endpoints(endpoints, keys)
        self._version = version
        self._was_read = True
        for tell in self._to_tell:
            tell()
        return True

    def _keep_refused(self, shortcodes: list[Shortcode]) -> None:
        known, now_us = self._refused, self._now_us()
        self._refused = {}
        for one in shortcodes:
            counted, password = one.initiator_failures, one.initiator_password
            if counted:
                same = known.get(one.id, ())[:2] == (counted, password)
                self._refused[one.id] = known[one.id] if same else (counted, password, now_us)

    def _keep_endpoints(self, endpoints: list[Endpoint], keys: list[SigningKey]) -> None:
        self._endpoints = {
            (app.id, ""): Endpoint(f"end_{app.id}", app.organisation_id, app.id, "") for app in self._apps.values()
        }
        self._endpoints |= {(endpoint.app_id, endpoint.shortcode_id): endpoint for endpoint in endpoints}
        self._signing_keys = {}
        for key in keys:
            self._signing_keys[key.endpoint_id] = (*self._signing_keys.get(key.endpoint_id, ()), key)
        self._signers.clear()

    def _require_read(self) -> None:
        if not self._was_read:
            raise DatabaseAwayError

    @property
    def token_key(self) -> bytes:
        """Signs access tokens."""
        return self._token_key

    def secret_of_digest(self, digest: str, now_us: int) -> AppSecret:
        """The secret with this ``key:secret`` digest. The look-up is by a hash of it, so timing tells nothing."""
        self._require_read()
        return self._that_lets_in(self._by_digest.get(stored_digest(digest)), now_us)

    def app_of_digest(self, digest: str, now_us: int) -> App:
        """The app with this ``key:secret`` digest."""
        return self._apps[self.secret_of_digest(digest, now_us).app_id]

    def app_of_token(self, token: str, now_us: int) -> App:
        """The app that a bearer token was given to. It ends with the secret that bought it."""
        self._require_read()
        secret_id = secret_of_token(self._token_key, token, now_us // 1_000_000)
        return self._apps[self._that_lets_in(self._secrets.get(secret_id or ""), now_us).app_id]

    def _that_lets_in(self, secret: AppSecret | None, now_us: int) -> AppSecret:
        if secret is None or not secret.lets_in(now_us) or not self._apps[secret.app_id].is_active:
            raise UnauthenticatedError
        return secret

    def app(self, app_id: str) -> App | None:
        """By ID."""
        return self._apps.get(app_id)

    def shortcode(self, shortcode_id: str) -> Shortcode | None:
        """By ID."""
        self._require_read()
        return self._shortcodes.get(shortcode_id)

    def refused_us(self, shortcode_id: str) -> int:
        """When M-Pesa's last refusal of the shortcode's API operator was known here, a moment after it; 0 for none."""
        return self._refused.get(shortcode_id, ("", "", 0))[2]

    def shortcodes_of(self, organisation_id: str, environment: Environment) -> tuple[Shortcode, ...]:
        """An organisation's shortcodes in one environment."""
        return self._of_organisation.get((organisation_id, environment), ())

    def shortcodes_with(self, product: Product) -> tuple[Shortcode, ...]:
        """All that Safaricom granted a product, of every organisation."""
        return tuple([each for each in self._shortcodes.values() if product in each.products])

    def credentials(self, shortcode_id: str) -> Credentials:
        """What is needed to speak to M-Pesa for a shortcode."""
        found = self._credentials.get(shortcode_id)
        if found is None:
            found = self._credentials[shortcode_id] = self._open(self._shortcodes[shortcode_id])
        return found

    def _open(self, shortcode: Shortcode) -> Credentials:
        def opened(field: str, sealed: str) -> str:
            return unseal(self._master, shortcode.data_key, shortcode.id, f"shortcodes.{field}", sealed)

        return Credentials(
            shortcode_id=shortcode.id,
            base_url=self._base_urls[shortcode.environment],
            number=shortcode.number,
            party_b=shortcode.party_b,
            is_till=shortcode.kind is ShortcodeKind.TILL,
            consumer_key=opened("consumer_key", shortcode.consumer_key),
            consumer_secret=opened("consumer_secret", shortcode.consumer_secret),
            passkey=opened("passkey", shortcode.passkey),
            initiator=shortcode.initiator,
            initiator_password=(
                opened("initiator_password", shortcode.initiator_password) if shortcode.initiator_password else ""
            ),
            certificate=shortcode.certificate,
            bill_key=opened("bill_key", shortcode.bill_key) if shortcode.bill_key else "",
            broker=read_access(opened("broker", shortcode.broker)) if shortcode.broker else None,
        )

    async def keep_bill_key(self, shortcode_id: str, key: str, nonce: bytes) -> None:
        """Bill Manager's key, sealed before it is written; the next command carries it."""
        data_key = self._shortcodes[shortcode_id].data_key
        sealed = seal(self._master, data_key, shortcode_id, "shortcodes.bill_key", key, nonce=nonce)
        await self._journal.keep_bill_key(shortcode_id, sealed)
        await self.refresh()

    def endpoint(self, app_id: str, shortcode_id: str) -> Endpoint | None:
        """Where payments of this shortcode are told to this app: the shortcode's own endpoint, else the app's."""
        return self._endpoints.get((app_id, shortcode_id)) or self._endpoints.get((app_id, ""))

    @property
    def apps(self) -> tuple[App, ...]:
        """All of them, of every organisation."""
        return tuple(self._apps.values())

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them."""
        return tuple(self._endpoints.values())

    def name_of(self, endpoint: Endpoint) -> str:
        """What a person calls it: the app, and the shortcode where it is one's own."""
        app, shortcode = self._apps.get(endpoint.app_id), self._shortcodes.get(endpoint.shortcode_id)
        name = app.name if app else endpoint.app_id
        return f"{name} for {shortcode.number} ({shortcode.environment})" if shortcode else name

    def url_of(self, endpoint: Endpoint) -> str:
        """Where it leads today; "" for nowhere."""
        app = self._apps.get(endpoint.app_id)
        return endpoint.url or (app.callback_url if app else None) or ""

    def endpoints_of(self, app_id: str) -> tuple[Endpoint, ...]:
        """An app's endpoints, its own first."""
        return tuple(self._endpoints[key] for key in sorted(self._endpoints) if key[0] == app_id)

    def keys_of(self, endpoint: Endpoint) -> tuple[SigningKey, ...]:
        """An endpoint's own keys; without any, those of its app sign."""
        return self._signing_keys.get(endpoint.id, ())

    def signers(self, endpoint: Endpoint) -> tuple[Signer, ...]:
        """What signs for an endpoint, the newest first, so that who reads one signature reads that of today's key.

        Its own keys; where it has no HMAC key, those of the app's endpoint, or the app's first secret. The app's pairs
        sign for all of its endpoints: a new secret ends no pair.
        """
        found = self._signers.get(endpoint.id)
        if found is None:
            found = self._signers[endpoint.id] = self._opened_signers(endpoint)
        return found

    def _opened_signers(self, endpoint: Endpoint) -> tuple[Signer, ...]:
        app = self._apps[endpoint.app_id]
        keys = sorted(self._signing_keys.get(endpoint.id, ()), key=lambda key: key.created_us, reverse=True)
        signers = []
        for key in keys:
            secret = unseal(self._master, app.data_key, app.id, f"signing_keys.{key.id}", key.sealed)
            signers.append(Signer(webhook_key(secret) if key.version == "v1" else private_key(secret), key.until_us))
        shared = self._endpoints.get((endpoint.app_id, "")) if endpoint.shortcode_id else None
        of_the_app = self.signers(shared) if shared is not None else ()
        if any(key.version == "v1" for key in keys):
            return (*signers, *(one for one in of_the_app if not isinstance(one.key, bytes)))
        if of_the_app:
            return (*of_the_app, *signers)
        return (Signer(self.webhook_key(app.id)), *signers)

    def webhook_key(self, app_id: str) -> bytes:
        """The key that signs an app's notifications."""
        key = self._webhook_keys.get(app_id)
        if key is None:
            app = self._apps[app_id]
            secret = unseal(self._master, app.data_key, app.id, "apps.webhook_secret", app.webhook_secret)
            key = self._webhook_keys[app_id] = webhook_key(secret)
        return key
