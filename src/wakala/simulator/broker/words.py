"""Writing what the Broker writes: envelopes, and the documents within their CDATA (broker.md 3, 6, 7, 8 and 10)."""

from collections.abc import Iterable
from xml.sax.saxutils import escape

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
GEN = "http://api-v1.gen.mm.vodafone.com/mminterface/"
CPS = "http://cps.huawei.com/cpsinterface/"
CSAPI = "http://www.csapi.org/schema/"
XML_TYPE = "text/xml; charset=utf-8"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'

Fields = Iterable[tuple[str, str]]


def elements(fields: Fields) -> str:
    """One element a field."""
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields)


def items(entry: str, values: Iterable[tuple[str, str]]) -> str:
    """Key and Value, one entry each."""
    return "".join(f"<{entry}>{elements((('Key', key), ('Value', value)))}</{entry}>" for key, value in values)


def envelope(body: str, *, declared: bool = False) -> bytes:
    """SOAP 1.1 around a body."""
    written = f'<soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'
    return ((DECLARATION if declared else "") + written).encode()


def in_cdata(document: str) -> str:
    """A whole document as text; its end mark is split, should a value hold one."""
    return "<![CDATA[" + (DECLARATION + document).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def response(fields: Fields, *, outer: str = GEN + "request", within: str = GEN + "response") -> bytes:
    """The synchronous answer."""
    document = f'<response xmlns="{within}">{elements(fields)}</response>'
    return envelope(f'<req:ResponseMsg xmlns:req="{outer}">{in_cdata(document)}</req:ResponseMsg>')


def result(
    fields: Fields,
    parameters: Iterable[tuple[str, str]],
    references: Iterable[tuple[str, str]],
    *,
    outer: str = GEN + "result",
    within: str = GEN + "result",
) -> bytes:
    """What became of a command; without a namespace ``within`` the document has none."""
    told = list(parameters)
    found = f"<ResultParameters>{items('ResultParameter', told)}</ResultParameters>" if told else ""
    echoed = f"<ReferenceData>{items('ReferenceItem', references)}</ReferenceData>"
    declared = f' xmlns="{within}"' if within else ""
    document = f"<Result{declared}>{elements(fields)}{found}{echoed}</Result>"
    body = f'<res:ResultMsg xmlns:res="{outer}">{in_cdata(document)}</res:ResultMsg>'
    return envelope(body, declared=True)


def queue_timeout(originator_id: str, origin_base64: str) -> bytes:
    """The notice that a cached request expired, with the request itself."""
    body = elements((("loc:originatorConversationID", originator_id), ("loc:originRequest", origin_base64)))
    within = f"{CSAPI}timeoutnotification/data/v1_0/local"
    return envelope(f'<loc:notifyQueueTimeout xmlns:loc="{within}">{body}</loc:notifyQueueTimeout>')


def c2b(operation: str, fields: Fields, names: Iterable[tuple[str, str]]) -> bytes:
    """A validation or confirmation: only its top element has a namespace."""
    known = "".join(
        f"<KYCInfo>{elements((('KYCName', f'[Personal Details][{name}]'), ('KYCValue', value)))}</KYCInfo>"
        for name, value in names
        if value
    )
    body = f'<ns1:{operation} xmlns:ns1="{CPS}c2bpayment">{elements(fields)}{known}</ns1:{operation}>'
    return envelope(body, declared=True)


def query_answer(fields: Fields, dumps: Iterable[tuple[str, str, Iterable[str]]]) -> bytes:
    """The Broker's own log of one request: base64 of whole HTTP messages."""
    lists = "".join(
        f"<ns1:{name}>{''.join(f'<ns1:{entry}>{dump}</ns1:{entry}>' for dump in found)}</ns1:{name}>"
        for name, entry, found in dumps
    )
    body = _code(fields)
    wrapper = f"{CSAPI}transaction/data/v1_0/local"
    return envelope(f'<ns1:queryTransactionResponse xmlns:ns1="{wrapper}">{body}{lists}</ns1:queryTransactionResponse>')


def password_answer(fields: Fields) -> bytes:
    """Whether the new spPassword holds."""
    body = _code(fields)
    wrapper = f"{CSAPI}management/data/v1_0/local"
    return envelope(f'<ns1:changePasswordResponse xmlns:ns1="{wrapper}">{body}</ns1:changePasswordResponse>')


def _code(fields: Fields) -> str:
    told = elements((f"ns2:{name}", value) for name, value in fields)
    return f'<ns1:result xmlns:ns2="{GEN}response">{told}</ns1:result>'


def fault(text: str) -> bytes:
    """What SOAP says where nothing else fits; the true Broker was never seen to send one."""
    return envelope(
        f"<soapenv:Fault>{elements((('faultcode', 'soapenv:Server'), ('faultstring', text)))}</soapenv:Fault>"
    )
