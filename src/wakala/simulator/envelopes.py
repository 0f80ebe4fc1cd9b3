"""The bodies that a merchant gets for its commands: results and queue time-outs, each API's in its own shape.

Numbers or strings, a list or a bare object, whose URL stands in the reference data: all as printed or captured for
that API (daraja.md 2.6 to 2.14 and 3.3). A reader that copes with these copes with M-Pesa.
"""

from typing import Any

import msgspec

from wakala.simulator import command_results, commands, identifiers
from wakala.simulator.commands import Command, Item, Outcome, item

TIMEOUT_TEXT = "The service request timed out while waiting in the queue."
"""No queue time-out was ever captured (daraja.md 3.4): code, text and shape are a guess that many SDKs share."""

TIMEOUT_CODE = 1
STRINGS_DONE_TEXT = "The service request is processed successfully"
"""Without its full stop where an API's success is printed in strings."""

SUBMIT_PATHS: dict[commands.Kind, str] = {
    "b2c": "b2cresults",
    "b2pochi": "b2cresults",
    "b2b": "b2bresults",
    "tax": "b2bresults",
    "account_balance": "abresults",
    "reversal": "reversalresults",
}
INTERNAL_HOST = "internalsandbox.safaricom.co.ke"
PRODUCTION_HOST = "internalapi.safaricom.co.ke"
"""M-Pesa's own hosts leak into results (daraja.md 1.1). They are data; nobody calls them."""


def result(command: Command, outcome: Outcome, amount_cents: int, *, portal_types: bool) -> bytes:
    """The body for the ResultURL."""
    in_strings = outcome.result.code == 0 and _succeeds_in_strings(command, portal_types=portal_types)
    code = outcome.result.code
    body: dict[str, Any] = {
        "ResultType": "0" if in_strings or command.asked.kind == "tax" else 0,
        "ResultCode": str(code) if in_strings else code,
        "ResultDesc": STRINGS_DONE_TEXT if in_strings else outcome.result.text,
        **_identities(command),
    }
    parameters = outcome.parameters(amount_cents) if code == 0 else _of_failure(command)
    if parameters:
        body["ResultParameters"] = {"ResultParameter": parameters}
    body["ReferenceData"] = {"ReferenceItem": _references(command, failed=code != 0)}
    return msgspec.json.encode({"Result": body})


def queue_timeout(command: Command) -> bytes:
    """The body for the QueueTimeOutURL: a result that is none."""
    body = {
        "ResultType": 1,
        "ResultCode": TIMEOUT_CODE,
        "ResultDesc": TIMEOUT_TEXT,
        **_identities(command),
        "ReferenceData": {"ReferenceItem": item("QueueTimeoutURL", _submit_url(command))},
    }
    return msgspec.json.encode({"Result": body})


def _succeeds_in_strings(command: Command, *, portal_types: bool) -> bool:
    kind = command.asked.kind
    if kind == "b2b":
        return command.asked.command_id != commands.DISBURSEMENT
    return kind == "tax" or (kind == "account_balance" and portal_types)


def _identities(command: Command) -> dict[str, str]:
    """Enquiries and most failures carry the day and zeros for a receipt; a status query's answer always does."""
    return {
        "OriginatorConversationID": command.originator_id,
        "ConversationID": command.conversation_id,
        "TransactionID": command.receipt or identifiers.no_receipt(command.settled_at or command.asked_at),
    }


def _of_failure(command: Command) -> Item | list[Item] | None:
    """B2B failures carry one parameter: a bare object, for taxes a list of one; other failures carry none."""
    asked = command.asked
    done_at = f"{command.settled_at:%Y%m%d%H%M%S}"
    if asked.kind == "tax":
        return [item("BOCompletedTime", done_at)]
    if asked.kind != "b2b":
        return None
    if asked.command_id == commands.TOP_UP and asked.account:
        return item("BillReferenceNumber", _number_if_digits(asked.account))
    return item("BOCompletedTime", int(done_at))


def _references(command: Command, *, failed: bool) -> Item | list[Item]:
    asked = command.asked
    if asked.kind == "transaction_status":
        return item("Occasion", asked.occasion) if asked.occasion else {"Key": "Occasion"}
    url = item("QueueTimeoutURL", _submit_url(command))
    if asked.kind not in ("b2b", "tax"):
        return url
    bill = [item("BillReferenceNumber", asked.account)] if asked.account else []
    if asked.command_id == commands.DISBURSEMENT:
        return [url, {"Key": "Occassion"}]
    if not failed:
        return [*bill, url]
    if asked.command_id == commands.TOP_UP and bill:
        return [item("BillReferenceNumber", _number_if_digits(asked.account)), url, {"Key": "Occassion"}]
    return url


def _submit_url(command: Command) -> str:
    """The internal URL; taxes were printed with the merchant's own, and some commands with production's host."""
    asked = command.asked
    if asked.kind == "tax":
        return asked.timeout_url
    if asked.command_id == commands.DISBURSEMENT:
        return f"http://{PRODUCTION_HOST}/mpesa/b2bresults/v1/submit"
    if asked.command_id == commands.TOP_UP and command.result not in (None, command_results.DONE):
        return f"https://{PRODUCTION_HOST}/mpesa/abresults/v1/submit"
    return f"https://{INTERNAL_HOST}/mpesa/{SUBMIT_PATHS.get(asked.kind, 'b2bresults')}/v1/submit"


def _number_if_digits(text: str) -> int | str:
    """The top-up's failure was printed with its reference as a number; a leading zero would be lost in one."""
    return int(text) if text.isascii() and text.isdigit() and not text.startswith("0") else text
