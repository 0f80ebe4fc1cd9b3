"""Reads M-Pesa's lists of payments, one shortcode after another, where Safaricom granted Pull."""

import logging

from wakala.directory import Directory
from wakala.errors import DatabaseAwayError, DatabaseFaultError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.pulling import Pulling
from wakala.rules.accounts import Product, Shortcode

log = logging.getLogger("wakala.puller")

LEASE_US = 300_000_000  # a list of a thousand payments takes seconds; a process that dies keeps nobody for long


class Puller:
    """One step looks at each such shortcode; most often none is due. One process at a time reads a shortcode's list."""

    def __init__(self, directory: Directory, pulling: Pulling, journal: Journal, source: Source) -> None:
        self._directory = directory
        self._pulling = pulling
        self._duties = journal.retention
        self._source = source

    async def step(self) -> bool:
        """Never asks for another turn at once: a list is read to its end."""
        for shortcode in self._directory.shortcodes_with(Product.PULL):
            try:
                await self._pull(shortcode)
            except DatabaseAwayError:
                raise
            except DatabaseFaultError as fault:
                log.warning("the payments to %s could not be listed: %s", shortcode.number, fault.sentence)
            except Exception:
                log.exception("the payments to %s could not be listed in this turn", shortcode.number)
        return False

    async def _pull(self, shortcode: Shortcode) -> None:
        duty, now_us = f"pull {shortcode.id}", self._source.now_us()
        if not await self._pulling.is_due(shortcode):
            return
        if not await self._duties.claim_duty(duty, now_us, LEASE_US):
            return
        try:
            await self._pulling.pull(shortcode)
        finally:
            await self._duties.release_duty(duty, now_us + LEASE_US)
