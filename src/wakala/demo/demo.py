"""``wakala demo``: a gateway, M-Pesa in a box and a shop on this machine, and with ``--once`` one paid order.

It does what a newcomer would do by hand, in the same order and through the same doors: the command line for the
gateway, forms and notifications for the shop, the simulator's control API for the customer's thumb.
"""

import fcntl
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlencode, urlsplit

from rich.console import Console
from rich.table import Table

from wakala.demo import errands
from wakala.demo.calls import call, until
from wakala.demo.processes import Child, Children, free_port, last_lines, wakala
from wakala.errors import OperatorError, WakalaError

DEFAULT_FOLDER: Final = Path("var/demo")
ONCE_FOLDER: Final = Path("var/demo-once")  # so that a check does not end a demonstration somebody is looking at
MARK: Final = ".wakala-demo"  # a folder that has it is ours to empty; any other is not

GATEWAY_PORT, SHOP_PORT, SIMULATOR_PORT = 8080, 8081, 8082
SHORTCODE: Final = "600984"  # of the simulator's, one that collects and pays out
# Daraja's sandbox credentials are public (daraja.md 6); the simulator knows them too.
PASSKEY: Final = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
DARAJA_KEY, DARAJA_SECRET = "sandbox-key", "sandbox-secret"
CUSTOMER: Final = "254712345678"
PIN: Final = "1234"
PRODUCT: Final = "chai"

PROMPT_LIMIT_S: Final = 10
PAID_LIMIT_S: Final = 20
FOLLOW_PAUSE_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens."""

    gateway: str
    shop: str
    simulator: str


@dataclass(frozen=True, slots=True)
class Town:
    """Where everything listens, and the shop's app."""

    addresses: Addresses
    app: dict[str, str]


def run(*, once: bool, folder: Path | None, json_output: bool = False) -> int:
    """Start everything; stay until Ctrl-C, or with ``once`` pay one order and print its trace. 0 where all went well.

    The folder is made fresh at every start and stays for looking at afterwards. A folder that no demo made is refused.
    """
    home = folder or (ONCE_FOLDER if once else DEFAULT_FOLDER)
    with _signals_end_us():
        try:
            with _own_folder(home), Children(home / "logs") as children:
                began_s = time.monotonic()
                town = _start(home, children)
                if once:
                    _once(home, children, town, began_s, json_output=json_output)
                else:
                    _stay(home, children, town.addresses, json_output=json_output)
        except KeyboardInterrupt:
            _say("\nThe demo has ended.")
            return 130 if once else 0
        except WakalaError as fault:
            _say(fault.spoken)
            return 1
    return 0


# ── Starting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _start(home: Path, children: Children) -> Town:
    addresses = _choose_addresses()
    config = str(home / "wakala.toml")
    port_of = {name: str(urlsplit(url).port) for name, url in by_name(addresses).items()}

    simulator = children.start("simulator", ["wakala", "simulator", "--port", port_of["simulator"]])
    wakala(
        *("init", str(home), "--port", port_of["gateway"], "--public-url", addresses.gateway),
        *("--sandbox-url", addresses.simulator),
    )
    wakala(
        *("--config", config, "shortcode", "add", "--organisation", "demo", "--environment", "sandbox"),
        *("--number", SHORTCODE, "--kind", "paybill"),
        *("--consumer-key", DARAJA_KEY, "--consumer-secret", DARAJA_SECRET, "--passkey", PASSKEY),
        *("--product", "b2c"),
    )
    children.wait_until_ready(simulator, f"{addresses.simulator}/simulator/healthz")
    wakala("--config", config, "shortcode", "register", SHORTCODE)  # so that a second source confirms each payment
    errands.prepare(config, home, addresses.simulator, SHORTCODE)
    app = json.loads(
        wakala(
            *("--config", config, "app", "create", "--organisation", "demo", "--name", "shop"),
            *("--callback-url", f"{addresses.shop}/wakala", "--json"),
        )
    )
    gateway = children.start("gateway", ["wakala", "--config", config, "serve"])
    shop = children.start("shop", ["wakala.demo.shop"], _shop_settings(addresses, app))

    children.wait_until_ready(gateway, f"{addresses.gateway}/readyz")
    children.wait_until_ready(shop, f"{addresses.shop}/healthz")
    errands.run(addresses.gateway, addresses.simulator, app, SHORTCODE, CUSTOMER)
    return Town(addresses, app)


def _choose_addresses() -> Addresses:
    ports = map(free_port, (GATEWAY_PORT, SHOP_PORT, SIMULATOR_PORT))  # their last digits keep them apart
    return Addresses(*(f"http://127.0.0.1:{port}" for port in ports))


def by_name(addresses: Addresses) -> dict[str, str]:
    """The addresses by name."""
    return {"gateway": addresses.gateway, "shop": addresses.shop, "simulator": addresses.simulator}


def _shop_settings(addresses: Addresses, app: dict[str, str]) -> dict[str, str]:
    """For the environment: secrets never stand on a command line, where every process could read them."""
    return {
        "SHOP_GATEWAY_URL": addresses.gateway,
        "SHOP_CONSUMER_KEY": app["ConsumerKey"],
        "SHOP_CONSUMER_SECRET": app["ConsumerSecret"],
        "SHOP_WEBHOOK_SECRET": app["WebhookSecret"],
        "SHOP_PHONE_URL": f"{addresses.simulator}/",
        "SHOP_PHONE_HINT": CUSTOMER,
        "SHOP_PORT": str(urlsplit(addresses.shop).port),
    }


@contextmanager
def _own_folder(home: Path) -> Iterator[None]:
    """The folder, emptied, and ours alone while the demo runs."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark = home / MARK
    if not mark.exists() and any(home.iterdir()):
        raise OperatorError(f"{home} holds files that no demo made: name an empty or new folder with --folder.")
    with mark.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorError(f"Another demo runs in {home}: end it, or name another folder with --folder.") from None
        for entry in home.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry != mark:
                entry.unlink()
        home.chmod(0o700)  # keys and credentials will live here
        (home / "logs").mkdir(mode=0o700)
        yield


@contextmanager
def _signals_end_us() -> Iterator[None]:
    """A polite end or a closed terminal is treated as Ctrl-C, so that no child is left behind."""

    def end(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ── Once ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _once(home: Path, children: Children, town: Town, began_s: float, *, json_output: bool) -> None:
    addresses = town.addresses
    try:
        order_id = _order(addresses)
        _approve(addresses)
        _wait_until_paid(addresses, order_id)
        asked = errands.outcomes(addresses.gateway, town.app)
    except (OSError, OperatorError) as fault:
        children.check()
        said = "\n".join(last_lines(child.log) for child in children.running)
        sentence = fault.spoken if isinstance(fault, OperatorError) else f"A program did not answer: {fault}"
        raise OperatorError(f"{sentence}\n{said}") from fault
    config = str(home / "wakala.toml")
    if json_output:
        trace = json.loads(wakala("--config", config, "trace", order_id, "--json"))
        seconds = round(time.monotonic() - began_s, 2)
        _print_json({"RequestID": order_id, "State": trace["State"], "Seconds": seconds, "Trace": trace, "Also": asked})
    else:
        sys.stdout.write(wakala("--config", config, "trace", order_id))
        _print_also(asked)
        _say(f"Ordered, approved, notified, paid: {time.monotonic() - began_s:.1f} s with all the starting.")


def _print_also(asked: list[dict[str, Any]]) -> None:
    table = Table(title="Also asked of M-Pesa", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in ("What", "Request ID", "State", "KES", "Receipt", "What M-Pesa said"):
        table.add_column(heading, no_wrap=not heading.startswith("What"), header_style="underline")
    for one in asked:
        amount = str(one.get("Amount") or "")
        table.add_row(
            one["What"],
            one["RequestID"],
            one["State"],
            amount,
            one["MpesaReceiptNumber"] or "",
            _said(one),
        )
    sys.stdout.write("\n")
    Console().print(table)


def _said(one: dict[str, Any]) -> str:
    """The balances where they were asked for; else M-Pesa's sentence."""
    balances = (one.get("ResultData") or {}).get("AccountBalances") or []
    lines = [f"{each['AccountName']}: {each['Currency']} {each['AvailableBalance']:,}" for each in balances]
    return "\n".join(lines) or one["ResultDesc"] or ""


def _order(addresses: Addresses) -> str:
    """Fills in the shop's form as a browser would; the ID of the order."""
    page = call("GET", f"{addresses.shop}/buy/{PRODUCT}?lang=en")
    fields = _hidden_fields(page.body.decode())
    form = urlencode({**fields, "phone": f"0{CUSTOMER[3:]}"}).encode()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": addresses.shop,
        "Sec-Fetch-Site": "same-origin",
    }
    answer = call("POST", f"{addresses.shop}/orders", form, headers)
    if answer.status != 303:
        raise OperatorError(f"The shop did not take the order (status {answer.status}).")
    return fields["order"]


def _hidden_fields(html: str) -> dict[str, str]:
    found: dict[str, str] = {}

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            if tag == "input" and given.get("type") == "hidden":
                found[given.get("name") or ""] = given.get("value") or ""

    Reader().feed(html)
    return found


def _approve(addresses: Addresses) -> None:
    """The customer's thumb."""
    url = f"{addresses.simulator}/simulator/phones/{CUSTOMER}/approve"
    pin = json.dumps({"pin": PIN}).encode()
    json_type = {"Content-Type": "application/json"}

    def press() -> bool | None:
        return True if call("POST", url, pin, json_type).status < 300 else None

    if until(press, PROMPT_LIMIT_S) is None:
        raise OperatorError(f"The prompt did not reach the phone {CUSTOMER} within {PROMPT_LIMIT_S} s.")


def _wait_until_paid(addresses: Addresses, order_id: str) -> None:
    """The shop believes signed notifications only, so *paid* there proves the whole way."""

    def look() -> dict[str, Any] | None:
        order: dict[str, Any] = call("GET", f"{addresses.shop}/orders/{order_id}.json").json()
        return order if order["State"] != "waiting" else None

    order = until(look, PAID_LIMIT_S)
    if order is None:
        raise OperatorError(f"The shop was not told of the payment {order_id} within {PAID_LIMIT_S} s.")
    if order["State"] != "paid":
        raise OperatorError(f"The order {order_id} should be paid, and the shop says: {order['Sentence']}.")


# ── Staying ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _stay(home: Path, children: Children, addresses: Addresses, *, json_output: bool) -> None:
    if json_output:
        _print_json({**by_name(addresses), "folder": str(home)})
    else:
        _welcome(home, addresses)
    read = {child.name: 0 for child in children.running}
    while True:
        children.check()
        for child in children.running:
            read[child.name] = _pass_on(child, read[child.name], is_quiet=json_output)
        time.sleep(FOLLOW_PAUSE_S)


def _welcome(home: Path, addresses: Addresses) -> None:
    console = Console(stderr=True, highlight=False)
    table = Table(
        title="Wakala's demo is running", title_justify="left", title_style="bold", show_header=False, box=None
    )
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_row("Shop", addresses.shop, "Duka la Mfano, where you buy")
    table.add_row("Phone", addresses.simulator, "the pretended M-Pesa with the customer's phone")
    table.add_row("Gateway", addresses.gateway, "Wakala, between the two")
    table.add_row("Files", str(home), "configuration, database, logs")
    console.print(table)
    console.print(
        "[bold]What to do now[/bold]\n"
        f"  1. Open {addresses.shop} and buy something with the number 0{CUSTOMER[3:]}.\n"
        f"  2. Open {addresses.simulator} and enter any PIN (such as {PIN}) on the phone.\n"
        "  3. Watch the order turn to paid, then open its trace from the order's page.\n"
        "  4. Try a wrong PIN, or leave the prompt alone, and read why it failed.\n"
        "Ctrl-C ends everything.\n"
    )


def _pass_on(child: Child, offset: int, *, is_quiet: bool) -> int:
    """What the child wrote since, line by line, under its name."""
    with child.log.open("rb") as log:
        log.seek(offset)
        text = log.read()
    whole = text[: text.rfind(b"\n") + 1]
    if not is_quiet:
        for line in whole.decode(errors="replace").splitlines():
            _say(f"{child.name:>9} | {line}")
    return offset + len(whole)


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()
