"""An alert brought to the operator's own URL, signed as notifications are: by a key that nobody has to be given.

The key comes from the key file, so its public half is all that the receiver needs (`wakala alert key`).
"""

import logging
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wakala.deliveries.deliveries import signed_headers
from wakala.directory import Directory
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.outgoing import Outgoing, Reply
from wakala.rules.alerts import Alert, AlertType, attempted, is_stale, unwritten
from wakala.rules.naming import typed_endpoint, typed_names
from wakala.rules.payment import Payment, Scope
from wakala.rules.signing import Signer
from wakala.rules.vault import MasterKey
from wakala.wire.alert import Place, alert_body, sentence_of

log = logging.getLogger("wakala.alerts")


def signing_key(master: MasterKey) -> Ed25519PrivateKey:
    """The one that signs alerts, for as long as the key file stays."""
    return Ed25519PrivateKey.from_private_bytes(master.derive("alerts"))


class Alerting:
    """``outgoing`` is open and unguarded, for the URL comes from the configuration. ``limit_s`` is for one answer."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        outgoing: Outgoing,
        source: Source,
        master: MasterKey,
        *,
        url: str,
        limit_s: float,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._outgoing = outgoing
        self._source = source
        self._signers = (Signer(signing_key(master)),)
        self._url = url
        self.limit_s = limit_s

    @property
    def host(self) -> str:
        """Where alerts go, without what only the receiver is to know: the path of a chat's URL lets everybody write."""
        return urlsplit(self._url).netloc.rpartition("@")[2]

    async def tell(self, alert: Alert) -> bool:
        """One try, and what came of it is written down. False where it could not be told."""
        if is_stale(alert, self._source.now_us()):
            await self._record(alert, "older than three days when its turn came")
            return True
        error = await self._send(alert, await self._payment_of(alert))
        await self._record(alert, error)
        return error is None

    async def sum_up(self, alerts: Sequence[Alert]) -> bool:
        """Told in one sentence, for nobody reads hundreds. False where it could not be told."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(alert.type for alert in alerts).most_common())
        error = await self.say(AlertType.MANY, f"And {len(alerts)} more at once: {kinds}. See `wakala alert list`.")
        for alert in alerts:
            await self._record(alert, error)
        return error is None

    async def say(self, type_: AlertType, sentence: str) -> str | None:
        """Something that no journal has; what was wrong with the answer, or None."""
        alert = unwritten(self._source.new_id("alr"), type_, sentence, self._source.now_us())
        return await self._send(alert, None)

    async def test(self) -> str | None:
        """An alert that says it is a test; what was wrong with the answer, or None."""
        return await self.say(AlertType.TEST, "This is a test by Wakala: alerts arrive here. Nothing has happened.")

    async def sentence(self, alert: Alert) -> str:
        """The same in words, for a list."""
        return sentence_of(alert, self._place(alert.scope), await self._payment_of(alert))

    async def _record(self, alert: Alert, error: str | None) -> None:
        after = attempted(alert, error, self._source.now_us())
        if await self._journal.alerts.record(alert, after) and error is not None:
            again = "it is tried again" if after.due_us is not None else "it stays in `wakala alert list`"
            log.warning("%s could not be told to %s: %s; %s", alert.type, self.host, error, again)

    async def _payment_of(self, alert: Alert) -> Payment | None:
        return await self._journal.payment(alert.payment_id) if alert.payment_id else None

    async def _send(self, alert: Alert, payment: Payment | None) -> str | None:
        body = alert_body(alert, self._place(alert.scope), payment)
        headers = signed_headers(self._signers, alert.id, body, self._source.now_us())
        reply = await self._outgoing.send("POST", self._url, headers, body, total_s=self.limit_s)
        if not isinstance(reply, Reply):
            return reply.reason
        return None if 200 <= reply.status < 300 else f"it answered {reply.status}"

    def _place(self, scope: Scope) -> Place:
        app = self._directory.app(scope.app_id)
        shortcode = self._directory.shortcode(scope.shortcode_id) if scope.shortcode_id else None
        environment = scope.environment or (shortcode.environment if shortcode else "")
        name = typed_names(self._directory.apps).get(scope.app_id, scope.app_id)
        number = shortcode.number if shortcode else ""
        return Place(app.name if app else scope.app_id, number, environment, typed_endpoint(name, shortcode))
