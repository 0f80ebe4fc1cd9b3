"""Every exception of Wakala: one root, three branches, one sentence each.

Results are values (refused by M-Pesa, unknown, duplicate callback); faults are the exceptions below. Each class has a
stable ``code``, an HTTP ``status`` and a ``sentence`` that says what to do; a raised error may bring a more exact
sentence. The API (RFC 9457), the pages and the command line all show the same one, unless the class has one that is
``spoken``: what is right to say to a program that calls the API may not be, to a person who typed a command.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field that is wrong: a JSON pointer such as ``/Amount`` and a sentence that says what to send instead."""

    pointer: str
    message: str


class WakalaError(Exception):
    """Root of all errors."""

    code: str = "internal_fault"
    status: int = 500
    title: str = "Something broke inside Wakala"
    sentence: str = "This is our fault, not yours, and nothing was half done. Try again, and tell your operator."
    spoken: str = "This is a fault of Wakala's own, and nothing was half done. Try again, and report it if it stays."
    retriable: bool = False

    def __init_subclass__(cls) -> None:
        """Who words a sentence anew and says no more says it to everybody."""
        if "sentence" in vars(cls) and "spoken" not in vars(cls):
            cls.spoken = cls.sentence

    def __init__(self, sentence: str | None = None, *, what: str = "", faults: tuple[FieldFault, ...] = ()) -> None:
        """``sentence`` replaces the class's own where more is known, ``what`` happened stands before them.

        ``faults`` names the fields that are wrong.
        """
        self.sentence = sentence or f"{what} {type(self).sentence}".lstrip()
        self.spoken = sentence or f"{what} {type(self).spoken}".lstrip()
        self.faults = faults
        super().__init__(self.sentence)


# ── The caller's fault: change the request ───────────────────────────────────────────────────────────────────────────


class CallerError(WakalaError):
    """What the caller sent cannot be done as it is."""

    code = "bad_request"
    status = 400
    title = "The request cannot be understood"
    sentence = "Send one JSON object with the documented fields; GET /openapi.json lists them."
    spoken = "This cannot be done as it was said: `--help` after the command says how."


class InvalidFieldsError(CallerError):
    """One or more fields are missing, unknown, of a wrong type or out of bounds."""

    code = "invalid_fields"
    status = 422
    title = "Some fields are wrong"
    sentence = "Correct the fields listed under errors and send the request again; nothing was sent to M-Pesa."
    spoken = "Nothing was done. What is wrong:"


class InvalidMsisdnError(CallerError):
    """A phone number that no Kenyan spelling fits."""

    code = "invalid_msisdn"
    status = 422
    title = "Not a Kenyan mobile number"
    sentence = "Write the phone number as 2547XXXXXXXX, 2541XXXXXXXX, 07XXXXXXXX or 01XXXXXXXX."


class InvalidAmountError(CallerError):
    """An amount that M-Pesa cannot move."""

    code = "invalid_amount"
    status = 422
    title = "Not an amount that M-Pesa can move"
    sentence = "Send a whole number of shillings from 1 to 250000."


class UnauthenticatedError(CallerError):
    """No credentials, or credentials that no app has."""

    code = "unauthenticated"
    status = 401
    title = "Who is asking?"
    sentence = "Send the app's consumer key and secret as Authorization: Basic, or a token from GET .../auth as Bearer."
    spoken = "Give the app's consumer key and secret as `wakala app create` printed them, or `wakala app rotate` did."


class ForbiddenError(CallerError):
    """The app is known but may not do this."""

    code = "forbidden"
    status = 403
    title = "This app may not do that"
    sentence = "Use an app that is bound to this shortcode and environment."


class NotFoundError(CallerError):
    """Nothing of that name belongs to the caller."""

    code = "not_found"
    status = 404
    title = "No such thing here"
    sentence = "Check the path and the RequestID; another organisation's requests are never shown."
    spoken = "Nothing of that name is known here."


class MethodNotAllowedError(CallerError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = 405
    title = "Wrong method"
    sentence = "Use the method that GET /openapi.json gives for this path."


class UrlTestFailedError(CallerError):
    """Notifications would not arrive at the URL that was to be saved."""

    code = "url_test_failed"
    status = 422
    title = "The URL did not pass its test"
    sentence = "Nothing was changed. Mend what is listed under errors, or force the change if you know better."
    spoken = "Nothing was changed. Mend this, or say --force if you know better:"


class UrlTestsBusyError(CallerError):
    """As many URLs are being tested as may be at once, by the organisation or by all."""

    code = "url_tests_busy"
    status = 429
    title = "Other URLs are being tested"
    sentence = "Nothing was changed: too many URLs are being tested at this moment. Try again in some seconds."
    retriable = True


class RequestIdSpentError(CallerError):
    """The request ID was used before, with another content."""

    code = "request_id_spent"
    status = 409
    title = "This RequestID is spent"
    sentence = "This RequestID was used before with other content. Choose a new RequestID for a new payment."


class InitiatorStoppedError(CallerError):
    """M-Pesa refused the shortcode's API operator twice; a few more would lock it."""

    code = "initiator_stopped"
    status = 409
    title = "The API operator is stopped"
    sentence = (
        "M-Pesa refused this shortcode's API operator twice, and would lock it soon. Set its right password with "
        "`wakala shortcode initiator`, then send the request again."
    )


class RequestInFlightError(CallerError):
    """The same request is being carried out at this moment."""

    code = "request_in_flight"
    status = 409
    title = "This request is being carried out"
    sentence = "The same request is on its way to M-Pesa. Ask again in a second, or read GET .../requests/{RequestID}."
    retriable = True


class PayloadTooLargeError(CallerError):
    """More bytes than any honest request has."""

    code = "payload_too_large"
    status = 413
    title = "Too many bytes"
    sentence = "Send a smaller body; the limit is 64 KiB."


class NotAllowedHereError(CallerError):
    """The command does not exist in this environment, or this shortcode's kind cannot do it."""

    code = "not_allowed_here"
    status = 422
    title = "This shortcode or environment cannot do that"
    sentence = "Use a shortcode of the right kind, or the other environment."


# ── M-Pesa's side ────────────────────────────────────────────────────────────────────────────────────────────────────


class PaymentRefusedError(WakalaError):
    """M-Pesa said no. That is an outcome and is never raised: its answer bears this code, and M-Pesa's own words."""

    code = "payment_refused"
    status = 422
    title = "M-Pesa refused the payment"
    sentence = (
        "ResponseCode and ResponseDesc are M-Pesa's own, Cause says why and NextStep what to do. The RequestID is "
        "spent: choose a new one to try again."
    )


class UpstreamError(WakalaError):
    """M-Pesa could not be asked, or said something that nobody can read."""

    code = "upstream_fault"
    status = 502
    title = "M-Pesa did not answer as it should"
    sentence = "M-Pesa could not be reached or understood; the trace of the request shows both sides' bytes."
    spoken = "M-Pesa could not be reached or understood: `wakala doctor` looks whether it can be."
    retriable = True


class MalformedUpstreamError(UpstreamError):
    """Bytes from M-Pesa that no codec can read. They are kept raw."""

    code = "malformed_upstream"
    sentence = "M-Pesa sent something that cannot be read; it is kept byte for byte in the trace."


# ── Ours: the operator must act ──────────────────────────────────────────────────────────────────────────────────────


class OperatorError(WakalaError):
    """The installation is wrong; the operator must act."""

    code = "operator_must_act"
    status = 503
    title = "The gateway is not set up right"
    sentence = "Run `wakala doctor`: it says what is wrong and how to mend it."


class ConfigurationError(OperatorError):
    """A setting is missing, unknown or impossible."""

    code = "bad_configuration"
    title = "A setting is wrong"


class LooseSecretError(OperatorError):
    """A file with secrets can be read by others."""

    code = "loose_secret"
    title = "A secret file can be read by others"


class StoppingError(OperatorError):
    """This process has been told to stop, and says so before it takes nothing in any more."""

    code = "stopping"
    title = "This gateway is stopping"
    sentence = "This gateway is stopping. Ask another one, or this one again in a moment."
    retriable = True


class DatabaseBusyError(OperatorError):
    """Another process already writes to this SQLite file."""

    code = "database_in_use"
    title = "Another Wakala already writes to this database"


class DatabaseFaultError(OperatorError):
    """The database cannot be reached or refuses to write."""

    code = "database_fault"
    title = "The database does not answer"
    sentence = "Try again in a moment with the same RequestID: nothing is done twice."
    spoken = "Look whether it runs, its disk has room, and this account may read and write there."
    retriable = True


class DatabaseAwayError(DatabaseFaultError):
    """The same where nobody's operation would fare better: no connection, no answer in time, no place to write."""


class UnwrittenError(DatabaseAwayError):
    """What became of a request could not be written down: it may have gone to M-Pesa."""


class BrokenRuleError(WakalaError):
    """A step that the table of states does not have: a bug of ours, stopped before it could do harm."""

    code = "broken_rule"
