"""Every no of Daraja's own paths: status, code and text as M-Pesa has them (daraja.md 1.2 and 1.4)."""

import msgspec

from wakala.wire.api import HttpAnswer

JSON = (("content-type", "application/json;charset=UTF-8"),)
_encode = msgspec.json.Encoder().encode


REASON_HEADER = "x-wakala-reason"
HTTP_INTERNAL = 500


class RefusedInDarajaError(Exception):
    """An answer in Daraja's error envelope. ``reason`` is our own sentence, where M-Pesa's words do not say why."""

    def __init__(self, status: int, code: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.reason = reason


def bad_authentication() -> RefusedInDarajaError:
    """No Basic credentials where a token is asked for, or wrong ones (daraja.md 1.2)."""
    return RefusedInDarajaError(400, "400.008.01", "Invalid Authentication passed")


def bad_grant_type() -> RefusedInDarajaError:
    """The token wants one grant type only."""
    return RefusedInDarajaError(400, "400.008.02", "Invalid grant type passed")


def missing_token() -> RefusedInDarajaError:
    """No bearer token: with status 404 (daraja.md 1.4)."""
    return RefusedInDarajaError(404, "404.001.04", "Invalid Authentication Header")


def invalid_token() -> RefusedInDarajaError:
    """An expired or foreign token: with status 404 as well."""
    return RefusedInDarajaError(404, "404.001.03", "Invalid Access Token")


def no_such_product(reason: str = "") -> RefusedInDarajaError:
    """The app may not use this."""
    message = "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found"
    return RefusedInDarajaError(401, "401.002.01", message, reason)


def no_such_merchant() -> RefusedInDarajaError:
    """The shortcode is not this app's."""
    return RefusedInDarajaError(500, "500.001.1001", "Merchant does not exist")


def wrong_password() -> RefusedInDarajaError:
    """The Password does not follow from shortcode, passkey and timestamp."""
    return RefusedInDarajaError(500, "500.001.1001", "[MerchantValidate] - Wrong credentials")


def no_such_transaction() -> RefusedInDarajaError:
    """A query for an ID that nobody was given (daraja.md 2.2)."""
    return RefusedInDarajaError(500, "500.001.1001", "The transaction does not Exist")


def duplicate() -> RefusedInDarajaError:
    """The first request with this ID stands (daraja.md 1.4)."""
    return RefusedInDarajaError(500, "500.002.1001", "Duplicate OriginatorConversationID.")


def busy() -> RefusedInDarajaError:
    """Nothing was done; come back later."""
    return RefusedInDarajaError(500, "500.003.02", "System is busy. Please try again in few minutes.")


def broken() -> RefusedInDarajaError:
    """What became of it is unknown; ask, do not resend."""
    return RefusedInDarajaError(500, "500.003.1001", "Internal Server Error")


def invalid(field: str) -> RefusedInDarajaError:
    """One field is missing or wrong; Daraja names the first and stops."""
    return RefusedInDarajaError(400, "400.002.02", f"Bad Request - Invalid {field}")


def forbidden_word(field: str, word: str) -> RefusedInDarajaError:
    """The filter on C2B URLs (daraja.md 1.4 and 7.2); its text was seen, its code was not."""
    return RefusedInDarajaError(400, "400.002.02", f"Invalid {field} - URL has the word {word.upper()}")


def wrong_identifier_type(party: str, given: str) -> RefusedInDarajaError:
    """A type that this party cannot have: with status and code of a bad token (daraja.md 1.4)."""
    message = f"The element The value of Request.Identity.{party}.IdentifierType can not be {given} is invalid."
    return RefusedInDarajaError(401, "401.002.01", message)


def unreadable() -> RefusedInDarajaError:
    """A body that is no JSON, or not of the shape that is wanted."""
    return RefusedInDarajaError(400, "400.002.05", "Invalid Request Payload")


def no_such_path() -> RefusedInDarajaError:
    """A path that no API has."""
    return RefusedInDarajaError(404, "404.001.01", "Resource not found")


def wrong_method() -> RefusedInDarajaError:
    """Another method than the API's."""
    return RefusedInDarajaError(405, "405.001", "Method Not Allowed")


def no_such_shortcode(field: str, reason: str = "") -> RefusedInDarajaError:
    """A shortcode that this app cannot speak for: named by its field, but for a push's, which is the merchant."""
    refusal = invalid(field) if field else no_such_merchant()
    refusal.reason = reason
    return refusal


def in_words_of_pull(refusal: RefusedInDarajaError) -> RefusedInDarajaError:
    """Pull has codes of its own for a bad token and a bad shortcode (daraja.md 1.4)."""
    if refusal.code == "404.001.03":
        return RefusedInDarajaError(401, "401.001", refusal.message, refusal.reason)
    if refusal.message == "Bad Request - Invalid ShortCode":
        return RefusedInDarajaError(400, "400.001", "Invalid ShortCode", refusal.reason)
    return refusal


def of_plumbing(status: int) -> RefusedInDarajaError:
    """What went wrong before or around the API itself."""
    return broken() if status >= HTTP_INTERNAL else unreadable()


def refusal_answer(error: RefusedInDarajaError, request_id: str) -> HttpAnswer:
    """The envelope of every error. Our own reason, where there is one, travels in a header beside it."""
    body = {"requestId": request_id, "errorCode": error.code, "errorMessage": error.message}
    reason = error.reason.encode("ascii", "replace").decode()
    headers = (*JSON, (REASON_HEADER, reason)) if reason else JSON
    return error.status, headers, _encode(body)
