"""The test of a callback URL: a signed notification, then one whose signature is wrong, and a grade for what was met.

The addresses are judged by the very client that brings notifications. The test notification names no payment.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wakala.deliveries.deliveries import signed_headers
from wakala.errors import FieldFault, UrlTestFailedError, UrlTestsBusyError
from wakala.identity import Source
from wakala.outgoing import Look, Outgoing, Stage, refusal
from wakala.rules.accounts import BodyFormat
from wakala.rules.exchange import Headers
from wakala.rules.signing import ED25519_SEED_BYTES, Signer
from wakala.rules.url_grading import DAY_S, Grading, Reach, Seen, graded
from wakala.wire.notification import render_test

TEST_LIMIT_S = 5.0  # for all of it: who changes a URL waits for it
TURN_LIMIT_S = 5.0  # and for its turn before, which comes at once unless somebody tests URLs that hang
TESTS_LIMIT = 32  # at once in a process; each holds two connections at the most
TESTS_OF_ONE_LIMIT = 2  # of one organisation: its URLs may hang, and others want their turn
HIDDEN = "an address that is not shown"


class Prober:
    """Tests URLs. A ``discreet`` one does not name private addresses: an app may not learn our network by it."""

    def __init__(
        self,
        outgoing: Outgoing,
        source: Source,
        *,
        discreet: bool,
        limit_s: float = TEST_LIMIT_S,
        turn_limit_s: float = TURN_LIMIT_S,
    ) -> None:
        self._outgoing = outgoing
        self._source = source
        self._discreet = discreet
        self._limit_s = limit_s
        self._turn_limit_s = turn_limit_s
        self._turns = asyncio.Semaphore(TESTS_LIMIT)
        self._turns_of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def test(self, url: str, signers: tuple[Signer, ...], body_format: BodyFormat, organisation: str) -> Grading:
        """Within the limit. The receiver meets a test that is signed like any notification, and must take it."""
        body = render_test(body_format, self._source.now_us())
        async with self._turn(organisation):
            loop = asyncio.get_running_loop()
            ends_s = loop.time() + self._limit_s
            first = await self._look(url, self._headers(signers, body), body, self._limit_s)
            second = None
            left_s = ends_s - loop.time()
            if first.status is not None and 200 <= first.status < 300 and left_s > 0:
                forged = self._headers(tuple(self._stranger(signer) for signer in signers), body)
                second = await self._look(url, forged, body, left_s)
        return graded(self._seen(url, first, second))

    @asynccontextmanager
    async def _turn(self, organisation: str) -> AsyncIterator[None]:
        """One of the organisation's turns, then one of all. Who waits too long is told so: the URL is not to blame."""
        of_one = self._turns_of.setdefault(organisation, asyncio.Semaphore(TESTS_OF_ONE_LIMIT))
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._turn_limit_s):
                    await held.enter_async_context(of_one)
                    await held.enter_async_context(self._turns)
            except TimeoutError:
                raise UrlTestsBusyError from None
            yield

    async def require(
        self, url: str, signers: tuple[Signer, ...], body_format: BodyFormat, organisation: str
    ) -> Grading:
        """As `test`; a URL at which notifications would not arrive is refused with the reasons."""
        found = await self.test(url, signers, body_format, organisation)
        if found.failures:
            faults = tuple(FieldFault("/CallbackUrl", check.sentence) for check in found.failures)
            raise UrlTestFailedError(faults=faults)
        return found

    async def _look(self, url: str, headers: Headers, body: bytes, total_s: float) -> Look:
        return await self._outgoing.look("POST", url, headers, body, total_s=total_s)

    def _headers(self, signers: tuple[Signer, ...], body: bytes) -> Headers:
        return signed_headers(signers, self._source.new_id("test"), body, self._source.now_us())

    def _stranger(self, signer: Signer) -> Signer:
        """The same kind of signature, by a key that nobody gave the receiver."""
        seed = self._source.random_bytes(ED25519_SEED_BYTES)
        return Signer(seed if isinstance(signer.key, bytes) else Ed25519PrivateKey.from_private_bytes(seed))

    def _seen(self, url: str, first: Look, second: Look | None) -> Seen:
        callable_ones = [address for address in first.addresses if address not in first.refused]
        tls = first.tls
        is_hidden = self._discreet and bool(first.refused)
        trouble = f"{HIDDEN} is private or reserved" if is_hidden and first.stage is Stage.ADDRESS else first.trouble
        return Seen(
            host=_host(url),
            reach=Reach(first.stage.value),
            limit_s=self._limit_s,
            trouble=trouble,
            addresses=tuple(callable_ones),
            refused=(HIDDEN,) if is_hidden else first.refused,
            is_private=bool(callable_ones) and all(refusal(address) for address in callable_ones),
            tls_version=tls.version if tls else None,
            tls_issuer=tls.issuer if tls else "",
            tls_days_left=(tls.expires_s - self._source.now_us() / 1_000_000) / DAY_S if tls else 0,
            status=first.status,
            first_byte_s=first.first_byte_us / 1_000_000 if first.first_byte_us is not None else None,
            forged_status=second.status if second else None,
            forged_trouble=second.trouble if second else "the first answer took all the time there was",
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "it"
    except ValueError:
        return "it"
