"""Reads M-Pesa's lists of payments, one shortcode after another, where Safaricom granted Pull."""

import logging

from wakala.directory import Directory
from wakala.pulling import Pulling
from wakala.rules.accounts import Product

log = logging.getLogger("wakala.puller")


class Puller:
    """One step looks at each such shortcode; most often none is due."""

    def __init__(self, directory: Directory, pulling: Pulling) -> None:
        self._directory = directory
        self._pulling = pulling

    async def step(self) -> bool:
        """Never asks for another turn at once: a list is read to its end."""
        for shortcode in self._directory.shortcodes_with(Product.PULL):
            try:
                await self._pulling.pull(shortcode)
            except Exception:
                log.exception("the payments to %s could not be listed in this turn", shortcode.number)
        return False
