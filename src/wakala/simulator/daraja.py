"""Daraja's HTTP face: token, STK push and query, C2B registration and simulation.

Each API checks in M-Pesa's order (daraja.md 10): token, method, JSON, fields, merchant and password, phone.
"""

import base64
import binascii
from typing import Literal

from wakala.simulator import mishaps, passwords, refusals, requests, results
from wakala.simulator.c2b import Order
from wakala.simulator.exchange import Answer, Api, Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.prompts import Push
from wakala.simulator.requests import Fields
from wakala.simulator.results import Result
from wakala.simulator.world import App, Payment, Shortcode, Token

STK_ACCEPTED = "Success. Request accepted for processing"
BLOCKED = "The rule ignored_block keeps it from this phone, which ignored too many prompts; it will end as unreachable."
QUERY_ACCEPTED = "The service request has been accepted successsfully"
"""With three s, as in most captures; compare codes, never texts (daraja.md 2.2)."""

ANOTHER_PROMPT = "ws_CO_010120260000000000700000000"


async def token(simulator: Simulator, call: Incoming) -> Answer:
    """A bearer token for a key and secret (daraja.md 1.2). ``expires_in`` is a string on the wire."""
    await mishaps.at_token(simulator, call)
    if call.method != "GET":
        raise refusals.method_not_allowed(call.method, "GET")
    key, secret = _basic_credentials(call.authorization)
    if call.query.get("grant_type") != "client_credentials":
        raise refusals.bad_grant_type()
    app = simulator.world.apps.get(key)
    if app is None:
        raise refusals.wrong_key_or_secret("No app has this consumer key.")
    if app.secret != secret:
        raise refusals.wrong_key_or_secret("The consumer key is known, the consumer secret is another.")
    life_seconds = int(simulator.world.rules.token_life_seconds)
    return Answer({"access_token": simulator.world.issue_token(app), "expires_in": str(life_seconds)})


async def stk_push(simulator: Simulator, call: Incoming) -> Answer:
    """Open a prompt on a phone (daraja.md 2.1). The prompt reaches the phone after the answer has left."""
    app = admitted(simulator, call)
    push = requests.read_push(fields_of(call), strict_urls=simulator.world.rules.strict_urls)
    shortcode = _merchant(simulator, app, push.shortcode)
    _check_password(shortcode, push)
    await mishaps.before_prompt(simulator, call, push.msisdn)
    payment = simulator.prompts.open(push, shortcode)
    if await mishaps.after_prompt(simulator, call, payment):
        return Answer(_push_answer(payment))
    reason = BLOCKED if payment.blocked else ""
    return Answer(_push_answer(payment), after=lambda: simulator.prompts.start(payment), reason=reason)


async def stk_query(simulator: Simulator, call: Incoming) -> Answer:
    """What became of a prompt (daraja.md 2.2): the code is a string, and there is no receipt."""
    app = admitted(simulator, call)
    query = requests.read_query(fields_of(call))
    shortcode = _merchant(simulator, app, query.shortcode)
    _check_password(shortcode, query)
    payment = simulator.world.checkouts.get(query.checkout_id)
    struck = await mishaps.at_query(simulator, call, payment)
    if payment is None or payment.shortcode is not shortcode:
        raise refusals.no_such_transaction(f"Shortcode {shortcode.number} has no prompt with this CheckoutRequestID.")
    if payment.result is None and simulator.world.rules.pending_as_500:
        raise refusals.still_processing()
    if "mixed_up" in struck:
        answer = _query_answer(payment, results.PAID) | {"CheckoutRequestID": ANOTHER_PROMPT}
        return Answer(answer, reason="Fault mixed_up: this is the answer of another prompt.")
    if "contradicts" in struck and payment.result is not None:
        wrong = results.NO_RESPONSE if payment.paid else results.PAID
        return Answer(_query_answer(payment, wrong), reason="Fault contradicts: the callback said the opposite.")
    return Answer(_query_answer(payment, payment.result))


def c2b_register(version: Literal["v1", "v2"]) -> Api:
    """Where a shortcode wants its C2B calls (daraja.md 2.3). The sandbox lets it register again and again."""

    async def register(simulator: Simulator, call: Incoming) -> Answer:
        app = admitted(simulator, call)
        registration = requests.read_registration(fields_of(call), version)
        rules = simulator.world.rules
        if rules.strict_174379 and registration.shortcode == "174379":
            raise refusals.not_a_c2b_shortcode()
        shortcode = simulator.world.shortcodes.get(registration.shortcode)
        if shortcode is None or not app.may_use(shortcode.number):
            raise refusals.invalid_field("ShortCode", _why_no_merchant(simulator, registration.shortcode))
        if rules.register_once and shortcode.urls is not None:
            raise refusals.urls_already_registered()
        shortcode.urls = registration.urls
        request_id = simulator.world.next_request_id()
        return Answer({"OriginatorCoversationID": request_id, "ResponseCode": "0", "ResponseDescription": "Success"})

    return register


async def c2b_simulate(simulator: Simulator, call: Incoming) -> Answer:
    """A customer pays from the phone's menu, without a phone (daraja.md 2.4)."""
    admitted(simulator, call)
    wanted = requests.read_simulation(fields_of(call))
    shortcode = simulator.world.owner_of(wanted.shortcode)
    if shortcode is None:
        raise refusals.invalid_field("ShortCode", _why_no_merchant(simulator, wanted.shortcode))
    order = Order(shortcode, wanted.msisdn, wanted.amount_cents, wanted.account, wanted.buy_goods)
    body = {
        "OriginatorCoversationID": simulator.world.next_request_id(),
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    }
    return Answer(body, after=lambda: simulator.collections.pay_soon(order))


async def unknown(simulator: Simulator, call: Incoming) -> Answer:
    """A path that no API has; even here the token is asked for first."""
    admitted(simulator, call, method="")
    raise refusals.resource_not_found(call.path)


def _basic_credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        key, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise refusals.bad_authentication() from None
    if scheme.lower() != "basic" or not colon:
        raise refusals.bad_authentication()
    return key, secret


def admitted(simulator: Simulator, call: Incoming, method: str = "POST") -> App:
    """The app behind a call's token, after token, method and the faults of the door were looked at."""
    scheme, _, value = call.authorization.partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise refusals.missing_token()
    found = simulator.world.tokens.get(value.strip())
    app = _app_of(simulator, found)
    if call.method != method and method:
        raise refusals.method_not_allowed(call.method, method)
    mishaps.at_admission(simulator, call)
    return app


def _app_of(simulator: Simulator, found: Token | None) -> App:
    if found is None:
        raise refusals.invalid_token("This access token was never issued here; tokens do not outlive a restart.")
    if found.expires_seconds <= simulator.clock.seconds():
        raise refusals.invalid_token("This access token has expired; fetch another.")
    return found.app


def fields_of(call: Incoming) -> Fields:
    """What stands in a call's body; nothing when it was not sent as JSON (daraja.md 1.3)."""
    return Fields(call.body, call.content_type)


def _merchant(simulator: Simulator, app: App, number: str) -> Shortcode:
    shortcode = simulator.world.shortcodes.get(number)
    if shortcode is None:
        raise refusals.no_such_merchant(_why_no_merchant(simulator, number))
    if not app.may_use(number):
        raise refusals.no_such_merchant(f"The app of this token may not use shortcode {number}.")
    return shortcode


def _why_no_merchant(simulator: Simulator, number: str) -> str:
    owner = simulator.world.owner_of(number)
    if owner is not None and owner.till == number:
        return f"{number} is a till number; use its store number {owner.number}."
    return f"There is no shortcode {number} that this app may use."


def _check_password(shortcode: Shortcode, asked: Push | requests.Query) -> None:
    fault = passwords.fault_in(asked.password, shortcode.number, shortcode.passkey, asked.timestamp)
    if fault is not None:
        raise refusals.wrong_credentials(fault)


def _push_answer(payment: Payment) -> dict[str, str]:
    return {
        "MerchantRequestID": payment.merchant_request_id,
        "CheckoutRequestID": payment.checkout_id,
        "ResponseCode": "0",
        "ResponseDescription": STK_ACCEPTED,
        "CustomerMessage": STK_ACCEPTED,
    }


def _query_answer(payment: Payment, result: Result | None) -> dict[str, str]:
    return {
        "ResponseCode": "0",
        "ResponseDescription": QUERY_ACCEPTED,
        "MerchantRequestID": payment.merchant_request_id,
        "CheckoutRequestID": payment.checkout_id,
        "ResultCode": results.PENDING_CODE if result is None else str(result.code),
        "ResultDesc": results.PENDING_TEXT if result is None else result.query_text,
    }
