"""Every operation of PyPI's daraja-v3 0.2.1. Its host can be set."""

import time
from typing import Any

from mpesa import MpesaClient
from operations import GIVEN, accepted, attempt

client = MpesaClient(
    GIVEN["CONSUMER_KEY"], GIVEN["CONSUMER_SECRET"], GIVEN["SHORTCODE"], GIVEN["PASSKEY"], base_url=GIVEN["BASE_URL"]
)
CALLBACK = GIVEN["CALLBACK_URL"]
operator = {"initiator_name": GIVEN["INITIATOR"], "security_credential": GIVEN["INITIATOR_PASSWORD"]}
urls = {"callback_url": CALLBACK, "queue_timeout_url": CALLBACK}

pushed: Any = attempt("stk_push", lambda: client.stk_push(GIVEN["MSISDN"], 10, "INV-1", "Order", callback_url=CALLBACK))
attempt("stk_query", lambda: accepted(client.stk_query(pushed.checkout_request_id).raw))
# Its payouts are numbered by the second; a second one within it would be, and is, refused as a repeat.
this_second = int(time.time())
while int(time.time()) == this_second:
    time.sleep(0.05)
attempt("b2c", lambda: accepted(client.b2c(GIVEN["MSISDN"], 10, "Test", "Test", **urls, **operator).raw))
attempt("c2b_register_urls", lambda: accepted(client.c2b_register_urls(CALLBACK, CALLBACK)))
attempt("account_balance", lambda: accepted(client.account_balance(**urls, **operator)))
