"""A gateway of a few lines for the shop to talk to, over real HTTP, which signs with the reference library."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.box import NO_TLS

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)  # the till's clock and its shop's, which stands: an age is exact
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
KEY, KEY_SECRET = "shop-key", "shop-secret"


@dataclass(slots=True)
class Till:
    """What it was asked, what it answers, and the shop it tells."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    status: int = 202
    answer: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    keeps: bool = True
    shop_url: str = ""
    sent: int = 0

    async def push(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.asked.append(body)
        self.authorizations.append(request.headers["authorization"])
        if self.keeps:
            trace_url = f"http://127.0.0.1:1/trace/{body['RequestID']}"
            self.seen[body["RequestID"]] = {**body, "State": "pending", "TraceURL": trace_url}
        return JSONResponse(self.answer, self.status)

    async def read(self, request: Request) -> Response:
        found = self.seen.get(request.path_params["request_id"])
        return JSONResponse(found or {"detail": "No such request."}, 200 if found else 404)

    def app(self) -> Starlette:
        base = "/sandbox/mpesa/v1"
        return Starlette(
            routes=[
                Route(f"{base}/lnm/customerpaybill", self.push, methods=["POST"]),
                Route(f"{base}/requests/{{request_id}}", self.read),
            ]
        )

    async def tell(
        self,
        kind: str,
        state: str,
        order_id: str = "",
        *,
        secret: str = SECRET,
        age_s: float = 0,
        notification_id: str = "",
        **data: Any,
    ) -> int:
        """Send one signed notification to the shop; the shop's status."""
        order = next((one for one in self.asked if one["RequestID"] == order_id), self.asked[-1] if self.asked else {})
        self.sent += 1
        signed_at = NOW - timedelta(seconds=age_s)
        told = {
            "RequestID": order_id or order["RequestID"],
            "PaymentID": "pay_0199",
            "State": state,
            "Amount": float(order.get("Amount", 0)),
            "Currency": "KES",
            "MpesaReceiptNumber": None,
            "Cause": None,
            "NextStep": None,
        } | data
        body = json.dumps({"type": kind, "timestamp": signed_at.isoformat(), "data": told})
        message_id = notification_id or f"ntf_{self.sent}"
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(signed_at.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, signed_at, body),
        }
        async with httpx2.AsyncClient(verify=NO_TLS) as client:
            return (await client.post(f"{self.shop_url}/wakala", content=body, headers=headers)).status_code
