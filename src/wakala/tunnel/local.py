"""The laptop's end of the tunnel: one local program, brought what the gateway would have sent it, headers and all."""

from wakala.outgoing import Outgoing, Reply
from wakala.tunnel.feed import Note
from wakala.tunnel.tunnel import FORWARD_LIMIT_S, Took


class Local:
    """Posts to one URL, which the person at this machine named: no address rules hold here."""

    def __init__(self, outgoing: Outgoing, url: str) -> None:
        """``outgoing`` is open and unguarded."""
        self._outgoing = outgoing
        self._url = url

    async def take(self, note: Note, attempt: int) -> Took:
        """One try."""
        headers = tuple(note.Headers.items())
        reply = await self._outgoing.send("POST", self._url, headers, bytes(note.Body), total_s=FORWARD_LIMIT_S)
        took_ms = reply.duration_us / 1_000
        if isinstance(reply, Reply):
            return Took(note, attempt, reply.status, "", took_ms)
        return Took(note, attempt, None, reply.reason, took_ms)
