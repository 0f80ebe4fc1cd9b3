"""Writing SOAP as the Broker does: an envelope, and in it a document as CDATA (broker.md 3, 6 to 8 and 10)."""

import base64
import re
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MINTERFACE = "http://api-v1.gen.mm.vodafone.com/mminterface"
REQUEST, RESPONSE, RESULT = f"{MINTERFACE}/request", f"{MINTERFACE}/response", f"{MINTERFACE}/result"
CPS_RESULT = "http://cps.huawei.com/cpsinterface/result"
C2B = "http://cps.huawei.com/cpsinterface/c2bpayment"
QUEUE = "http://www.csapi.org/schema/timeoutnotification/data/v1_0/local"
TRANSACTION = "http://www.csapi.org/schema/transaction/data/v1_0/local"
MANAGEMENT = "http://www.csapi.org/schema/management/data/v1_0/local"
STRANGE = "http://example.com/no-such-interface"
"""What a fault puts in the place of the right namespace."""

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML may hold, in whatever spelling; here it becomes a question mark."""

Fields = Iterable[tuple[str, str]]


def element(name: str, text: str) -> str:
    """One element with text."""
    return f"<{name}>{escape(FORBIDDEN.sub('?', text))}</{name}>"


def elements(fields: Fields) -> str:
    """One after the other."""
    return "".join(element(name, text) for name, text in fields)


def cdata(text: str) -> str:
    """Text as CDATA; its own end mark is cut in two."""
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def envelope(body: str, *, header: bool = True, prefixes: Mapping[str, str] | None = None) -> bytes:
    """A SOAP 1.1 envelope; callbacks carry no header at all, answers an empty one."""
    declared = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in (prefixes or {}).items())
    head = "<soapenv:Header/>" if header else ""
    text = (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}"{declared}>{head}'
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
    return text.encode()


def response(fields: Fields, *, namespace: str = REQUEST) -> bytes:
    """The immediate answer to a request (broker.md 6)."""
    inner = f'{DECLARATION}<response xmlns="{RESPONSE}">{elements(fields)}</response>'
    return envelope(f"<req:ResponseMsg>{cdata(inner)}</req:ResponseMsg>", prefixes={"req": namespace})


def core_response(fields: Fields) -> bytes:
    """The same as the core writes it, relayed as it is: no namespace, a capital, another order (broker.md 6)."""
    inner = f"{DECLARATION}<Response>{elements(fields)}</Response>"
    body = f'<req:ResponseMsg xmlns:req="{REQUEST}">{cdata(inner)}</req:ResponseMsg>'
    return envelope(body, header=False)


def fault(code: str, text: str) -> bytes:
    """A SOAP fault. None of the Broker's was ever seen; readers must cope all the same (broker.md 1.3)."""
    said = elements([("faultcode", f"soapenv:{code}"), ("faultstring", text)])
    return envelope(f"<soapenv:Fault>{said}</soapenv:Fault>", header=False)


def pairs(around: str, each: str, items: Fields) -> str:
    """Keys and values, as parameters and reference data have them; nothing at all when there are none."""
    listed = "".join(f"<{each}>{elements((('Key', key), ('Value', value)))}</{each}>" for key, value in items)
    return f"<{around}>{listed}</{around}>" if listed else ""


def result(fields: Fields, parameters: Fields, references: Fields, *, namespace: str = RESULT) -> bytes:
    """What became of a command (broker.md 7.1). In CPS's namespace the document itself has none."""
    own = "" if namespace == CPS_RESULT else f' xmlns="{RESULT}"'
    inner = (
        f"{DECLARATION}<Result{own}>{elements(fields)}"
        f"{pairs('ResultParameters', 'ResultParameter', parameters)}"
        f"{pairs('ReferenceData', 'ReferenceItem', references)}</Result>"
    )
    return _callback(f'<res:ResultMsg xmlns:res="{namespace}">{cdata(inner)}</res:ResultMsg>')


def first_generation_result(fields: Fields, parameters: Fields, references: Fields) -> bytes:
    """The form of the core before G2: keys and values in the namespace of requests (broker.md 7.1)."""
    text = (
        f"{elements(fields)}{pairs('ResultParameters', 'Parameter', parameters)}"
        f"{pairs('ReferenceData', 'ReferenceItem', references)}"
    )
    for name in ("Key", "Value"):
        text = text.replace(f"<{name}>", f'<{name} xmlns="{REQUEST}">')
    inner = f'<Result xmlns="{RESULT}">{text}</Result>'
    return envelope(f'<ResultMsg xmlns="{RESULT}">{cdata(inner)}</ResultMsg>', header=False)


def without_header(inner: str) -> bytes:
    """A request as the Broker keeps it and sends it on: its header stays behind (broker.md 5)."""
    return envelope(f"<req:RequestMsg>{cdata(inner)}</req:RequestMsg>", header=False, prefixes={"req": REQUEST})


def queue_timeout(originator_id: str, origin: bytes) -> bytes:
    """A request expired in the Broker's queue; the request comes back with the notice (broker.md 8.2)."""
    body = (
        f"<loc:notifyQueueTimeout>{element('loc:originatorConversationID', originator_id)}"
        f"<loc:originRequest>{base64.encodebytes(origin).decode().strip()}</loc:originRequest></loc:notifyQueueTimeout>"
    )
    return envelope(body, prefixes={"loc": QUEUE, "res": RESULT})


def c2b(name: str, fields: Fields, names: Iterable[tuple[str, str]]) -> bytes:
    """A C2B request: only its top element has a namespace (broker.md 10.3)."""
    kyc = "".join(f"<KYCInfo>{elements((('KYCName', key), ('KYCValue', value)))}</KYCInfo>" for key, value in names)
    return _callback(f'<ns1:{name} xmlns:ns1="{C2B}">{elements(fields)}{kyc}</ns1:{name}>')


def printed_c2b(name: str, fields: Fields, names: Iterable[tuple[str, str]]) -> bytes:
    """The shape of the printed guides: declared on the envelope, with an empty header (broker.md 10.3)."""
    kyc = "".join(f"<KYCInfo>{elements((('KYCName', key), ('KYCValue', value)))}</KYCInfo>" for key, value in names)
    return envelope(f"<c2b:{name}>{elements(fields)}{kyc}</c2b:{name}>", prefixes={"c2b": C2B})


def password_changed(code: str, text: str) -> bytes:
    """The answer to changePassword (broker.md 8.4)."""
    said = elements([("res:ResponseCode", code), ("res:ResponseDesc", text)])
    body = f"<loc:changePasswordResponse><loc:result>{said}</loc:result></loc:changePasswordResponse>"
    return envelope(body, prefixes={"loc": MANAGEMENT, "res": RESPONSE})


def query_refused(code: str, text: str) -> bytes:
    """The no to queryTransaction: the result's children have no namespace (broker.md 8.3)."""
    said = elements([("ResponseCode", code), ("ResponseDesc", text)])
    body = f"<loc:queryTransactionResponse><loc:result>{said}</loc:result></loc:queryTransactionResponse>"
    return envelope(body, prefixes={"loc": TRANSACTION, "res": RESPONSE})


def query_answered(
    requests: Iterable[bytes], responses: Iterable[bytes], results: Iterable[bytes], timeouts: Iterable[bytes]
) -> bytes:
    """What the Broker's log holds of one request: whole HTTP messages in base64 (broker.md 8.3)."""
    said = elements([("res:ResponseCode", "00000000"), ("res:ResponseDesc", "Success")])
    lists = (
        ("submitApiRequestList", "submitApiRequest", requests),
        ("submitApiResponseList", "submitApiResponse", responses),
        ("submitApiResultList", "submitApiResult", results),
        ("queueTimeOutList", "queueTimeOut", timeouts),  # the child's name was not seen; this one is a guess
    )
    text = "".join(_dumps(around, each, messages) for around, each, messages in lists)
    body = (
        f'<ns1:queryTransactionResponse xmlns:ns1="{TRANSACTION}" xmlns:res="{RESPONSE}">'
        f"<ns1:result>{said}</ns1:result>{text}</ns1:queryTransactionResponse>"
    )
    return envelope(body, header=False)


def _dumps(around: str, each: str, messages: Iterable[bytes]) -> str:
    listed = "".join(element(f"ns1:{each}", base64.b64encode(message).decode()) for message in messages)
    return f"<ns1:{around}>{listed}</ns1:{around}>"


def _callback(body: str) -> bytes:
    return DECLARATION.encode() + envelope(body, header=False)
