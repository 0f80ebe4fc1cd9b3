"""The Broker's HTTP face: one POST, one SOAP envelope, one answer with status 200 even for a no (broker.md 1.3)."""

import base64
import binascii
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.types import ASGIApp, Receive, Scope, Send

from wakala.simulator import mishaps
from wakala.simulator.broker import writing
from wakala.simulator.broker.log import Entry, request_dump, response_dump
from wakala.simulator.broker.providers import AUTHENTICATION_FAILED, CHANGE_IV, CHANGE_KEY, Denied, check, missing
from wakala.simulator.broker.reading import DOCUMENT_MAX_BYTES, Element, UnreadableError, read, read_inner
from wakala.simulator.broker.requests import read_instruction, read_registration, schema_error
from wakala.simulator.broker.telling import DUPLICATE, XML_TYPE
from wakala.simulator.broker.trouble import ANSWER_FAULTS
from wakala.simulator.commands import Command
from wakala.simulator.exchange import Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.office import AS_USUAL, Fate

ACCEPTED = "Accept the service request successfully."
CACHED = (("ResponseCode", "100000000"), ("ResponseDesc", "Request was cached, waiting for resending"))
REFUSED = {
    "refused_login": AUTHENTICATION_FAILED,
    "busy": ("100000001", "System overloaded"),
    "throttled": ("100000002", "Throttled"),
    "error_before": ("100000004", "Internal server error"),
}
CORE_RESULT_URL = "https://core.invalid:18323/mminterface/result"
"""Where the core would answer the Broker; nobody calls it."""

HTML = b"<html><body><h1>403 Forbidden</h1></body></html>"


@dataclass(slots=True)
class Said:
    """What is sent back; ``after`` runs when it has left."""

    body: bytes
    status: int = 200
    reason: str = ""
    after: Callable[[], object] | None = None
    core_body: bytes = b""  # the same in the core's own form


Handler = Callable[[Simulator, Incoming, Element], Awaitable[Said]]


async def request(simulator: Simulator, call: Incoming, envelope: Element) -> Said:
    """GenericAPIRequest: every command goes in here (broker.md 4)."""
    check(simulator.providers, _header(envelope))
    document, text = _request_document(envelope)
    asked = read_instruction(simulator.world, document, text)
    call.kind = f"broker_{asked.kind}"
    struck = _struck(simulator, call)
    await _before(simulator, struck)
    duplicate = simulator.office.is_duplicate(asked) or bool(simulator.faults.take(call.kind, "", ("duplicate_id",)))
    fate = Fate(result=DUPLICATE) if duplicate else mishaps.fate_of(simulator, call, asked)
    command = simulator.office.accept(asked)
    first = simulator.faults.take(call.kind, asked.msisdn, ("result_first",))
    if first:
        call.faults.append("result_first")
        await simulator.office.end_now(command, fate)
    start = None if first else (lambda: simulator.office.start(command, fate))
    said = _accepted(command, fate, start)
    if fate.result != DUPLICATE:
        _remember(simulator, call, command, said)
    return await _after(simulator, struck, said)


async def register(simulator: Simulator, call: Incoming, envelope: Element) -> Said:
    """RegisterURL: the Broker's own, so its answer is final (broker.md 10.1)."""
    call.kind = "broker_c2b_register"
    check(simulator.providers, _header(envelope))
    number, urls = read_registration(_request_document(envelope)[0])
    shortcode = simulator.world.shortcodes.get(number)
    if shortcode is None:
        raise Denied("100000005", "Invalid input value:ShortCode", f"There is no shortcode {number}.")
    struck = _struck(simulator, call)
    await _before(simulator, struck)
    shortcode.urls = urls
    fields = [("ResponseCode", "00000000"), ("ResponseDesc", "success"), ("ServiceStatus", "0")]
    return await _after(simulator, struck, Said(writing.response(fields), core_body=writing.core_response(fields)))


def _remember(simulator: Simulator, call: Incoming, command: Command, said: Said) -> None:
    """Both legs, as the Broker's log has them: towards the core without header, with the Broker's own ResultURL."""
    entry, asked = simulator.broker_log.open(command.originator_id), command.asked
    forwarded = asked.origin.replace(escape(asked.result_url), CORE_RESULT_URL)
    entry.requests = [request_dump(call.path, call.body), request_dump(call.path, writing.without_header(forwarded))]
    entry.responses = [response_dump(said.body), response_dump(said.core_body)]


async def query(simulator: Simulator, call: Incoming, envelope: Element) -> Said:
    """QueryTransaction: what the Broker's log holds of a request (broker.md 8.3)."""
    call.kind = "broker_query"
    try:
        check(simulator.providers, _header(envelope))
        asked = envelope.find("Body", "queryTransaction")
        originator_id = asked.value("originatorConversationID") if asked is not None else ""
        if not originator_id:
            raise missing("originatorConversationID")
        struck = _struck(simulator, call)
        await _before(simulator, struck)
    except Denied as denied:
        return Said(writing.query_refused(denied.code, denied.text), reason=denied.reason)
    entry = simulator.broker_log.find(originator_id) or Entry()
    body = writing.query_answered(entry.requests, entry.responses, entry.results, entry.timeouts)
    return await _after(simulator, struck, Said(body))


async def change_password(simulator: Simulator, call: Incoming, envelope: Element) -> Said:
    """A new spPassword, encrypted with AES-128 in CBC (broker.md 8.4)."""
    call.kind = "broker_change_password"
    asked = envelope.find("Body", "changePassword")
    if asked is None:
        raise schema_error("The body is changePassword.")
    try:
        provider = check(simulator.providers, asked)
        struck = _struck(simulator, call)
        await _before(simulator, struck)
        provider.password = _opened(asked.value("newPassword"))
    except Denied as denied:
        return Said(writing.password_changed(denied.code, denied.text), reason=denied.reason)
    return await _after(simulator, struck, Said(writing.password_changed("00000000", "Success")))


PATHS: dict[str, tuple[str, Handler]] = {
    "/mminterface/request": ("broker_request", request),
    "/mminterface/registerURL": ("broker_c2b_register", register),
    "/queryTransactionService/services/transaction": ("broker_query", query),
    "/managementService/services/management": ("broker_change_password", change_password),
}
"""Where it listens. The path of changePassword was never seen; this one is a guess."""


def create_desk(simulator: Simulator) -> ASGIApp:
    """The Broker as an application."""

    async def desk(scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        kind, handler = PATHS.get(scope["path"], ("broker_unknown", _no_such_path))
        body = await _body(receive)
        call = Incoming(kind, scope["method"], scope["path"], {}, "", "", body)
        said = await _answer(simulator, handler, call)
        simulator.calls.add(
            at=simulator.clock.now(),
            direction="in",
            kind=call.kind,
            method=call.method,
            target=call.path,
            request=body,
            status=said.status,
            answer=said.body,
            reason=said.reason,
            took_ms=int((time.monotonic() - started) * 1000),
            faults=tuple(call.faults),
        )
        headers = [(b"content-type", XML_TYPE.encode()), (b"content-length", b"%d" % len(said.body))]
        await send({"type": "http.response.start", "status": said.status, "headers": headers})
        await send({"type": "http.response.body", "body": said.body})
        if said.after is not None:
            said.after()

    return desk


async def _answer(simulator: Simulator, handler: Handler, call: Incoming) -> Said:
    if call.method != "POST":
        return Said(writing.fault("Client", "POST a SOAP envelope."), 405, "Only POST is answered.")
    try:
        envelope = read(call.body)
        if envelope.name != "Envelope" or envelope.child("Body") is None:
            return Said(writing.fault("Client", "No envelope."), 500, "It is no SOAP envelope with a body.")
        return await handler(simulator, call, envelope)
    except UnreadableError as wrong:
        return Said(writing.fault("Client", "The message cannot be read."), 500, str(wrong))
    except Denied as denied:
        fields = [("ResponseCode", denied.code), ("ResponseDesc", denied.text)]
        return Said(writing.response(fields), reason=denied.reason)
    except _StruckError as struck:
        return struck.said


class _StruckError(Exception):
    def __init__(self, said: Said) -> None:
        super().__init__(said.reason)
        self.said = said


async def _no_such_path(_: Simulator, call: Incoming, __: Element) -> Said:
    return Said(
        writing.fault("Client", "No such service."), 404, f"The Broker has {', '.join(PATHS)}; not {call.path}."
    )


async def _body(receive: Receive) -> bytes:
    """The body; of one that is too long no more than shows it is."""
    body, more = b"", True
    while more and len(body) <= DOCUMENT_MAX_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _header(envelope: Element) -> Element:
    found = envelope.find("Header", "RequestSOAPHeader")
    if found is None:
        raise missing("spId")
    return found


def _request_document(envelope: Element) -> tuple[Element, str]:
    found = envelope.find("Body", "RequestMsg")
    if found is None:
        raise schema_error("The body is a RequestMsg.")
    try:
        return read_inner(found.text), found.text.strip()
    except UnreadableError as wrong:
        raise schema_error(f"The document within cannot be read. {wrong}") from None


def _accepted(command: Command, fate: Fate, start: Callable[[], object] | None) -> Said:
    if fate is not AS_USUAL and fate.timed_out:
        return Said(writing.response(CACHED), after=start, core_body=writing.core_response(CACHED))
    fields = [
        ("ResponseCode", "0"),
        ("ResponseDesc", ACCEPTED),
        ("ConversationID", command.conversation_id),
        ("OriginatorConversationID", command.originator_id),
        ("ServiceStatus", "0"),
    ]
    relayed = [fields[0], fields[2], fields[1], *fields[3:]]
    return Said(writing.response(fields), after=start, core_body=writing.core_response(relayed))


def _struck(simulator: Simulator, call: Incoming) -> dict[str, float]:
    simulator.faults.begin(call.kind)
    struck = simulator.faults.take(call.kind, "", ANSWER_FAULTS)
    call.faults.extend(struck)
    return {name: fault.delay_ms / 1000 for name, fault in struck.items()}


async def _before(simulator: Simulator, struck: dict[str, float]) -> None:
    for name in struck:
        if name in REFUSED:
            raise Denied(*REFUSED[name], f"Fault {name}: nothing was made.")
    if "soap_fault" in struck:
        raise _StruckError(Said(writing.fault("Server", "Internal error"), 500, "Fault soap_fault: nothing was made."))
    if "html_403" in struck:
        raise _StruckError(Said(HTML, 403, "Fault html_403: nothing was made."))
    if "hang_before" in struck:
        await simulator.clock.sleep(simulator.world.rules.hang_seconds)
        raise _StruckError(Said(b"", 504, "Fault hang_before: nothing was made."))


async def _after(simulator: Simulator, struck: dict[str, float], said: Said) -> Said:
    """Trouble with the answer to what was carried out."""
    if "slow" in struck or "hang_after" in struck:
        start, said.after = said.after, None
        if start is not None:
            start()
        await simulator.clock.sleep(struck.get("slow", simulator.world.rules.hang_seconds))
    changed = _changed(said, struck)
    return Said(changed[0], changed[1], f"Faults: {', '.join(struck)}." if struck else "", said.after)


def _changed(said: Said, struck: dict[str, float]) -> tuple[bytes, int]:
    if "hang_after" in struck:
        return b"", 504
    if "error_after" in struck:
        return writing.response([("ResponseCode", "100000004"), ("ResponseDesc", "Internal server error")]), 200
    if "soap_fault_after" in struck:
        return writing.fault("Server", "Internal error"), 500
    if "empty" in struck:
        return b"", 200
    body = said.core_body if "core_form" in struck and said.core_body else said.body
    if "wrong_namespace" in struck:
        body = body.replace(writing.REQUEST.encode(), writing.STRANGE.encode())
    return (body[: len(body) // 2] if "malformed" in struck else body), 200


def _opened(sealed: str) -> str:
    """The new password inside its encryption."""
    try:
        decryptor = Cipher(algorithms.AES(CHANGE_KEY), modes.CBC(CHANGE_IV)).decryptor()
        padded = decryptor.update(base64.b64decode(sealed, validate=True)) + decryptor.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        password = (unpadder.update(padded) + unpadder.finalize()).decode()
    except (binascii.Error, ValueError):
        password = ""
    if not password:
        raise Denied("100000005", "Invalid input value:newPassword", "It is base64(AES-128-CBC(password)).")
    return password
