"""What the page tests share: sample traces, a server for the pages, and a browser window that reports every fault."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from services.quick_server import QuickServer
from wakala.web import rendering

START = datetime(2026, 11, 23, 18, 0, 0, 123456, tzinfo=UTC)

Trace = dict[str, Any]


def at(offset_ms: float) -> str:
    return (START + timedelta(milliseconds=offset_ms)).isoformat().replace("+00:00", "Z")


def event(offset_ms: float, name: str, came_from: str | None, to: str, en: str, sw: str, **detail: Any) -> Trace:
    sentence = {"en": en, "sw": sw}
    times = {"At": at(offset_ms), "OffsetMs": offset_ms}
    return {"Type": "event", **times, "Name": name, "From": came_from, "To": to, "Sentence": sentence, "Detail": detail}


def exchange(offset_ms: float, duration_ms: float, name: str, direction: str, url: str, **other: Any) -> Trace:
    return {
        "Type": "exchange",
        "At": at(offset_ms),
        "OffsetMs": offset_ms,
        "DurationMs": duration_ms,
        "Name": name,
        "Direction": direction,
        "Method": "POST",
        "URL": url,
        "Peer": "196.201.214.200" if direction == "in" else None,
        "Status": 200,
        "Error": None,
        "Verdict": "ok",
        "RequestHeaders": [["Content-Type", "application/json"], ["User-Agent", "wakala/0.1"]],
        "RequestBody": "",
        "AnswerHeaders": [["Content-Type", "application/json;charset=UTF-8"]],
        "AnswerBody": "",
    } | other


CHECKOUT = "ws_CO_23112026210000254700000142"
RECEIPT_ITEMS = [
    {"Name": "Amount", "Value": 150.00},
    {"Name": "MpesaReceiptNumber", "Value": "UKN4K7P2QX"},
    {"Name": "TransactionDate", "Value": 20261123210014},
    {"Name": "PhoneNumber", "Value": 254700000142},
]


def callback_body(code: int, description: str) -> str:
    result: Trace = {
        "MerchantRequestID": "4d7e-4c19-b3a2-90f17c5e2ab83400303",
        "CheckoutRequestID": CHECKOUT,
        "ResultCode": code,
        "ResultDesc": description,
    }
    if code == 0:
        result["CallbackMetadata"] = {"Item": RECEIPT_ITEMS}
    return json.dumps({"Body": {"stkCallback": result}})


def asked() -> list[Trace]:
    """The first half second of every push."""
    request = {"RequestID": "ORDER-17", "Amount": 150, "SenderMSISDN": "0700000142", "AccountReference": "INV-17"}
    accepted = {
        "RequestID": "ORDER-17",
        "PaymentID": "pay_019a8f2c7b6d7c3e9d1f4a5b6c7d8e9f",
        "State": "pending",
        "ResponseCode": "0",
        "ResponseDesc": "Accepted. The customer has the prompt.",
    }
    push = {
        "BusinessShortCode": "174379",
        "Password": "[secret]",
        "Timestamp": "20261123210000",
        "TransactionType": "CustomerPayBillOnline",
        "Amount": 150,
        "PartyA": "254700000142",
        "PartyB": "174379",
        "PhoneNumber": "254700000142",
        "CallBackURL": "https://pay.example.co.ke/callbacks/stk/sc_1f6c/[secret]",
        "AccountReference": "INV-17",
        "TransactionDesc": "INV-17",
    }
    queued = {
        "MerchantRequestID": "4d7e-4c19-b3a2-90f17c5e2ab83400303",
        "CheckoutRequestID": CHECKOUT,
        "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing",
        "CustomerMessage": "Success. Request accepted for processing",
    }
    return [
        exchange(
            0,
            338.4,
            "api_request",
            "in",
            "/sandbox/mpesa/v1/lnm/customerpaybill",
            Status=202,
            Peer="127.0.0.1",
            RequestHeaders=[["Content-Type", "application/json"], ["Authorization", "[secret]"]],
            RequestBody=json.dumps(request),
            AnswerBody=json.dumps(accepted),
        ),
        event(
            0.8,
            "received",
            None,
            "received",
            "Your system asked for KES 150.00 from 2547*****142.",
            "Mfumo wako uliomba KES 150.00 kutoka 2547*****142.",
        ),
        event(
            2.1,
            "sending",
            "received",
            "sending",
            "The intent is on disk; M-Pesa is asked to show the prompt.",
            "Ombi limehifadhiwa; M-Pesa inaombwa kuonyesha ujumbe.",
        ),
        exchange(
            2.6,
            91.2,
            "token",
            "out",
            "http://127.0.0.1:8082/oauth/v1/generate?grant_type=client_credentials",
            Method="GET",
            AnswerBody='{"access_token":"[secret]","expires_in":"3599"}',
        ),
        exchange(
            94.0,
            241.7,
            "stk_push",
            "out",
            "http://127.0.0.1:8082/mpesa/stkpush/v1/processrequest",
            RequestBody=json.dumps(push),
            AnswerBody=json.dumps(queued),
        ),
        event(
            336.9,
            "accepted",
            "sending",
            "pending",
            "M-Pesa accepted it: the customer has the prompt on the phone.",
            "M-Pesa imekubali: mteja ana ujumbe kwenye simu.",
            CheckoutRequestID=CHECKOUT,
        ),
    ]


def called_back(offset_ms: float, code: int, description: str) -> Trace:
    return exchange(
        offset_ms,
        6.3,
        "stk_callback",
        "in",
        "/callbacks/stk/sc_1f6c/[secret]",
        RequestBody=callback_body(code, description),
        AnswerBody='{"ResultCode":0,"ResultDesc":"Accepted"}',
    )


def delivered(offset_ms: float, kind: str, **other: Any) -> Trace:
    notice = {"type": kind, "timestamp": at(offset_ms), "data": {"RequestID": "ORDER-17", "Amount": 150.00}}
    return exchange(
        offset_ms,
        18.4,
        "delivery",
        "out",
        "http://127.0.0.1:8081/wakala",
        RequestHeaders=[
            ["Content-Type", "application/json"],
            ["webhook-id", "ntf_019a8f2c7b6d7c3e"],
            ["webhook-timestamp", "1795457214"],
            ["webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="],
        ],
        **{
            "RequestBody": json.dumps(notice),
            "AnswerBody": "ok",
            "AnswerHeaders": [["Content-Type", "text/plain"]],
        }
        | other,
    )


def noted(kind: str, state: str = "delivered", **other: Any) -> Trace:
    return {
        "NotificationID": "ntf_019a8f2c7b6d7c3e9d1f4a5b6c7d8e9f",
        "Type": kind,
        "State": state,
        "Attempts": 1,
        "NextAttemptAt": None,
        "LastStatus": 200,
    } | other


def trace(entries: list[Trace], **other: Any) -> Trace:
    return {
        "RequestID": "ORDER-17",
        "PaymentID": "pay_019a8f2c7b6d7c3e9d1f4a5b6c7d8e9f",
        "Kind": "push",
        "Environment": "sandbox",
        "Shortcode": "174379",
        "State": "pending",
        "Amount": 150.00,
        "Currency": "KES",
        "SenderMSISDN": "2547*****142",
        "AccountReference": "INV-17",
        "MpesaReceiptNumber": None,
        "Evidence": None,
        "Flags": [],
        "ResultCode": None,
        "ResultDesc": None,
        "Cause": None,
        "NextStep": None,
        "CreatedAt": at(0),
        "SettledAt": None,
        "Entries": sorted(entries, key=lambda entry: entry["OffsetMs"]),
        "Notifications": [],
    } | other


def succeeded() -> Trace:
    entries = [
        *asked(),
        called_back(14_208.2, 0, "The service request is processed successfully."),
        event(
            14_210.1,
            "callback_succeeded",
            "pending",
            "succeeded",
            "M-Pesa's result came: paid, receipt UKN4K7P2QX.",
            "Matokeo ya M-Pesa yamefika: imelipwa, risiti UKN4K7P2QX.",
            MpesaReceiptNumber="UKN4K7P2QX",
        ),
        delivered(14_216.0, "payment.succeeded"),
    ]
    return trace(
        entries,
        State="succeeded",
        MpesaReceiptNumber="UKN4K7P2QX",
        Evidence="stk_callback",
        ResultCode="0",
        ResultDesc="The service request is processed successfully.",
        SettledAt=at(14_210.1),
        Notifications=[noted("payment.succeeded")],
    )


def failed() -> Trace:
    entries = [
        *asked(),
        exchange(
            9_204.7,
            3.1,
            "stk_callback",
            "in",
            "/callbacks/stk/sc_1f6c/[secret]",
            Status=404,
            Verdict="quarantined: the address is not one of M-Pesa's",
            Peer="203.0.113.9",
            RequestBody=callback_body(0, "The service request is processed successfully."),
        ),
        called_back(21_940.2, 1032, "Request cancelled by user"),
        event(
            21_942.0,
            "callback_failed",
            "pending",
            "failed",
            "M-Pesa's result came: the customer cancelled the prompt.",
            "Matokeo ya M-Pesa yamefika: mteja alighairi ujumbe.",
        ),
        delivered(
            21_950.0,
            "payment.failed",
            Status=503,
            AnswerBody="<html><body>Service Unavailable</body></html>",
            AnswerHeaders=[["Content-Type", "text/html"], ["Retry-After", "5"]],
        ),
        delivered(27_310.0, "payment.failed", Status=None, DurationMs=None, Error="Connection refused", AnswerBody=""),
    ]
    return trace(
        entries,
        State="failed",
        Evidence="stk_callback",
        ResultCode="1032",
        ResultDesc="Request cancelled by user",
        Cause={
            "en": "The customer cancelled the prompt on the phone.",
            "sw": "Mteja alighairi ujumbe kwenye simu.",
        },
        NextStep={
            "en": "Nothing was paid. Ask again with a new RequestID if the customer still wants to pay.",
            "sw": "Hakuna kilicholipwa. Omba tena kwa RequestID mpya kama mteja bado anataka kulipa.",
        },
        SettledAt=at(21_942.0),
        Notifications=[
            noted("payment.failed", "waiting", Attempts=2, LastStatus=503, NextAttemptAt=at(57_000)),
        ],
    )


def pending() -> Trace:
    return trace(asked())


def expired() -> Trace:
    entries = [
        *asked(),
        *(
            exchange(
                after_s * 1000.0,
                180.0 + after_s,
                "stk_query",
                "out",
                "http://127.0.0.1:8082/mpesa/stkpushquery/v1/query",
                Status=500,
                RequestBody=json.dumps({"BusinessShortCode": "174379", "CheckoutRequestID": CHECKOUT}),
                AnswerBody='{"requestId":"1","errorCode":"500.001.1001","errorMessage":"The transaction is being '
                'processed"}',
            )
            for after_s in (30, 90, 300, 900)
        ),
        event(
            900_900.0,
            "gave_up",
            "unknown",
            "expired",
            "Four questions brought no evidence either way; this gateway stops asking.",
            "Maswali manne hayakuleta ushahidi wowote; mfumo huu umeacha kuuliza.",
        ),
    ]
    return trace(
        entries,
        State="expired",
        Cause={
            "en": "M-Pesa never said how this payment ended.",
            "sw": "M-Pesa haikusema malipo haya yaliishaje.",
        },
        NextStep={
            "en": "Look for the customer's number in M-Pesa's statement before you ask for the money again.",
            "sw": "Tafuta namba ya mteja kwenye taarifa ya M-Pesa kabla ya kuomba pesa tena.",
        },
        SettledAt=at(900_900.0),
        Notifications=[noted("payment.expired", "kept", Attempts=0, LastStatus=None)],
    )


def flagged() -> Trace:
    paid = succeeded()
    paid["Entries"].append(called_back(44_000.0, 1032, "Request cancelled by user"))
    paid["Flags"] = ["evidence_conflict"]
    paid["Environment"] = "live"
    paid["Notifications"].append(noted("payment.flagged"))
    return paid


STATES: Mapping[str, Callable[[], Trace]] = {
    "succeeded": succeeded,
    "failed": failed,
    "pending": pending,
    "expired": expired,
    "flagged": flagged,
}


# ── A server for the pages ───────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """The app over real HTTP on a free port of the loopback."""
    server = QuickServer(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on"))
    try:
        yield await server.begin()
    finally:
        await server.end()


def gateway_pages(traces: Mapping[str, Trace]) -> Starlette:
    """The routes that the gateway wires: ``/t/{name}`` for a trace, the static files, and the 404."""

    async def timeline(request: Request) -> Response:
        language = request.query_params.get("lang", "en")
        found = traces.get(request.path_params["name"])
        if found is None:
            return HTMLResponse(rendering.render_unknown_trace(language), 404, dict(rendering.PAGE_HEADERS))
        return HTMLResponse(rendering.render_timeline(found, language), headers=dict(rendering.PAGE_HEADERS))

    async def static(request: Request) -> Response:
        file = rendering.STATIC_FILES[request.path_params["name"]]
        return Response(file.content, headers=dict(rendering.STATIC_HEADERS), media_type=file.content_type)

    return Starlette(routes=[Route("/t/{name}", timeline), Route("/static/{name}", static)])


# ── A window that reports every fault ────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Window:
    """A page and what went wrong on it: CSP violations, console errors, requests to other origins."""

    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)

    async def accessibility_faults(self) -> list[str]:
        # axe is put in by the debugger, which the page's own CSP does not bind.
        found = await Axe().run(self.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        return [
            f"{fault['id']}: {node['html'][:200]}" for fault in found.response["violations"] for node in fault["nodes"]
        ]

    async def scrolls_sideways(self) -> bool:
        return bool(await self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))


WATCH_CSP = """
window.cspFaults = [];
document.addEventListener("securitypolicyviolation", (fault) =>
  window.cspFaults.push(`${fault.violatedDirective} ${fault.blockedURI} ${fault.sample}`));
"""


@asynccontextmanager
async def window(
    browser: Browser, origin: str, *, width: int = 360, dark: bool = False, script: bool = True
) -> AsyncIterator[Window]:
    context = await browser.new_context(
        viewport=ViewportSize(width=width, height=800),
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    if script:
        await context.add_init_script(WATCH_CSP)
    page = await context.new_page()
    seen = Window(page, origin)
    page.on("console", lambda said: seen.faults.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: seen.faults.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((origin, "data:")) else seen.faults.append(asked.url))
    try:
        yield seen
        if script:
            seen.faults.extend(await page.evaluate("window.cspFaults"))
    finally:
        await context.close()


async def until(condition: Callable[[], Awaitable[bool]], *, within_s: float = 10) -> None:
    """Waits for a condition; fails when the time is over."""
    clock = asyncio.get_running_loop()
    deadline = clock.time() + within_s
    while not await condition():
        assert clock.time() < deadline, "It did not come true in time."
        await asyncio.sleep(0.02)
