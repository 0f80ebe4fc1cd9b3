"""`wakala listen`: the notifications of an app, at a gateway anywhere, brought to a program on this machine."""

import asyncio
import signal
import sys
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from wakala.cli.context import say
from wakala.errors import CallerError
from wakala.rules.accounts import Environment
from wakala.rules.addresses import require_web_address

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PREFIXES = {Environment.LIVE: "/mpesa/v1", Environment.SANDBOX: "/sandbox/mpesa/v1"}


def listen(
    forward_to: Annotated[str, typer.Option(help="Your program, such as http://127.0.0.1:3000/wakala.")],
    gateway: Annotated[
        str, typer.Option(envvar="WAKALA_GATEWAY", help="The gateway's address.")
    ] = "http://127.0.0.1:8080",
    consumer_key: Annotated[str, typer.Option(envvar="WAKALA_CONSUMER_KEY", help="The app's consumer key.")] = "",
    consumer_secret: Annotated[
        str, typer.Option(envvar="WAKALA_CONSUMER_SECRET", help="Better in the environment: others see command lines.")
    ] = "",
    consumer: Annotated[
        str, typer.Option(help="The name under which the gateway remembers how far you are.")
    ] = "listen",
    environment: Annotated[Environment, typer.Option(help="sandbox or live.")] = Environment.SANDBOX,
    after: Annotated[
        str, typer.Option(help="Begin after this cursor instead; `start` is the oldest, `now` what comes from here on.")
    ] = "",
    attempts: Annotated[int, typer.Option(min=0, help="Pass over a notification after so many; 0 is never.")] = 0,
) -> None:
    """Bring an app's notifications to a program on this machine, signed as ever; ends with Ctrl-C.

    It asks the gateway, so no port has to be open. After any break it goes on where it stopped; after --after by the
    place that it names at its end.
    """
    if not consumer_key or not consumer_secret:
        raise CallerError("Set WAKALA_CONSUMER_KEY and WAKALA_CONSUMER_SECRET to those of the app.")
    for url in (gateway, forward_to):
        require_web_address(url)
    if urlsplit(gateway).scheme == "http" and urlsplit(gateway).hostname not in LOOPBACK:
        say(f"Mind: {gateway} is not encrypted, so the app's secret travels in the open.")
    base_url = gateway.rstrip("/") + PREFIXES[environment]
    asyncio.run(_listen(base_url, consumer_key, consumer_secret, consumer, forward_to, after, attempts))


async def _listen(
    base_url: str, key: str, secret: str, consumer: str, forward_to: str, after: str, attempts: int
) -> None:
    from wakala.outgoing import Outgoing  # noqa: PLC0415 - keeps --help quick
    from wakala.tunnel.feed import Feed  # noqa: PLC0415
    from wakala.tunnel.local import Local  # noqa: PLC0415
    from wakala.tunnel.tunnel import NOW, Tunnel, begin  # noqa: PLC0415

    outgoing, teller = Outgoing(guarded=False), _Terminal()
    await outgoing.open()
    try:
        async with Feed(base_url, key, secret, consumer) as feed:
            start = await begin(feed, teller, after)
            say(f"Listening as {consumer}; notifications go to {forward_to}. Ctrl-C ends it.")
            tunnel = Tunnel(feed, Local(outgoing, forward_to), teller, start, attempts)
            await _until_a_signal(tunnel.run())
            say(_how_to_go_on(tunnel.after, is_own=after not in {"", NOW}))
    finally:
        await outgoing.close()


def _how_to_go_on(place: str, *, is_own: bool) -> str:
    """The gateway's cursor never goes back: who began at a place of his own goes on there by naming it again."""
    from wakala.tunnel.tunnel import OLDEST, START  # noqa: PLC0415 - keeps --help quick

    if is_own:
        return f"Stopped. `wakala listen --after {START if place == OLDEST else place}` goes on there."
    return f"Stopped. `wakala listen` goes on after {place}."


async def _until_a_signal(work: Any) -> None:
    """Run until SIGINT or SIGTERM; a fault ends it too."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


class _Terminal:
    """One line a try on stdout; what is about the gateway on stderr."""

    def took(self, took: Any) -> None:
        """Type, request, local status, milliseconds."""
        outcome = str(took.status) if took.status is not None else f"no answer: {took.error}"
        again = f"  (attempt {took.attempt})" if took.attempt > 1 else ""
        line = f"{took.note.Type}  {took.note.request_id}  {outcome}  {took.took_ms:.0f} ms{again}"
        sys.stdout.write("".join(char if char.isprintable() else "?" for char in line) + "\n")
        sys.stdout.flush()

    def down(self, reason: str) -> None:
        """The gateway is away."""
        say(f"The gateway cannot be asked ({reason}); trying again.")

    def up(self) -> None:
        """It is back."""
        say("The gateway is back.")
