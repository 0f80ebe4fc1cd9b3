"""An answer leaves in one piece. uvicorn writes its head and then its body, each a call of the system and a packet."""

import asyncio
from typing import Any

from wakala.reception import Reception

HEAD = b"HTTP/1."


class OneWrite(asyncio.Transport):
    """Holds a head back for what follows it in the same turn of the loop; where nothing does, it leaves alone."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, or hold."""
        if self._held:
            data, self._held = self._held + data, b""
        elif data[: len(HEAD)] == HEAD:
            self._held = bytes(data)
            self._loop.call_soon(self._let_go)
            return
        self._transport.write(data)

    def _let_go(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def close(self) -> None:
        """Send what is held, and hang up in order."""
        self._let_go()
        self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._held = b""
        self._transport.abort()

    # The rest is the transport's own.

    def is_closing(self) -> bool:
        """True from `close` on."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Addresses, TLS and the like."""
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """How much is still to leave."""
        return len(self._held) + self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Take nothing more for a while."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        self._transport.resume_reading()


class Answering(Reception):
    """A caller's connection over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller."""
        self._socket = transport
        super().connection_made(OneWrite(transport))

    def write(self, whole: bytes) -> None:
        """What is whole waits for nothing; nothing is held, for the answer before it has left."""
        self._socket.write(whole)
