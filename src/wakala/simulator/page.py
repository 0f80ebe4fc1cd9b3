"""The phone page: handsets side by side, the live calls, the autopilot and the faults.

Plain forms that post and come back, so that it works without JavaScript; the module in ``static`` asks for the same
page each second and swaps what has changed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from wakala.simulator import orders, sandbox, wording
from wakala.simulator.edge_faults import ANY, EDGE_FAULTS
from wakala.simulator.exchange import read_body
from wakala.simulator.faults import CATALOGUE, Fault, UnknownFaultError
from wakala.simulator.machine import Simulator
from wakala.simulator.messages import grouped
from wakala.simulator.prompts import UnknownOutcomeError
from wakala.simulator.wording import Language
from wakala.simulator.world import UNREACHABLE_SWITCHES, Message, Payment, Phone

HANDSETS_MAX = 6
"""Handsets side by side; more do not fit any desk."""

CALLS_SHOWN_MAX = 25
WAITING_SHOWN_MAX = 8
MESSAGES_SHOWN_MAX = 5
DEFAULT_HANDSETS = (sandbox.CUSTOMER_MSISDN, "254700000001", sandbox.TEST_MSISDN)
SWITCHES = ("on", "off", "no-signal", "busy", "sim-outdated")
QUESTIONS = {"standing_order": "approve_question", "b2b_express": "till_question"}
"""What a prompt asks that is no STK push."""

CLOCK_STEPS_SECONDS = {"minute": 60, "hour": 3600, "day": 24 * 3600}
OFFERED = {
    kind: offered
    for kind, names in CATALOGUE.items()
    if (offered := {name: means for name, means in names.items() if kind == ANY or name not in EDGE_FAULTS})
}
"""The faults of the panel: those of the edge once, for any path. For one path alone the control API takes them."""

MODES = ("off", "pay", "cancel", "wrong-pin", "not-enough", "busy", "ignore")

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
TEMPLATES.globals |= {
    "grouped": grouped,
    "switches": SWITCHES,
    "modes": MODES,
    "catalogue": OFFERED,
    "questions": QUESTIONS,
}


@dataclass(frozen=True, slots=True)
class View:
    """What the reader looks at: kept in the address, so that every link and form leads back to it."""

    language: Language
    handsets: tuple[str, ...]
    notice: str = ""

    def address(self, **changes: str) -> str:
        """The page's own address, with another language, notice or phone."""
        spoken = changes.get("lang", self.language)
        handsets = (*self.handsets, changes["also"]) if "also" in changes else self.handsets
        values = {"lang": spoken} if spoken != "en" else {}
        if handsets != DEFAULT_HANDSETS:
            values["phones"] = ",".join(handsets)
        if changes.get("notice"):
            values["notice"] = changes["notice"]
        return "/?" + urlencode(values, safe=",") if values else "/"


async def show(request: Request) -> Response:
    """The whole page."""
    view = _view(dict(request.query_params))
    return HTMLResponse(render(request.app.state.simulator, view))


def render(simulator: Simulator, view: View) -> str:
    """The page as HTML. The same world and view give the same text, so that the script sees what has changed."""
    world = simulator.world

    def say(key: str, /, **values: str) -> str:
        return wording.say(view.language, key, **values)

    waiting = [payment.phone.msisdn for payment in world.live.values() if payment.phone.msisdn not in view.handsets]
    return TEMPLATES.get_template("page.html").render(
        view=view,
        say=say,
        kind_name=lambda kind: wording.kind_name(view.language, kind),
        clock=simulator.clock,
        clock_steps=CLOCK_STEPS_SECONDS,
        handsets=[_handset(simulator, msisdn) for msisdn in view.handsets],
        waiting=waiting[:WAITING_SHOWN_MAX],
        calls=simulator.calls.latest(CALLS_SHOWN_MAX),
        faults=simulator.faults.waiting,
        fault_size=lambda fault: fault_size(view.language, fault),
        autopilot=world.autopilot,
        mode=_mode(world.autopilot.outcomes),
        shortcodes=world.shortcodes.values(),
        apps=world.apps.values(),
        sms=lambda message: sms(view.language, message),
    )


def _handset(simulator: Simulator, msisdn: str) -> dict[str, Any]:
    phone = simulator.world.phones.get(msisdn) or Phone(msisdn, "")
    is_blocked = phone.live is not None and phone.live.blocked
    reachable = not (is_blocked or phone.never_answers or phone.switch in UNREACHABLE_SWITCHES)
    shown = phone.live if reachable and phone.switch != "busy" else None
    quiet = "quiet_unreachable" if not reachable else "quiet_busy" if phone.switch == "busy" else "quiet"
    line = "no-signal" if is_blocked or phone.never_answers else phone.switch
    messages = list(phone.messages)[:MESSAGES_SHOWN_MAX]
    return {"phone": phone, "prompt": shown, "quiet": quiet, "line": line, "messages": messages}


def sms(spoken: Language, message: Message) -> str:
    """The text of an SMS in the reader's language."""
    at = message.at
    times = {"date": f"{at.day}/{at.month}/{at:%y}", "time": f"{at:%H:%M}"}
    return wording.say(spoken, message.key, **message.values, **times)


def fault_size(spoken: Language, fault: Fault) -> str:
    """How often a fault still strikes, in words."""
    parts = []
    if fault.times is None:
        parts.append(wording.say(spoken, "fault_always"))
    else:
        parts.append(wording.say(spoken, "fault_times", times=str(fault.times - fault.hits)))
    if fault.probability < 1:
        parts.append(wording.say(spoken, "fault_chance", percent=f"{fault.probability * 100:g}"))
    if fault.delay_ms:
        parts.append(f"{fault.delay_ms} ms")
    return ", ".join(parts)


async def answer_prompt(request: Request) -> Response:
    """A button on a prompt: pay, cancel, ignore, not enough."""
    simulator, form, view = await _posted(request)
    phone = simulator.world.phones.get(form.get("msisdn", ""))
    prompt = phone.live if phone is not None else None
    if prompt is None or prompt.checkout_id != form.get("prompt") or prompt.ignored:
        return _back(view, "gone")
    action = form.get("action", "")
    if action == "ignore":
        orders.ignore(simulator, prompt)
    elif action in ("cancel", "not-enough"):
        simulator.prompts.act(prompt, action)
    else:
        simulator.prompts.act(prompt, "pay", pin=form.get("pin", ""))
    return _back(view, _notice(prompt, action))


def _notice(prompt: Payment, action: str) -> str:
    if action == "ignore":
        return ""
    if prompt.errand is not None:
        return "answered"
    return "paid" if prompt.paid else "unpaid"


async def pay_from_menu(request: Request) -> Response:
    """The customer pays a paybill or till from the phone's menu."""
    simulator, form, view = await _posted(request)
    msisdn, amount = form.get("msisdn", ""), form.get("amount", "")
    try:
        order = orders.menu_order(
            simulator,
            number=form.get("number", "").strip(),
            msisdn=msisdn,
            amount=_whole(amount),
            account=form.get("account", "").strip(),
        )
        orders.check_pin(simulator, msisdn, form.get("pin", ""))
    except orders.BadOrderError as bad:
        return _back(view, bad.key)
    payment = await simulator.collections.pay(order)
    return _back(view, "paid" if payment.paid else "unpaid")


async def set_phone(request: Request) -> Response:
    """The switches of one handset."""
    simulator, form, view = await _posted(request)
    wanted = {"msisdn": form.get("msisdn", ""), "switch": form.get("switch", "on")}
    try:
        order = msgspec.convert({**wanted, "low_balance": "low_balance" in form}, orders.PhoneOrder)
        orders.set_phone(simulator, order)
    except (orders.BadOrderError, msgspec.ValidationError):
        return _back(view, "bad_msisdn")
    return _back(view, "sent")


async def set_autopilot(request: Request) -> Response:
    """Who answers when nobody does."""
    simulator, form, view = await _posted(request)
    try:
        orders.set_autopilot(
            simulator, orders.autopilot_outcomes(form.get("mode", "")), _whole(form.get("after_ms", ""))
        )
    except (orders.BadOrderError, UnknownOutcomeError):
        return _back(view, "bad_fault")
    return _back(view, "sent")


async def add_fault(request: Request) -> Response:
    """One fault from the panel; its value names kind and fault."""
    simulator, form, view = await _posted(request)
    kind, _, name = form.get("fault", "").partition(".")
    percent, times = _whole(form.get("probability", "100")), _whole(form.get("times", ""))
    try:
        orders.add_fault(
            simulator,
            kind=kind,
            name=name,
            times=times if times > 0 else None,
            probability=percent / 100,
            delay_ms=max(0, _whole(form.get("delay_ms", ""))),
            msisdn="",
        )
    except (orders.BadOrderError, UnknownFaultError):
        return _back(view, "bad_fault")
    return _back(view, "sent")


async def clear_faults(request: Request) -> Response:
    """Everything goes well again."""
    simulator, _, view = await _posted(request)
    simulator.faults.clear()
    return _back(view, "sent")


async def move_clock(request: Request) -> Response:
    """Stop the clock, let it go, or move it on."""
    simulator, form, view = await _posted(request)
    action = form.get("action", "")
    if action == "stop":
        simulator.clock.stop()
    elif action == "go":
        simulator.clock.go()
    else:
        simulator.clock.advance(CLOCK_STEPS_SECONDS.get(action, 0))
    return _back(view, "sent")


async def reset(request: Request) -> Response:
    """The world as it was at the start."""
    simulator, _, view = await _posted(request)
    simulator.reset()
    return _back(view, "sent")


async def _posted(request: Request) -> tuple[Simulator, dict[str, str], View]:
    raw = await read_body(request)
    values = parse_qs(raw.decode(errors="replace"), keep_blank_values=True, max_num_fields=50)
    form = {name: given[-1] for name, given in values.items()}
    return request.app.state.simulator, form, _view(form)


def _view(values: dict[str, str]) -> View:
    asked = [msisdn for msisdn in values.get("phones", "").split(",") if _is_msisdn(msisdn)]
    if _is_msisdn(values.get("also", "")):
        asked = [*(asked or DEFAULT_HANDSETS), values["also"]]
    handsets = tuple(dict.fromkeys(asked))[-HANDSETS_MAX:] or DEFAULT_HANDSETS
    notice = values.get("notice", "")
    known = notice if f"notice_{notice}" in wording.ENGLISH else ""
    return View(wording.language(values.get("lang", "")), handsets, known)


def _back(view: View, notice: str) -> Response:
    return RedirectResponse(view.address(notice=notice), 303)


def _mode(outcomes: dict[str, float]) -> str:
    if not outcomes:
        return "off"
    only = next(iter(outcomes))
    return only if len(outcomes) == 1 and only in MODES else "mix"


def _is_msisdn(text: str) -> bool:
    try:
        orders.check_msisdn(text)
    except orders.BadOrderError:
        return False
    return True


def _whole(text: str) -> int:
    """The number that was typed, or -1."""
    clean = text.strip()
    return int(clean) if clean.isascii() and clean.isdigit() and len(clean) < 10 else -1
