"""``wakala redirect``: programs that know only Daraja's hosts come to this machine instead."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from wakala.config import PORT_MAX
from wakala.errors import ConfigurationError

DEFAULT_PORT = 8443
GATEWAY_URL = "http://127.0.0.1:8080"


def redirect(
    command: Annotated[
        list[str] | None, typer.Argument(help="A program to run with the variables set; put -- before it.")
    ] = None,
    sandbox: Annotated[str, typer.Option(help="Who answers for sandbox.safaricom.co.ke.")] = f"{GATEWAY_URL}/sandbox",
    live: Annotated[str, typer.Option(help="Who answers for api.safaricom.co.ke.")] = GATEWAY_URL,
    to: Annotated[str | None, typer.Option(help="One address for both, such as a simulator's.")] = None,
    port: Annotated[int, typer.Option(min=0, max=PORT_MAX, help="0 takes a free one.")] = DEFAULT_PORT,
    folder: Annotated[Path | None, typer.Option("--dir", help="Where the certificates are kept.")] = None,
) -> None:
    """Lead programs whose host is fixed to this gateway: a proxy for Daraja's two hosts, on loopback only.

    Without a program it prints the variables to set and serves until Ctrl-C. With one it ends when that ends:
    `wakala redirect -- python shop.py`.
    """
    targets = {"sandbox": to or sandbox, "live": to or live}
    for name, url in targets.items():
        if not url.startswith("http://"):
            raise ConfigurationError(
                f"--{'to' if to else name} takes a plain http:// address on this machine, not {url}."
            )
    kept_in = folder or _data_folder()
    try:
        code = asyncio.run(_serve(targets, port, kept_in, command or []))
    except OSError as trouble:
        raise ConfigurationError(f"The proxy cannot start: {trouble}. Another port: --port, 0 is a free one.") from None
    raise typer.Exit(code)


def _data_folder() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "wakala" / "redirect"


async def _serve(targets: dict[str, str], port: int, folder: Path, command: list[str]) -> int:
    from wakala.redirect import LIVE_HOST, SANDBOX_HOST, authority, environment  # noqa: PLC0415 - keeps --help quick
    from wakala.redirect.messages import Answering  # noqa: PLC0415
    from wakala.redirect.proxy import Proxy  # noqa: PLC0415

    now = datetime.now(UTC)
    made = authority.prepare(folder, now)
    answering = Answering(
        {SANDBOX_HOST: targets["sandbox"].rstrip("/"), LIVE_HOST: targets["live"].rstrip("/")},
    )
    proxy = Proxy(answering, made.server_context(folder, now))
    url = await proxy.start(port)
    try:
        values = environment.variables(url, made, environment.write_preload(folder, url))
        if command:
            return await _run(command, values)
        sys.stdout.write(
            f"# Daraja's sandbox is answered by {targets['sandbox']}, Daraja live by {targets['live']}.\n"
            f"# Everything else is refused. In the shell of your program:\n{environment.exports(values)}\n"
        )
        sys.stdout.flush()
        await _until_a_signal()
    finally:
        await proxy.stop()
    return 0


async def _run(command: list[str], values: dict[str, str]) -> int:
    try:
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **values})
    except FileNotFoundError:
        raise ConfigurationError(f"There is no program {command[0]}.") from None
    return await process.wait()


async def _until_a_signal() -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
