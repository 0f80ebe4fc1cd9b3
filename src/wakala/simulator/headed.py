"""The envelope of a header and a body that Bonga and the IoT SIM portal answer in (daraja.md 2.22 and 2.23)."""

from datetime import datetime
from typing import Any

from wakala.simulator.machine import Simulator

SUCCESS = "Success"
DONE = "Operation Successfull"
"""With its misspelling, as on the wire."""


def headed(
    simulator: Simulator, body: dict[str, Any] | None, *, message: str = SUCCESS, customer_message: str = DONE
) -> dict[str, Any]:
    """The body under a header that says it went well; ``responseCode`` is a number here."""
    header = {
        "requestRefId": simulator.world.next_request_id(),
        "responseCode": 200,
        "responseMessage": message,
        "customerMessage": customer_message,
        "timestamp": _timestamp(simulator.clock.now()),
    }
    return {"header": header, "body": body}


def _timestamp(at: datetime) -> str:
    """Local time with nine digits of a second, as Java prints it."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000"
