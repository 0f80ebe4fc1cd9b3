"""Every M-Pesa operation of PyPI's noriapay 0.1.1. Its host can be set."""

import base64
from datetime import datetime, timedelta, timezone

from noriapay import MpesaClient
from operations import GIVEN, accepted, attempt

SHORTCODE, CALLBACK = GIVEN["SHORTCODE"], GIVEN["CALLBACK_URL"]
client = MpesaClient(
    consumer_key=GIVEN["CONSUMER_KEY"], consumer_secret=GIVEN["CONSUMER_SECRET"], base_url=GIVEN["BASE_URL"]
)
stamp = datetime.now(timezone(timedelta(hours=3))).strftime("%Y%m%d%H%M%S")
proof = {
    "BusinessShortCode": SHORTCODE,
    "Password": base64.b64encode(f"{SHORTCODE}{GIVEN['PASSKEY']}{stamp}".encode()).decode(),
    "Timestamp": stamp,
}
urls = {"QueueTimeOutURL": CALLBACK, "ResultURL": CALLBACK}
operator = {"Initiator": GIVEN["INITIATOR"], "SecurityCredential": GIVEN["INITIATOR_PASSWORD"], "Remarks": "Test"}

attempt("get_access_token", lambda: client.get_access_token() and "a token")
pushed = (
    attempt(
        "stk_push",
        lambda: accepted(
            client.stk_push(
                proof
                | {
                    "TransactionType": "CustomerPayBillOnline",
                    "Amount": 10,
                    "PartyA": GIVEN["MSISDN"],
                    "PartyB": SHORTCODE,
                    "PhoneNumber": GIVEN["MSISDN"],
                    "CallBackURL": CALLBACK,
                    "AccountReference": "INV-1",
                    "TransactionDesc": "Order",
                }
            )
        ),
    )
    or {}
)
attempt(
    "stk_push_query",
    lambda: accepted(client.stk_push_query(proof | {"CheckoutRequestID": pushed["CheckoutRequestID"]})),
)
registered = {"ShortCode": SHORTCODE, "ResponseType": "Completed"}
registered |= {"ConfirmationURL": CALLBACK, "ValidationURL": CALLBACK}
attempt("register_c2b_urls", lambda: accepted(client.register_c2b_urls(registered)))
attempt(
    "b2c_payment",
    lambda: accepted(
        client.b2c_payment(
            {
                "InitiatorName": GIVEN["INITIATOR"],
                "SecurityCredential": GIVEN["INITIATOR_PASSWORD"],
                "CommandID": "BusinessPayment",
                "Amount": 10,
                "PartyA": SHORTCODE,
                "PartyB": GIVEN["MSISDN"],
                "Remarks": "Test",
                "Occasion": "Test",
                **urls,
            }
        )
    ),
)
attempt(
    "b2b_payment",
    lambda: accepted(
        client.b2b_payment(
            operator
            | urls
            | {
                "CommandID": "BusinessPayBill",
                "SenderIdentifierType": "4",
                "RecieverIdentifierType": "4",
                "Amount": 10,
                "PartyA": SHORTCODE,
                "PartyB": GIVEN["RECEIVER"],
                "AccountReference": "INV-2",
            }
        )
    ),
)
attempt(
    "reversal",
    lambda: accepted(
        client.reversal(
            operator
            | urls
            | {
                "CommandID": "TransactionReversal",
                "TransactionID": GIVEN["RECEIPT"],
                "Amount": 10,
                "ReceiverParty": SHORTCODE,
                "RecieverIdentifierType": "11",
                "Occasion": "Test",
            }
        )
    ),
)
asked = operator | urls | {"PartyA": SHORTCODE, "IdentifierType": "4"}
status = {"CommandID": "TransactionStatusQuery", "TransactionID": GIVEN["RECEIPT"], "Occasion": "Test"}
attempt("transaction_status", lambda: accepted(client.transaction_status(asked | status)))
attempt("account_balance", lambda: accepted(client.account_balance(asked | {"CommandID": "AccountBalance"})))
code = {"MerchantName": "Duka", "RefNo": "INV-3", "Amount": 10, "TrxCode": "PB", "CPI": SHORTCODE, "Size": "300"}


def qr() -> str:
    answer = client.generate_qr_code(code)
    if not answer.get("QRCode"):
        raise ValueError(f"no picture: {answer}")
    return "a picture"


attempt("generate_qr_code", qr)
