"""A business as the simulator meets it: its requests, made of the samples, and what it is told of them."""

import base64
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from simulator.box import CUSTOMER, Box, sample
from wakala.simulator.machine import Start

PAYER = "600998"
SENDER = "600979"
BILLER = "600000"
STORE, TILL = "600966", "600997"
COLLECTOR = "600984"

QUICK = Start(seed=7, rules={"result_after_min_seconds": 0.001, "result_after_max_seconds": 0.001})
"""For tests that do not care how long M-Pesa takes."""

PATHS = {
    "b2c": "/mpesa/b2c/v3/paymentrequest",
    "b2pochi": "/mpesa/b2pochi/v1/paymentrequest",
    "b2b": "/mpesa/b2b/v1/paymentrequest",
    "tax": "/mpesa/b2b/v1/remittax",
    "transaction_status": "/mpesa/transactionstatus/v1/query",
    "account_balance": "/mpesa/accountbalance/v1/query",
    "reversal": "/mpesa/reversal/v1/request",
}
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "b2c": ("b2c_request_v3", {"PartyA": PAYER, "PartyB": CUSTOMER}),
    "b2pochi": ("b2pochi_request", {"PartyA": PAYER, "PartyB": CUSTOMER}),
    "b2b": ("b2b_request_paybill", {"PartyA": SENDER, "PartyB": BILLER}),
    "tax": ("b2b_request_tax", {"PartyA": SENDER}),
    "transaction_status": ("transaction_status_request", {"PartyA": COLLECTOR}),
    "account_balance": ("account_balance_request", {"PartyA": COLLECTOR}),
    "reversal": ("reversal_request", {"Initiator": "testapi", "ReceiverParty": COLLECTOR}),
}


def body(box: Box, kind: str, **changes: Any) -> dict[str, Any]:
    name, own = BODIES[kind]
    urls = {"ResultURL": f"{box.merchant.url}/result", "QueueTimeOutURL": f"{box.merchant.url}/timeout"}
    whole = {**sample(name), **urls, **own, **changes}
    return {field: value for field, value in whole.items() if value is not ...}


async def ask(box: Box, kind: str, **changes: Any) -> httpx2.Response:
    """Send a command; a field of ``...`` is left out."""
    return await box.post(PATHS[kind], body(box, kind, **changes))


async def told(box: Box, kind: str, **changes: Any) -> dict[str, Any]:
    """Send a command that is accepted and wait for its result."""
    before = len(box.merchant.at("/result"))
    answer = await ask(box, kind, **changes)
    assert answer.status_code == 200, answer.text
    posts = await box.merchant.received("/result", before + 1)
    result: dict[str, Any] = posts[-1].json["Result"]
    assert result["ConversationID"] == answer.json()["ConversationID"]
    assert result["OriginatorConversationID"] == answer.json()["OriginatorConversationID"]
    return result


async def collected(box: Box, amount: int = 150, number: str = COLLECTOR) -> str:
    """A customer pays from the menu; the receipt."""
    order = {"number": number, "msisdn": CUSTOMER, "amount": amount, "account": "INV-2041"}
    receipt: str = (await box.control("c2b/pay", order))["receipt"]
    return receipt


async def accounts(box: Box, shortcode: str) -> dict[str, int]:
    cents: dict[str, int] = (await box.control(f"shortcodes/{shortcode}/accounts", method="GET"))["accounts"]
    return cents


async def credential(box: Box, password: str) -> str:
    """A SecurityCredential made with the simulator's own certificate."""
    pem = (await box.client.get("/simulator/certificate")).content
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return base64.b64encode(key.encrypt(password.encode(), padding.PKCS1v15())).decode()


def values(result: dict[str, Any]) -> dict[str, Any]:
    """The result's parameters by key, whether it holds one or a list."""
    parameters = result["ResultParameters"]["ResultParameter"]
    listed = parameters if isinstance(parameters, list) else [parameters]
    return {each["Key"]: each.get("Value") for each in listed}


def shape(value: Any) -> Any:
    """Keys, their order and the types of what they hold; whole and decimal numbers are one type in JSON."""
    if isinstance(value, dict):
        if "Key" in value:
            return (value["Key"], type_of(value["Value"]) if "Value" in value else "no value")
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type_of(value)


def type_of(value: Any) -> str:
    return "number" if isinstance(value, int | float) else type(value).__name__
