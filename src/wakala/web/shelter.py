"""M-Pesa's callbacks while the database is away: kept on another means, acknowledged, handled when it is back.

First the spill file, which is on the disk before M-Pesa is acknowledged. Where no disk takes it, memory, and M-Pesa is
told 503, so that it may try again. A C2B validation is not kept: it asks for a decision now, and is given one
without the database.

What meets a bug of ours is kept as well: raw, in quarantine.
"""

import asyncio
import logging
import time

import msgspec
from msgspec.structs import replace

from wakala.errors import DatabaseAwayError, DatabaseFaultError, NotFoundError, WakalaError
from wakala.journal.spill import Spill
from wakala.web.inbound import Inbound
from wakala.web.plumbing import Handler, Incoming
from wakala.wire.api import HttpAnswer

log = logging.getLogger("wakala.shelter")

TRIES = 3  # what a row refuses may be another process's change that came in between
UNKEPT = frozenset({"c2b_validation", "soap_c2b_validation"})


class Sheltered(msgspec.Struct, frozen=True, array_like=True):
    """A callback as it is kept: without the secret at the end of its path, which we can work out again."""

    kind: str
    incoming: Incoming


_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Sheltered)


class Shelter:
    """Stands before every handler of callbacks, and puts what was kept through the same handlers."""

    def __init__(self, spill: Spill, inbound: Inbound, by_soap: Inbound) -> None:
        self._spill = spill
        self._inbound = inbound
        self._by_soap = by_soap
        self._handlers: dict[str, Handler] = {}

    def over(self, kind: str, handler: Handler) -> Handler:
        """The handler, with a roof."""
        if kind in UNKEPT:
            return handler
        self._handlers[kind] = handler
        inbound = self._by_soap if kind.startswith("soap_") else self._inbound

        async def handle(incoming: Incoming) -> HttpAnswer:
            try:
                return await handler(incoming)
            except DatabaseFaultError:
                if not inbound.gave(incoming, kind):  # nobody fills our shelter who was not given the path
                    raise
                is_kept = await self._kept(kind, incoming)
                if not inbound.may_be_mpesa(incoming):
                    raise NotFoundError from None  # in quarantine later, and told nothing, as ever
                if not is_kept:
                    raise
                return inbound.acknowledgement(kind, incoming.body)
            except asyncio.CancelledError:  # at a stop that waits no longer, which handles it before it ends
                if inbound.gave(incoming, kind):
                    self._spill.remember(_record(kind, incoming))
                raise
            except WakalaError:
                raise
            except Exception:
                log.exception("a %s callback could not be handled; it is kept as it came", kind)
                return await inbound.broke(incoming, kind)

        return handle

    async def _kept(self, kind: str, incoming: Incoming) -> bool:
        record = _record(kind, incoming)
        if await self._spill.keep(record):
            log.warning("the database is away: a %s callback is kept in the spill file", kind)
            return True
        remembered = self._spill.remember(record)
        log.error("the database is away and no disk takes a %s callback; remembered: %s", kind, remembered)
        return False

    async def step(self) -> bool:
        """Once the database is back, everything that was kept. Never asks for another turn at once."""
        count = await self._spill.replay(self._take)
        if count:
            log.info("%s callbacks that were kept while the database was away are handled", count)
        return False

    async def _take(self, record: bytes) -> None:
        kind, incoming = msgspec.structs.astuple(_decoder.decode(record))
        inbound = self._by_soap if kind.startswith("soap_") else self._inbound
        secret = inbound.secret(kind, incoming.parameters["subject"])
        whole = replace(
            incoming,
            path=incoming.path + secret,
            parameters=incoming.parameters | {"secret": secret},
            started_ns=time.perf_counter_ns(),  # this process's clock; when it came says `started_us`
            was_kept=True,
        )
        try:
            await self._handled(kind, whole)
        except DatabaseAwayError:
            raise
        except NotFoundError:
            log.warning("a kept %s callback was not believed; it is in quarantine", kind)
        except Exception:
            log.exception("a kept %s callback could not be handled; it is kept as it came", kind)
            await inbound.broke(whole, kind)

    async def _handled(self, kind: str, incoming: Incoming) -> None:
        for _ in range(TRIES - 1):
            try:
                await self._handlers[kind](incoming)
            except DatabaseAwayError:
                raise
            except DatabaseFaultError:
                continue
            return
        await self._handlers[kind](incoming)


def _record(kind: str, incoming: Incoming) -> bytes:
    parameters = incoming.parameters | {"secret": ""}
    path = f"{incoming.path.rpartition('/')[0]}/"
    return _encoder.encode(Sheltered(kind, replace(incoming, path=path, parameters=parameters)))
