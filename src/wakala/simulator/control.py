"""The control API under ``/simulator``: what a test, a demonstration or a curious person does to this world.

Bodies are JSON objects, unknown fields are refused, an error is ``{"error": "<sentence>"}``.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wakala.simulator import orders, sandbox, views
from wakala.simulator.exchange import BodyTooLargeError, read_body
from wakala.simulator.faults import CATALOGUE, UnknownFaultError
from wakala.simulator.machine import Simulator
from wakala.simulator.prompts import UnknownOutcomeError
from wakala.simulator.reading import decode
from wakala.simulator.storage import Keeper, StateFileError
from wakala.simulator.world import App, Payment, Shortcode

PAGE_MAX = 10_000
CALLS_PAGE_MAX = 2_000

Body = TypeVar("Body", bound=msgspec.Struct)


class Stop(Exception):  # noqa: N818, an answer and no fault
    """The control API says no, with a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


Handler = Callable[[Simulator, Request], Awaitable[Any]]


def control(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint of one handler: its value becomes JSON, its refusals become sentences."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request.app.state.simulator, request))
        except Stop as stop:
            return JSONResponse({"error": stop.sentence}, stop.status)
        except (
            UnknownFaultError,
            UnknownOutcomeError,
            orders.BadOrderError,
            msgspec.ValidationError,
            msgspec.DecodeError,
        ) as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        except BodyTooLargeError:
            return JSONResponse({"error": "The body is too large."}, 413)

    return endpoint


async def healthz(simulator: Simulator, _: Request) -> Any:
    """Answers as soon as the simulator does."""
    return {"status": "ok", "now": simulator.clock.now().isoformat()}


async def state(simulator: Simulator, _: Request) -> Any:
    """Everything at a glance; lists are cut to the latest."""
    return views.state(simulator)


async def payments(simulator: Simulator, request: Request) -> Any:
    """Payments in order of their number, after a cursor, with counters over all of them."""
    after, limit = number_in_query(request, "after", 0), min(number_in_query(request, "limit", 1_000), PAGE_MAX)
    known = simulator.world.payments
    first = next(iter(known), 1)
    start = max(after + 1, first)
    page = [known[number] for number in range(start, start + limit) if number in known]
    return {
        "payments": [views.payment_view(payment) for payment in page],
        "next_after": page[-1].number if page else after,
        "counters": views.counters(simulator),
    }


async def calls(simulator: Simulator, request: Request) -> Any:
    """The newest calls first."""
    return {
        "calls": [
            views.call_view(call) for call in simulator.calls.latest(number_in_query(request, "limit", CALLS_PAGE_MAX))
        ]
    }


class Answering(msgspec.Struct, forbid_unknown_fields=True):
    """What to do with a phone's prompt: a PIN for approve, a code and text for result."""

    pin: str | None = None
    code: str | int = ""
    text: str = ""
    at_once: bool = False


ACTIONS = {
    "approve": "pay",
    "cancel": "cancel",
    "ignore": "ignore",
    "wrong-pin": "wrong-pin",
    "not-enough": "not-enough",
    "busy": "busy",
    "result": "",
}


async def answer_prompt(simulator: Simulator, request: Request) -> Any:
    """Answer the prompt that a phone shows, as its owner would."""
    wanted = await read_order(request, Answering)
    action = ACTIONS.get(request.path_params["action"])
    if action is None:
        raise Stop(404, f"Say one of {', '.join(ACTIONS)}.")
    payment = _live_prompt(simulator, request.path_params["msisdn"])
    outcome = action or str(wanted.code)
    if outcome == "ignore":
        orders.ignore(simulator, payment, at_once=wanted.at_once)
    else:
        simulator.prompts.act(payment, outcome, pin=wanted.pin, text=wanted.text)
    return views.payment_view(payment)


async def set_phone(simulator: Simulator, request: Request) -> Any:
    """Add a phone or change the given things of a known one."""
    return views.phone_view(orders.set_phone(simulator, await read_order(request, orders.PhoneOrder)))


class ShortcodeOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A shortcode; with a till it is a store number. A known one keeps its registered URLs."""

    number: str
    name: str = "Test shop"
    passkey: str = ""
    till: str = ""
    balance_cents: int = 0
    external_validation: bool = False
    active: bool = True
    b2c: bool = True


async def set_shortcode(simulator: Simulator, request: Request) -> Any:
    """Add or replace a shortcode. Without a passkey it gets the sandbox's."""
    wanted = await read_order(request, ShortcodeOrder)
    if not (wanted.number.isdecimal() and 5 <= len(wanted.number) <= 7):
        raise Stop(400, "A shortcode has 5 to 7 digits.")
    world = simulator.world
    owner = world.owner_of(wanted.till or wanted.number)
    if owner is not None and owner.number != wanted.number:
        raise Stop(409, f"{wanted.till or wanted.number} already belongs to {owner.number}.")
    known = world.shortcodes.get(wanted.number)
    shortcode = known or Shortcode(wanted.number, wanted.name, "")
    shortcode.name, shortcode.till = wanted.name, wanted.till
    shortcode.passkey = wanted.passkey or shortcode.passkey or sandbox.PASSKEY
    shortcode.open_accounts()
    shortcode.balance_cents = wanted.balance_cents
    shortcode.active, shortcode.b2c = wanted.active, wanted.b2c
    shortcode.external_validation = wanted.external_validation
    world.shortcodes[wanted.number] = shortcode
    return views.shortcode_view(shortcode)


class AppOrder(msgspec.Struct, forbid_unknown_fields=True):
    """An app; without shortcodes it may use all of them."""

    key: str
    secret: str
    shortcodes: list[str] = []


async def set_app(simulator: Simulator, request: Request) -> Any:
    """Add or replace an app."""
    wanted = await read_order(request, AppOrder)
    simulator.world.apps[wanted.key] = App(wanted.key, wanted.secret, frozenset(wanted.shortcodes))
    return {"key": wanted.key, "shortcodes": sorted(wanted.shortcodes)}


class AutopilotOrder(msgspec.Struct, forbid_unknown_fields=True):
    """One mode ("off", or an outcome), or several outcomes with their weights."""

    mode: str = ""
    outcomes: dict[str, float] = {}
    answer_after_ms: int = 0


async def set_autopilot(simulator: Simulator, request: Request) -> Any:
    """Who answers the prompts that come from now on."""
    wanted = await read_order(request, AutopilotOrder)
    outcomes = wanted.outcomes or orders.autopilot_outcomes(wanted.mode)
    orders.set_autopilot(simulator, outcomes, wanted.answer_after_ms)
    return {"outcomes": outcomes, "answer_after_ms": simulator.world.autopilot.answer_after_ms}


class FaultOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A fault; with a probability below 1 and no ``times`` it stays until it is removed."""

    kind: str
    name: str
    times: int | None = None
    probability: float = 1.0
    delay_ms: int = 0
    msisdn: str = ""
    code: str | int = ""  # the result code of a refusal, and a text where M-Pesa's own is not known
    text: str = ""


async def add_fault(simulator: Simulator, request: Request) -> Any:
    """Queue one fault."""
    return views.fault_view(
        orders.add_fault(simulator, **msgspec.structs.asdict(await read_order(request, FaultOrder)))
    )


class ScriptOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What the next calls of a kind meet, one after the other; an empty step goes well."""

    kind: str
    steps: list[str]
    delay_ms: int = 0
    code: str | int = ""
    text: str = ""


async def add_script(simulator: Simulator, request: Request) -> Any:
    """Queue the faults of several calls, each for its own."""
    wanted = await read_order(request, ScriptOrder)
    return {
        "faults": [views.fault_view(fault) for fault in orders.add_script(simulator, **msgspec.structs.asdict(wanted))]
    }


async def list_faults(simulator: Simulator, _: Request) -> Any:
    """What waits, and what there is to choose from."""
    return {"faults": [views.fault_view(each) for each in simulator.faults.waiting], "catalogue": CATALOGUE}


async def clear_faults(simulator: Simulator, _: Request) -> Any:
    """Forget all faults; the seeded chance begins anew."""
    simulator.faults.clear()
    return {"faults": []}


async def remove_fault(simulator: Simulator, request: Request) -> Any:
    """Forget one fault."""
    if not simulator.faults.remove(request.path_params["number"]):
        raise Stop(404, "No such fault waits.")
    return {"faults": [views.fault_view(each) for each in simulator.faults.waiting]}


async def get_rules(simulator: Simulator, _: Request) -> Any:
    """How strict this world is."""
    return orders.rules_view(simulator)


async def set_rules(simulator: Simulator, request: Request) -> Any:
    """Change the given rules and leave the others."""
    wanted = await read_order(request, orders.RulesOrder)
    orders.set_rules(simulator, wanted)
    return orders.rules_view(simulator)


class ClockOrder(msgspec.Struct, forbid_unknown_fields=True):
    """How far to move, and whether to stand still from now on."""

    advance_seconds: float = 0.0
    stopped: bool | None = None


async def move_clock(simulator: Simulator, request: Request) -> Any:
    """Move the time forward; what falls due on the way happens now. A stopped clock moves in no other way."""
    wanted = await read_order(request, ClockOrder)
    if wanted.advance_seconds < 0:
        raise Stop(400, "Time goes forward only; reset begins anew.")
    clock = simulator.clock
    if wanted.stopped is not None:
        (clock.stop if wanted.stopped else clock.go)()
    clock.advance(wanted.advance_seconds)
    return {"now": clock.now().isoformat(), "ahead_seconds": clock.ahead_seconds, "stopped": clock.stopped}


async def reset(simulator: Simulator, _: Request) -> Any:
    """The world as it was at the start."""
    simulator.reset()
    return {"status": "reset"}


async def crash(_: Simulator, request: Request) -> Any:
    """Die in the middle of everything, as by SIGKILL; the books are whole on disk first.

    Whoever waits for an answer gets none, callbacks under way are lost. Nothing happens between the saving and the end.
    """
    keeper: Keeper | None = request.app.state.keeper
    if keeper is None:
        raise Stop(409, "It would forget its world. Start it with --state FILE, and it can crash and come back.")
    try:
        await keeper.save_now()
    except StateFileError as failed:
        raise Stop(503, str(failed)) from None
    os.kill(os.getpid(), signal.SIGKILL)


class MenuOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A payment from the phone's menu to a paybill, store or till number."""

    number: str
    msisdn: str
    amount: int
    account: str = ""
    pin: str | None = None


async def pay_from_menu(simulator: Simulator, request: Request) -> Any:
    """A customer pays a paybill or till; answers when the payment has ended, at most the validation's limit later."""
    wanted = await read_order(request, MenuOrder)
    order = orders.menu_order(
        simulator, number=wanted.number, msisdn=wanted.msisdn, amount=wanted.amount, account=wanted.account
    )
    orders.check_pin(simulator, wanted.msisdn, wanted.pin)
    return views.payment_view(await simulator.collections.pay(order))


def _live_prompt(simulator: Simulator, msisdn: str) -> Payment:
    phone = simulator.world.phones.get(msisdn)
    if phone is None or phone.live is None or phone.live.blocked:
        raise Stop(409, f"Phone {msisdn} shows no prompt.")
    return phone.live


async def read_order(request: Request, shape: type[Body]) -> Body:
    """The body as an order; nothing at all counts as an order without wishes."""
    body = await read_body(request)
    return decode(body or b"{}", shape)


def number_in_query(request: Request, name: str, otherwise: int) -> int:
    """A number behind the question mark; raises Stop when it is none."""
    spelled = request.query_params.get(name, "")
    if spelled and not (spelled.isdecimal() and len(spelled) < 10):
        raise Stop(400, f"{name} is a whole number.")
    return int(spelled) if spelled else otherwise
