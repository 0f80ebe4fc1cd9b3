"""The Broker's HTTP face (broker.md 0.2): read the envelope, know the provider, let the back office work, answer."""

import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

from wakala.simulator import command_results, identifiers, mishaps, refusals
from wakala.simulator.broker import providers, words
from wakala.simulator.broker.providers import Provider, sandbox_providers
from wakala.simulator.broker.reading import BrokerRefusal, missing, read_instruction, read_registration
from wakala.simulator.broker.tree import BYTES_MAX, Element, NotXmlError, inner, read
from wakala.simulator.commands import Command, Instruction
from wakala.simulator.exchange import Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.office import Fate
from wakala.simulator.refusals import Refusal

ACCEPTED = (("ResponseCode", "0"), ("ResponseDesc", "Accept the service request successfully."))
SUCCESS = (("ResponseCode", "00000000"), ("ResponseDesc", "Success"))
LOG_MAX = 10_000
OTHER_NAMESPACE = "urn:nobody:"
# Faults that Daraja words in JSON, as the Broker's own codes (broker.md 11.1).
CODES = {"500.003.02": ("100000001", "system overloaded"), "500.003.03": ("100000011", "request rate exceeded")}
INTERNAL_ERROR = ("100000004", "internal server error")


@dataclass(slots=True)
class Logged:
    """What the Broker remembers of one request: whole HTTP messages in base64."""

    request: str
    response: str = ""
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """An answer on its way out; ``after`` runs when it has left."""

    body: bytes
    status: int = 200
    reason: str = ""
    after: Callable[[], object] | None = None


@dataclass(slots=True)
class Broker:
    """The door with its providers and its log, in front of one simulator."""

    simulator: Simulator
    providers: dict[str, Provider] = field(default_factory=sandbox_providers)
    log: dict[str, Logged] = field(default_factory=dict)

    def app(self) -> ASGIApp:
        """The ASGI application of the Broker's listener."""
        paths: dict[str, tuple[str, Callable[[Incoming, Element], Awaitable[Said]]]] = {
            "/mminterface/request": ("broker_request", self.command),
            "/mminterface/registerURL": ("broker_register", self.register),
            "/queryTransactionService/services/transaction": ("broker_query", self.query),
            "/managementService/services/management": ("broker_password", self.change_password),
        }

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            started = time.monotonic()
            kind, handler = paths.get(scope["path"], ("broker_unknown", self.unknown))
            call = Incoming(kind, scope["method"], scope["path"], "", "text/xml", "", body=await _body(receive))
            said = await self._said(call, handler)
            self._note(call, said, started)
            await _send(send, said)
            if said.after is not None:
                said.after()

        return serve

    async def _said(self, call: Incoming, handler: Callable[[Incoming, Element], Awaitable[Said]]) -> Said:
        try:
            return await handler(call, read(call.body))
        except NotXmlError as wrong:
            return _answer((("ResponseCode", "23"), ("ResponseDesc", "Request schema error")), f"No request: {wrong}.")
        except BrokerRefusal as no:
            return _answer((("ResponseCode", no.code), ("ResponseDesc", no.text)), no.reason)
        except Refusal as no:
            if no.page or not no.code:  # of the edge, or silence: not the Broker's words
                return Said(no.page.encode(), no.status, no.reason, no.after)
            code, text = CODES.get(no.code, INTERNAL_ERROR)
            return _answer((("ResponseCode", code), ("ResponseDesc", text)), no.reason, after=no.after)

    def _admitted(self, message: Element) -> None:
        no = providers.refusal(self.providers, message.first("RequestSOAPHeader"))
        if no is not None:
            raise BrokerRefusal(*no)

    async def command(self, call: Incoming, message: Element) -> Said:
        """GenericAPIRequest: accepted, or a no; what becomes of it is a result of its own."""
        self._admitted(message)
        request = inner(message, "RequestMsg")
        asked = read_instruction(self.simulator.world, request, _without_header(message))
        call.kind = asked.kind
        struck = self._struck(call)
        if "soap_fault" in struck:
            return Said(words.fault("The service is not available"), 500, "Fault soap_fault: nothing was made.")
        await mishaps.before_command(self.simulator, call, asked)
        command, fate = self._accepted(call, asked)
        logged = self._remember(asked, call, command)
        if "cached" in struck:
            fields = (("ResponseCode", "100000000"), ("ResponseDesc", "The request is cached and waits to be resent"))
            return self._logged(logged, _answer(fields, "Fault cached.", after=lambda: self._start(command, fate)))
        was_started = await mishaps.after_command(self.simulator, call, command, fate)
        ids = (
            ("ConversationID", command.conversation_id),
            ("OriginatorConversationID", command.originator_id),
            ("ServiceStatus", "0"),
        )
        after = None if was_started else lambda: self._start(command, fate)
        if "soap_fault_after" in struck:
            return Said(words.fault("The service broke"), 500, "Fault soap_fault_after: it is carried out.", after)
        namespace = OTHER_NAMESPACE if "wrong_namespace" in struck else words.GEN
        body = words.response((*ACCEPTED, *ids), outer=namespace + "request", within=namespace + "response")
        return self._logged(logged, Said(body, after=after))

    def _start(self, command: Command, fate: Fate) -> None:
        self.simulator.office.start(command, fate)

    def _struck(self, call: Incoming) -> tuple[str, ...]:
        self.simulator.faults.begin("broker")
        self.simulator.faults.begin(call.kind)
        struck = tuple(self.simulator.faults.take("broker"))
        call.faults.extend(struck)
        return struck

    def _accepted(self, call: Incoming, asked: Instruction) -> tuple[Command, Fate]:
        """A repeated identifier is accepted as any, and ends with result 15 (broker.md 16.2)."""
        try:
            command = self.simulator.office.accept(asked)
        except Refusal:
            now = self.simulator.world.clock.now()
            conversation = identifiers.conversation_id(now, self.simulator.world.random)
            number = self.simulator.world.new_command_number()
            return Command(number, asked, asked.originator_id, conversation, now), Fate(
                result=command_results.command_result(15)
            )
        return command, mishaps.fate_of(self.simulator, call, asked)

    async def register(self, call: Incoming, message: Element) -> Said:
        """RegisterURL: the newest holds."""
        del call
        self._admitted(message)
        wanted = read_registration(inner(message, "RequestMsg"))
        shortcode = self.simulator.world.shortcodes.get(wanted.shortcode)
        if shortcode is None:
            raise BrokerRefusal(
                "100000005", "invalid input value:ShortCode", f"No shortcode {wanted.shortcode!r} here."
            )
        shortcode.urls = wanted.urls
        return _answer((("ResponseCode", "00000000"), ("ResponseDesc", "success")))

    async def query(self, call: Incoming, message: Element) -> Said:
        """queryTransaction: the Broker's own log."""
        del call
        no = providers.refusal(self.providers, message.first("RequestSOAPHeader"))
        if no is not None:
            return Said(words.query_answer((("ResponseCode", no[0]), ("ResponseDesc", no[1])), ()))
        originator_id = message.value("originatorConversationID")
        if not originator_id:
            raise missing("originatorConversationID")
        found = self.log.get(originator_id)
        command = found.command if found else None
        results = [_dump("POST /result", f"{command.result.code}".encode())] if command and command.result else []
        lists: tuple[tuple[str, str, list[str]], ...] = (
            ("submitApiRequestList", "submitApiRequest", [found.request] if found else []),
            ("submitApiResponseList", "submitApiResponse", [found.response] if found and found.response else []),
            ("submitApiResultList", "submitApiResult", results),
            ("queueTimeOutList", "queueTimeOut", []),
        )
        return Said(words.query_answer(SUCCESS, lists))

    async def change_password(self, call: Incoming, message: Element) -> Said:
        """changePassword: the old one proves who asks, the new one comes sealed."""
        del call
        asked = message.first("changePassword") or message
        no = providers.refusal(self.providers, asked)
        if no is not None:
            return Said(words.password_answer((("ResponseCode", no[0]), ("ResponseDesc", no[1]))))
        provider = self.providers[asked.value("spId")]
        new = providers.opened(provider, asked.value("newPassword"))
        if not new:
            raise BrokerRefusal("100000005", "invalid input value:newPassword")
        provider.password = new
        return Said(words.password_answer(SUCCESS))

    async def unknown(self, call: Incoming, _: Element) -> Said:
        """A path that the Broker does not have."""
        raise refusals.resource_not_found(call.path)

    def _remember(self, asked: Instruction, call: Incoming, command: Command) -> Logged:
        while len(self.log) >= LOG_MAX:
            del self.log[next(iter(self.log))]
        request = base64.b64decode(asked.origin)
        return self.log.setdefault(
            asked.originator_id, Logged(_dump(f"POST {call.path} HTTP/1.1", request), command=command)
        )

    def _logged(self, logged: Logged, said: Said) -> Said:
        logged.response = logged.response or _dump(f"HTTP/1.1 {said.status} OK", said.body)
        return said

    def _note(self, call: Incoming, said: Said, started: float) -> None:
        self.simulator.calls.add(
            at_seconds=self.simulator.clock.seconds(),
            direction="in",
            kind=call.kind,
            method=call.method,
            target=call.path,
            request=call.body[:BYTES_MAX],
            status=said.status,
            answer=said.body,
            reason=said.reason,
            took_ms=int((time.monotonic() - started) * 1000),
            faults=tuple(call.faults),
        )


def _answer(fields: words.Fields, reason: str = "", after: Callable[[], object] | None = None) -> Said:
    return Said(words.response(fields), reason=reason, after=after)


def _without_header(message: Element) -> str:
    """The envelope as the core gets it, which knows no provider: base64, in lines (broker.md 8.2)."""
    found = message.first("RequestMsg")
    document = found.text if found is not None else ""
    within = words.GEN + "request"
    cdata = "<![CDATA[" + document.replace("]]>", "]]]]><![CDATA[>") + "]]>"
    envelope = words.envelope(f'<req:RequestMsg xmlns:req="{within}">{cdata}</req:RequestMsg>')
    return base64.encodebytes(envelope).decode()


def _dump(start: str, body: bytes) -> str:
    head = f"{start}\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return base64.b64encode(head.encode() + body).decode()


async def _body(receive: Receive) -> bytes:
    """At most a little more than what is read; the rest is let go by."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        if len(body) <= BYTES_MAX:
            body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def _send(send: Send, said: Said) -> None:
    headers = [(b"content-type", words.XML_TYPE.encode()), (b"content-length", b"%d" % len(said.body))]
    await send({"type": "http.response.start", "status": said.status, "headers": headers})
    await send({"type": "http.response.body", "body": said.body})
