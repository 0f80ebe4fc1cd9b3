"""A simulator in a thread of this process, and a handle on it: for tests in any framework.

It is served on a free port of this machine and told what to do by its own control API, so a test may be synchronous
or not. The handle waits for its answers: from a coroutine whose own loop must answer a callback in the meantime (a C2B
validation), call it in a thread.
"""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from wakala.simulator import orders, sandbox
from wakala.simulator.app import create_app
from wakala.simulator.machine import Simulator, Start
from wakala.simulator.main import AnnouncedServer, configure
from wakala.simulator.world import DEFAULT_PIN

READY_LIMIT_SECONDS = 30.0
END_LIMIT_SECONDS = 10.0
ANSWER_LIMIT_SECONDS = 30.0
"""Generous: they end a test that would hang, and decide nothing else."""


class ControlError(AssertionError):
    """The simulator could not do what a test asked; the text says why."""


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """One simulator: where it listens, what opens it, and what a test does to it.

    The keys and numbers are those of the public sandbox, so that code under test needs no others.
    """

    base_url: str
    consumer_key: str = sandbox.APP_KEY
    consumer_secret: str = sandbox.APP_SECRET
    shortcode: str = "174379"
    passkey: str = sandbox.PASSKEY
    c2b_shortcode: str = "600984"
    b2c_shortcode: str = "600998"
    store_number: str = "600991"
    till: str = "600992"
    initiator: str = sandbox.INITIATORS[0]
    initiator_password: str = sandbox.INITIATOR_PASSWORD
    customer: str = sandbox.CUSTOMER_MSISDN
    pin: str = DEFAULT_PIN

    # ── Phones ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def approve(self, msisdn: str = "", *, pin: str | None = None) -> dict[str, Any]:
        """Pay the prompt on a phone, or approve what it asks; with a PIN that is checked."""
        return self._answer(msisdn, "approve", pin=pin)

    def cancel(self, msisdn: str = "") -> dict[str, Any]:
        """Press cancel."""
        return self._answer(msisdn, "cancel")

    def ignore(self, msisdn: str = "", *, at_once: bool = True) -> dict[str, Any]:
        """Let the prompt end unanswered: now, or when its time is over."""
        return self._answer(msisdn, "ignore", at_once=at_once)

    def end_prompt(self, code: int | str, msisdn: str = "", *, text: str = "") -> dict[str, Any]:
        """End the prompt with any result code; one without a known text needs one."""
        return self._answer(msisdn, "result", code=code, text=text)

    def set_phone(self, msisdn: str, **changes: Any) -> dict[str, Any]:
        """Change a phone: name, pin, balance_cents, switch, low_balance, never_answers, ..."""
        return self.control("POST", "phones", {"msisdn": msisdn, **changes})

    def autopilot(self, mode: str = "pay", *, answer_after_ms: int = 0) -> None:
        """Answer all prompts by themselves: pay, cancel, wrong-pin, not-enough, busy, ignore, a code, or off."""
        self.control("POST", "autopilot", {"mode": mode, "answer_after_ms": answer_after_ms})

    def pay(self, number: str, amount: int, *, account: str = "", msisdn: str = "") -> dict[str, Any]:
        """A customer pays a paybill or till from the phone's menu."""
        body = {"number": number, "msisdn": msisdn or self.customer, "amount": amount, "account": account}
        return self.control("POST", "c2b/pay", body)

    # ── Faults and rules ─────────────────────────────────────────────────────────────────────────────────────────────

    def fault(self, kind: str, name: str, **options: Any) -> dict[str, Any]:
        """Make the next call of a kind go wrong; options are times, probability, delay_ms, msisdn, code and text."""
        return self.control("POST", "faults", {"kind": kind, "name": name, **options})

    def script(self, kind: str, steps: Sequence[str], **options: Any) -> dict[str, Any]:
        """A fault, or an empty text for none, for each of the next calls of a kind."""
        return self.control("POST", "script", {"kind": kind, "steps": [*steps], **options})

    def clear_faults(self) -> None:
        """Everything goes well again."""
        self.control("DELETE", "faults")

    def rules(self, **changes: float) -> dict[str, Any]:
        """How strict this M-Pesa is; named rules are changed."""
        return self.control("POST", "rules", changes)

    # ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, seconds: float) -> None:
        """Move the clock on; what falls due on the way happens now."""
        self.control("POST", "clock", {"advance_seconds": seconds})

    def stop_clock(self) -> None:
        """Nothing happens by itself any more."""
        self.control("POST", "clock", {"stopped": True})

    def start_clock(self) -> None:
        """Time goes on."""
        self.control("POST", "clock", {"stopped": False})

    # ── What there is to see ─────────────────────────────────────────────────────────────────────────────────────────

    def calls(self, kind: str = "") -> list[dict[str, Any]]:
        """Every call in and out with the reason for its answer, oldest first; all of them, or one kind."""
        latest: list[dict[str, Any]] = self.control("GET", "calls")["calls"]
        return [call for call in reversed(latest) if kind in ("", call["kind"])]

    def payments(self) -> list[dict[str, Any]]:
        """STK and C2B payments, oldest first."""
        listed: list[dict[str, Any]] = self.control("GET", "payments")["payments"]
        return listed

    def state(self) -> dict[str, Any]:
        """The whole world at a glance."""
        return self.control("GET", "state")

    def reset(self) -> None:
        """Begin again: same seed, same world, true time, no payments, no faults."""
        self.control("POST", "reset")

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Any call of the control API; raises ControlError with its sentence when it says no."""
        address = urlsplit(self.base_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_LIMIT_SECONDS)
        try:
            text = json.dumps(body).encode() if body is not None else None
            connection.request(method, f"/simulator/{path}", text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ControlError(said.get("error", f"HTTP {answer.status}"))
        return said

    def _answer(self, msisdn: str, action: str, **body: Any) -> dict[str, Any]:
        given = {name: value for name, value in body.items() if value is not None}
        return self.control("POST", f"phones/{msisdn or self.customer}/{action}", given)


@contextmanager
def running(
    *,
    seed: int = 1,
    autopilot: str = "off",
    rules: Mapping[str, float | bool] | None = None,
    allow_callback_hosts: Sequence[str] = (),
) -> Iterator[RunningSimulator]:
    """A simulator that serves as long as the block lasts. The options are those of the program."""
    start = Start(
        seed=seed,
        autopilot=orders.autopilot_outcomes(autopilot),
        rules=dict(rules or {}),
        allowed_hosts=frozenset(allow_callback_hosts),
    )
    listening: Future[str] = Future()
    server = AnnouncedServer(configure(create_app(Simulator(start)), "127.0.0.1", 0), listening.set_result)
    thread = threading.Thread(target=_serve, args=(server, listening), name="wakala-simulator", daemon=True)
    thread.start()
    try:
        yield RunningSimulator(listening.result(READY_LIMIT_SECONDS))
    finally:
        server.should_exit = True
        thread.join(END_LIMIT_SECONDS)


def _serve(server: AnnouncedServer, listening: Future[str]) -> None:
    try:
        server.run_to_the_end()
    finally:
        if not listening.done():
            listening.set_exception(ControlError("The simulator did not start; its own words stand above."))
