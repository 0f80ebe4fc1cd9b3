"""Every way in which Daraja says no before a payment exists: status, code and text of daraja.md 1.2 and 1.4.

The *reason* is ours: it says in a sentence what to change, and travels in a response header and in the call log only,
so that the answer itself stays what M-Pesa sends.
"""

from collections.abc import Callable
from typing import Any

from wakala.simulator.results import LOCKED_TEXT


class Refusal(Exception):  # noqa: N818, a refusal is the domain's word and no fault of the program
    """Daraja's no. Without a code the body is empty; a ``body`` or a ``page`` of HTML replaces the usual envelope."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        reason: str,
        *,
        body: dict[str, Any] | None = None,
        page: str = "",
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.message = message
        self.reason = reason
        self.body = body
        self.page = page
        self.after: Callable[[], object] | None = None  # runs when the refusal has left


def bad_authentication() -> Refusal:
    """The token endpoint got no Basic credentials."""
    return Refusal(
        400,
        "400.008.01",
        "Invalid Authentication passed",
        "Send the header Authorization: Basic base64(consumer key:consumer secret).",
    )


def bad_grant_type() -> Refusal:
    """The token endpoint got no or another grant type."""
    return Refusal(
        400,
        "400.008.02",
        "Invalid grant type passed",
        "Ask for /oauth/v1/generate?grant_type=client_credentials, without stray whitespace.",
    )


def wrong_key_or_secret(reason: str) -> Refusal:
    """M-Pesa answers a wrong key or secret with status 400 and nothing else [O]."""
    return Refusal(400, "", "", reason)


def missing_token() -> Refusal:
    """No bearer token on an API that wants one."""
    return Refusal(
        404,
        "404.001.04",
        "Invalid Authentication Header",
        "Send the header Authorization: Bearer <access token>, with the token from /oauth/v1/generate.",
    )


def invalid_token(reason: str) -> Refusal:
    """An expired or foreign token: yes, with status 404."""
    return Refusal(404, "404.001.03", "Invalid Access Token", reason)


def resource_not_found(path: str) -> Refusal:
    """A path that no API has."""
    return Refusal(404, "404.001.01", "Resource not found", f"No API has the path {path}.")


def method_not_allowed(method: str, wanted: str) -> Refusal:
    """Another method than the one the API is called with."""
    return Refusal(405, "405.001", "Method Not Allowed", f"Called with {method}; this API is called with {wanted}.")


def invalid_payload(reason: str) -> Refusal:
    """A body that is no JSON object."""
    return Refusal(400, "400.002.05", "Invalid Request Payload", reason)


def invalid_field(field: str, reason: str) -> Refusal:
    """One field is missing or wrong; Daraja names it and stops at the first."""
    return Refusal(400, "400.002.02", f"Bad Request - Invalid {field}", reason)


def forbidden_word(field: str, word: str) -> Refusal:
    """The URL filter of C2B registration. The text was seen on the wire, its error code was not: ours is a guess."""
    return Refusal(
        400,
        "400.002.02",
        f"Invalid {field} - URL has the word {word.upper()}",
        f"M-Pesa refuses any URL that contains {word!r}, in any case. Choose another path or host.",
    )


def no_such_merchant(reason: str) -> Refusal:
    """A shortcode that cannot push for this app."""
    return Refusal(500, "500.001.1001", "Merchant does not exist", reason)


def wrong_credentials(reason: str) -> Refusal:
    """The Password does not belong to shortcode, passkey and timestamp."""
    return Refusal(500, "500.001.1001", "[MerchantValidate] - Wrong credentials", reason)


def subscriber_locked(msisdn: str) -> Refusal:
    """A prompt is still open on that phone."""
    return Refusal(
        500,
        "500.001.1001",
        LOCKED_TEXT,
        f"Phone {msisdn} still shows a prompt; answer it or wait until it has expired.",
    )


def asked_lately(msisdn: str) -> Refusal:
    """A prompt too soon after the last; M-Pesa says that the phone is still locked."""
    reason = f"Phone {msisdn} had a prompt less than a minute ago, and the rule one_minute is on."
    return Refusal(500, "500.001.1001", LOCKED_TEXT, reason)


def still_processing() -> Refusal:
    """How M-Pesa answered a query before 2025 while the prompt was open."""
    return Refusal(500, "500.001.1001", "The transaction is being processed", "The prompt is still open.")


def no_such_transaction(reason: str) -> Refusal:
    """A query for an id that is unknown, or, now and then, for one that exists."""
    return Refusal(500, "500.001.1001", "The transaction does not Exist", reason)


def duplicate_originator(originator_id: str, shortcode: str) -> Refusal:
    """An OriginatorConversationID that was seen before: the first request stands, this one made nothing."""
    return Refusal(
        500,
        "500.002.1001",
        "Duplicate OriginatorConversationID.",
        f"{shortcode} sent {originator_id!r} before. Ask for the status of that request; do not send it anew.",
    )


def no_such_product(reason: str) -> Refusal:
    """An app that has no product for what it asks."""
    message = "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found"
    return Refusal(401, "401.002.01", message, reason)


def wrong_identifier_type(given: str, party: str, allowed: tuple[str, ...]) -> Refusal:
    """An identifier type that this party cannot have; yes, with status and code of a bad token."""
    return Refusal(
        401,
        "401.002.01",
        f"The element The value of Request.Identity.{party}.IdentifierType can not be {given} is invalid.",
        f"The identifier type of the {party} is {' or '.join(allowed)} here.",
    )


def urls_already_registered() -> Refusal:
    """Production lets a shortcode register its C2B URLs once."""
    return Refusal(
        500,
        "500.003.1001",
        "Urls are already registered.",
        "The rule register_once is on, as in production; switch it off or reset the simulator.",
    )


def not_a_c2b_shortcode() -> Refusal:
    """What the sandbox answers when 174379 registers C2B URLs: a SOAP fault dressed as JSON (daraja.md 1.5)."""
    fault = {
        "faultcode": "soap:Server",
        "faultstring": "Execution of ServiceCallout SCO-AddURLVault failed. Reason: "
        "ResponseCode 409 is treated as error",
        "faultactor": "",
        "detail": {"source": {"errorcode": "steps.servicecallout.ExecutionFailed"}},
    }
    envelope = {
        "Envelope": {"encodingStyle": "http://schemas.xmlsoap.org/soap/encoding/", "Body": {"Fault": fault}},
    }
    reason = "174379 takes STK pushes only; register a 600xxx shortcode, or switch the rule strict_174379 off."
    return Refusal(500, "", "", reason, body=envelope)


def internal_error(reason: str) -> Refusal:
    """A fault of the platform: whether anything happened is unknown to the caller."""
    return Refusal(500, "500.002.1001", "System internal error.", reason)


def maintenance(reason: str, status: int = 500) -> Refusal:
    """The platform is closed for a while; nothing happened. Older documents give it status 503."""
    message = "Service is currently under maintenance. Please try again later"
    return Refusal(status, "500.002.1001", message, reason)


def system_busy(reason: str) -> Refusal:
    """Too much to do at M-Pesa; nothing happened."""
    return Refusal(500, "500.003.02", "System is busy. Please try again in few minutes.", reason)


def generic_error(reason: str) -> Refusal:
    """A fault somewhere: whether anything happened is unknown to the caller."""
    return Refusal(500, "500.003.1001", "Internal Server Error", reason)


def quota(reason: str) -> Refusal:
    """Too many calls in a longer time; nothing happened."""
    return Refusal(500, "500.003.03", "Error Occurred: Quota Violation", reason)


def raw_spike_arrest(reason: str) -> Refusal:
    """Too many calls at once, in the shape of the gateway software itself. Its exact words are a guess."""
    fault = {
        "faultstring": "Spike arrest violation. Allowed rate : MessageRate{capacity=5, period=Minutes}",
        "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
    }
    return Refusal(429, "", "", reason, body={"fault": fault})


def blocked_by_firewall(reason: str) -> Refusal:
    """The page of the firewall in front of M-Pesa: HTML where everyone expects JSON."""
    page = (
        '<html><head><META NAME="ROBOTS" CONTENT="NOINDEX, NOFOLLOW"></head><body>'
        '<iframe src="/_Incapsula_Resource?x=1">Request unsuccessful. '
        "Incapsula incident ID: 100000000000000001-1</iframe></body></html>"
    )
    return Refusal(403, "", "", reason, page=page)


def spike_arrest(reason: str) -> Refusal:
    """Too many calls at once; nothing happened."""
    return Refusal(500, "500.003.02", "Error Occurred: Spike Arrest Violation", reason)
