"""What a program sends to the Broker, written by hand: the simulator's tests share no code with either side."""

import base64
import hashlib
import ssl
from pathlib import Path
from xml.sax.saxutils import escape

import httpx2

SAMPLES = Path(__file__).parent / "samples"
STAMP = "20250114083015"
REQUEST = "/mminterface/request"
REGISTER = "/mminterface/registerURL"
OSG = "http://www.huawei.com/schema/osg/common/v2_1"
GEN = "http://api-v1.gen.mm.vodafone.com/mminterface/"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.xml").read_bytes()


def context(folder: Path, who: str | None = "client", authority: str = "authority") -> ssl.SSLContext:
    """TLS as a caller with that certificate; None shows none."""
    made = ssl.create_default_context(cafile=folder / f"{authority}.pem")
    if who is not None:
        made.load_cert_chain(folder / f"{who}.pem", folder / f"{who}-key.pem")
    return made


def client(tls: ssl.SSLContext) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(verify=tls, trust_env=False, timeout=10)


def password(sp_id: str = "900610", secret: str = "Sim!Pass2025", *, upper: bool = False) -> str:
    digest = hashlib.sha256(f"{sp_id}{secret}{STAMP}".encode()).hexdigest()
    return base64.b64encode((digest.upper() if upper else digest).encode()).decode()


def pairs(entry: str, values: dict[str, str]) -> str:
    return "".join(
        f"<{entry}><Key>{escape(key)}</Key><Value>{escape(value)}</Value></{entry}>" for key, value in values.items()
    )


def party(name: str, kind: str, identifier: str, shortcode: str = "") -> str:
    return (
        f"<{name}><IdentifierType>{kind}</IdentifierType><Identifier>{identifier}</Identifier>"
        f"<ShortCode>{shortcode}</ShortCode></{name}>"
    )


def document(
    command: str,
    *,
    originator: str,
    url: str,
    parameters: dict[str, str],
    parties: str,
    references: dict[str, str] | None = None,
) -> str:
    known = {"QueueTimeoutURL": f"{url}/timeout"} | (references or {})
    initiator = (
        "<Initiator><IdentifierType>11</IdentifierType><Identifier>testapi</Identifier>"
        "<SecurityCredential>b3BhcXVl</SecurityCredential><ShortCode>600998</ShortCode></Initiator>"
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><request xmlns="{GEN}request"><Transaction>'
        f"<CommandID>{command}</CommandID><OriginatorConversationID>{originator}</OriginatorConversationID>"
        f"<Remark>0</Remark><Parameters>{pairs('Parameter', parameters)}</Parameters>"
        f"<ReferenceData>{pairs('ReferenceItem', known)}</ReferenceData><Timestamp>{STAMP}</Timestamp></Transaction>"
        f"<Identity><Caller><CallerType>2</CallerType><ResultURL>{url}/result</ResultURL></Caller>{initiator}"
        f"{parties}</Identity><KeyOwner>1</KeyOwner></request>"
    )


def envelope(inner: str, secret: str | None = None) -> bytes:
    header = (
        f'<tns:RequestSOAPHeader xmlns:tns="{OSG}"><tns:spId>900610</tns:spId>'
        f"<tns:spPassword>{secret or password()}</tns:spPassword><tns:timeStamp>{STAMP}</tns:timeStamp>"
        "<tns:serviceId>900610000</tns:serviceId></tns:RequestSOAPHeader>"
    )
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<soapenv:Header>{header}</soapenv:Header><soapenv:Body>"
        f'<req:RequestMsg xmlns:req="{GEN}request"><![CDATA[{inner}]]></req:RequestMsg>'
        "</soapenv:Body></soapenv:Envelope>"
    ).encode()


def payout(url: str, originator: str = "600998_T_1", **more: str) -> str:
    """150 shillings to a customer."""
    parties = party("PrimaryParty", "4", "600998", "600998") + party("ReceiverParty", "1", "254712345678")
    return document(
        "BusinessPayment",
        originator=originator,
        url=url,
        parameters={"Amount": more.pop("amount", "150.00")},
        parties=parties,
        references={"Occasion": "January & <refund>", "Mark": "]]>"} | more,
    )
