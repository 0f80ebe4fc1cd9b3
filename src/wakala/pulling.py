"""Pull: payments whose confirmation never came are found in M-Pesa's own list (daraja.md 2.19).

M-Pesa lists what customers paid to a shortcode in the last 48 hours. Whatever in it we do not know yet goes through the
same door as a confirmation and becomes an ordinary payment, with the list as its evidence; a confirmation that comes
after all is then the second source.
"""

import json
import logging
from dataclasses import asdict, dataclass

from msgspec.structs import replace

from wakala.confirmations import Confirmations
from wakala.directory import Directory
from wakala.errors import DatabaseAwayError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.accounts import Shortcode
from wakala.rules.exchange import Exchange
from wakala.rules.matching import Confirmation as Notice
from wakala.rules.payment import Evidence, collecting_scope
from wakala.upstream.daraja import Daraja
from wakala.wire.daraja_results import PulledPayment

log = logging.getLogger("wakala.pulling")

PAGES_LIMIT = 1_000  # of a hundred rows; beyond them the list is asked for in halves
WINDOW_MIN_US = 60_000_000  # nobody is paid so often in a minute: a list without an end, which is left alone
SECOND_US = 1_000_000
CUSTOMER_PAYMENTS = "c2b"  # how M-Pesa's word for them begins; the list may hold other movements


@dataclass(frozen=True, slots=True)
class Patience:
    """How often the list is read and how far back, in microseconds; see `config.Pull`."""

    interval_us: int
    look_back_us: int
    overlap_us: int
    settle_us: int


class Pulling:
    """Reads the list of one shortcode where that is due."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        daraja: Daraja,
        confirmations: Confirmations,
        source: Source,
        patience: Patience,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._daraja = daraja
        self._confirmations = confirmations
        self._source = source
        self._patience = patience

    async def is_due(self, shortcode: Shortcode) -> bool:
        """Whether the last reading, by whichever process, lies an interval back."""
        until_us = self._source.now_us() - self._patience.settle_us
        read_us = await self._read_us(shortcode, until_us)
        return read_us is None or until_us - read_us >= self._patience.interval_us

    async def _read_us(self, shortcode: Shortcode, until_us: int) -> int | None:
        """How far the list was read. A clock that was ahead has read what was yet to come, which says nothing: None."""
        read_us = await self._journal.pulled_until(shortcode.id)
        is_ahead = read_us is not None and read_us > until_us + self._patience.interval_us
        return None if is_ahead else read_us

    async def pull(self, shortcode: Shortcode) -> int:
        """Enter what is missing since the last reading; how many were. Only a list read to its end moves the mark.

        One that is too long for that is read in halves, the earlier first, each of which moves it to its own end.
        """
        until_us = self._source.now_us() - self._patience.settle_us
        read_us = await self._read_us(shortcode, until_us)
        if read_us is not None and until_us - read_us < self._patience.interval_us:
            return 0
        since_us = until_us + self._patience.settle_us - self._patience.look_back_us
        if read_us is not None:
            since_us = max(since_us, read_us - self._patience.overlap_us)
        entered, ends_us = 0, [until_us]
        while ends_us:
            count, is_whole = await self._read(shortcode, since_us, ends_us[-1])
            entered += count
            if is_whole:
                since_us = ends_us.pop()
                if read_us is None or since_us > read_us:
                    await self._journal.mark_pulled(shortcode.id, since_us)
                since_us -= SECOND_US  # M-Pesa is asked in whole seconds; whether it counts a border is its own affair
            elif is_whole is None or ends_us[-1] - since_us < WINDOW_MIN_US:
                break
            else:
                ends_us.append((since_us + ends_us[-1]) // 2)
        return entered

    async def _read(self, shortcode: Shortcode, since_us: int, until_us: int) -> tuple[int, bool | None]:
        """How many were missing, and whether it was read to its end; None where M-Pesa did not say."""
        scope = collecting_scope(shortcode)
        seen: set[str] = set()
        entered = 0
        for _ in range(PAGES_LIMIT):
            rows, exchanges = await self._daraja.pull(
                self._directory.credentials(shortcode.id), scope, since_us, until_us, len(seen)
            )
            for exchange in exchanges:
                await self._journal.record_exchange(exchange)
            if isinstance(rows, str):
                log.warning("the payments to %s could not be listed: %s", shortcode.number, rows)
                return entered, None
            fresh = [row for row in rows if row.receipt not in seen]
            if not fresh:
                return entered, True
            seen.update(row.receipt for row in fresh)
            for row in fresh:
                entered += await self._enter_or_keep(row, shortcode, exchanges[-1])
        log.warning("the payments to %s have no end within %s pages", shortcode.number, PAGES_LIMIT)
        return entered, False

    async def _enter_or_keep(self, row: PulledPayment, shortcode: Shortcode, page: Exchange) -> bool:
        """A row that meets a bug of ours, or that the database refuses, goes into quarantine and holds up no other."""
        try:
            return await self._enter(row, shortcode, page)
        except DatabaseAwayError:
            raise
        except Exception:
            log.exception("payment %s in the list of %s could not be entered", row.receipt, shortcode.number)
            verdict = "quarantined: the gateway could not handle it; its log says why"
            await self._journal.record_exchange(replace(self._row_of(page, row), verdict=verdict))
            return False

    async def _enter(self, row: PulledPayment, shortcode: Shortcode, page: Exchange) -> bool:
        """True for a payment that nobody had told us of."""
        if row.kind and not row.kind.lower().startswith(CUSTOMER_PAYMENTS):
            return False
        place = (shortcode.organisation_id, shortcode.environment, row.receipt)
        paid = await self._journal.payment_by_receipt(collecting_scope(shortcode), row.receipt)
        if paid or await self._journal.confirmation(*place):
            return False
        notice = Notice(
            receipt=row.receipt,
            shortcode=shortcode.number,
            reference=row.reference,
            amount_cents=row.amount_cents,
            msisdn=row.msisdn,
            paid_us=row.paid_us,
            received_us=self._source.now_us(),
            by=Evidence.PULL,
        )
        await self._confirmations.receive(notice, None, shortcode, self._row_of(page, row))
        log.info("payment %s to %s was found in M-Pesa's list", row.receipt, shortcode.number)
        return True

    def _row_of(self, page: Exchange, row: PulledPayment) -> Exchange:
        """The page is kept whole beside the shortcode; the payment's own trace shows its row of it."""
        told = json.dumps(asdict(row), ensure_ascii=False).encode()
        return replace(page, id=self._source.new_id("xch"), name="pull_row", answer_body=told)
