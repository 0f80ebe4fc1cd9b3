"""Who the load driver talks to: how a merchant asks the bare path for a payment, and how it asks Wakala."""

import base64
from dataclasses import dataclass

import msgspec

import bare_app
from lean_http import JSON


class NotificationData(msgspec.Struct):
    RequestID: str


class Notification(msgspec.Struct):
    data: NotificationData


decode_notification = msgspec.json.Decoder(Notification).decode


@dataclass(frozen=True, slots=True)
class Target:
    """Both speak the same JSON, so that only the gateway behind it differs."""

    path: bytes
    headers: bytes

    def body(self, request_id: str, serial: int) -> bytes:
        """A request of its own: another phone each time, for M-Pesa prompts a phone once at a time."""
        if b"/b2c/" in self.path:
            return b'{"RequestID":"%b","Amount":150,"ReceiverMSISDN":"2547%08d","Remarks":"Payout"}' % (
                request_id.encode(),
                serial % 10**8,
            )
        return b'{"RequestID":"%b","Amount":150,"SenderMSISDN":"2547%08d","AccountReference":"INV-%d"}' % (
            request_id.encode(),
            serial % 10**8,
            serial % 10**8,
        )

    def request_id(self, notification: bytes) -> str:
        """Whose result the merchant was told."""
        return decode_notification(notification).data.RequestID


def bare() -> Target:
    return Target(b"/pay", JSON + b"Authorization: Bearer " + bare_app.KEY + b"\r\n")


def wakala(consumer_key: str, consumer_secret: str) -> Target:
    basic = base64.b64encode(f"{consumer_key}:{consumer_secret}".encode())
    return Target(b"/sandbox/mpesa/v1/lnm/customerpaybill", JSON + b"Authorization: Basic " + basic + b"\r\n")


def payouts(target: Target) -> Target:
    """The same app, paying out."""
    return Target(b"/sandbox/mpesa/v1/b2c/businesspayment", target.headers)
