"""Payouts instead of pushes: the same merchant, and an M-Pesa that answers in Daraja's JSON or in the Broker's SOAP.

``run.py`` starts it as it starts ``load.py``; the path that is asked says which side M-Pesa is.
"""

import re
import sys
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop

import lean_http
from load import CALLBACK_DELAY_S, TOKEN, Driver, Load

DONE = "The service request is processed successfully."
XML = b"Content-Type: text/xml\r\n"
GEN = "http://api-v1.gen.mm.vodafone.com/mminterface/"
_ID = re.compile(rb"<OriginatorConversationID>([^<]+)<")
_URL = re.compile(rb"<ResultURL>([^<]+)<")


class Paid(msgspec.Struct):
    """What the driver needs of a payout in JSON."""

    OriginatorConversationID: str
    ResultURL: str


decode_paid = msgspec.json.Decoder(Paid).decode


class Payouts(Driver):
    """M-Pesa's part is another; the merchant's is the same."""

    def answer(self, url: bytes, body: bytes) -> tuple[int, bytes]:
        if url.startswith(b"/mpesa/b2c/"):
            asked = decode_paid(body)
            return self.accept(asked.OriginatorConversationID, asked.ResultURL, by_soap=False)
        if url.startswith(b"/mminterface/"):
            own_id, result_url = _ID.search(body), _URL.search(body)
            if own_id is None or result_url is None:
                raise RuntimeError("The Broker was asked for something that is no payout.")
            return self.accept(own_id[1].decode(), result_url[1].decode(), by_soap=True)
        if url.startswith(b"/oauth/"):
            return 200, TOKEN
        return super().answer(url, body)

    def accept(self, own_id: str, result_url: str, *, by_soap: bool) -> tuple[int, bytes]:
        serial = next(self.serials)
        self.pushed_count += 1
        ids = {"OriginatorConversationID": own_id, "ConversationID": f"AG_20261124_{serial:020x}"}
        values = {"TransactionAmount": "150.00", "TransactionReceipt": f"T{serial:09d}"}
        values |= {"ReceiverPartyPublicName": "254712345678 - WANJIRU", "B2CRecipientIsRegisteredCustomer": "Y"}
        values |= {"TransactionCompletedDateTime": "24.11.2026 10:00:00"}
        told = {"ResultType": 0, "ResultCode": 0, "ResultDesc": DONE, **ids, "TransactionID": f"T{serial:09d}"}
        write = _soap if by_soap else _json
        there = urlsplit(result_url)
        self.loop.call_later(CALLBACK_DELAY_S, self.spawn_result, there.path.encode(), write(told, values), by_soap)
        ack = {"ResponseCode": "0", "ResponseDesc": "Accept the service request successfully.", **ids}
        if by_soap:
            return 200, _enveloped("ResponseMsg", "response", _elements(ack))
        return 200, msgspec.json.encode(ack | {"ResponseDescription": ack["ResponseDesc"]})

    def spawn_result(self, path: bytes, body: bytes, by_soap: bool) -> None:
        task = self.loop.create_task(self.tell(path, body, XML if by_soap else lean_http.JSON))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def tell(self, path: bytes, body: bytes, headers: bytes) -> None:
        status, answer = await self.gateway.post(path, headers, body)
        if status != 200:
            raise RuntimeError(f"The result was answered {status}: {answer.decode(errors='replace')}")


def _json(told: dict[str, Any], values: dict[str, str]) -> bytes:
    parameters = [{"Key": key, "Value": value} for key, value in values.items()]
    parameters[0]["Value"] = 150  # type: ignore[assignment]  # a number, as Daraja has it
    return msgspec.json.encode({"Result": told | {"ResultParameters": {"ResultParameter": parameters}}})


def _soap(told: dict[str, Any], values: dict[str, str]) -> bytes:
    entries = "".join(
        f"<ResultParameter>{_elements({'Key': key, 'Value': value})}</ResultParameter>" for key, value in values.items()
    )
    return _enveloped(
        "ResultMsg", "result", f"{_elements(told)}<ResultParameters>{entries}</ResultParameters>", "Result"
    )


def _elements(fields: dict[str, Any]) -> str:
    return "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())


def _enveloped(message: str, space: str, inner: str, root: str = "response") -> bytes:
    document = f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="{GEN}{space}">{inner}</{root}>'
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        f'<m:{message} xmlns:m="{GEN}{space}"><![CDATA[{document}]]></m:{message}></soapenv:Body></soapenv:Envelope>'
    ).encode()


async def main(load: Load) -> None:
    driver = Payouts(load)
    await lean_http.serve(load.own_port, driver.answer)
    sys.stdout.write(msgspec.json.encode(await driver.payments()).decode() + "\n")


if __name__ == "__main__":
    uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Load)))
