"""Every operation of PyPI's mpesa-sdk 2.0.0. Its host is fixed."""

import uuid

from mpesa_sdk import gateway
from operations import GIVEN, accepted, attempt

SHORTCODE, CALLBACK = GIVEN["SHORTCODE"], GIVEN["CALLBACK_URL"]
URLS = {"QueueTimeOutURL": CALLBACK, "ResultURL": CALLBACK}
CREDENTIAL = GIVEN["INITIATOR_PASSWORD"]


def token() -> str:
    body, _ = gateway.oauth_generate_token(GIVEN["CONSUMER_KEY"], GIVEN["CONSUMER_SECRET"])
    return str(body["access_token"])


mpesa = gateway.Mpesa(attempt("oauth_generate_token", token))
stamp = gateway.generate_timestamp()
password = gateway.generate_mpesa_express_password(SHORTCODE, GIVEN["PASSKEY"], stamp)
proof = {"BusinessShortCode": SHORTCODE, "Password": password, "Timestamp": stamp}


def push() -> dict[str, str]:
    body, _ = mpesa.mpesa_express_payment(
        proof
        | {
            "Amount": 10,
            "PartyA": GIVEN["MSISDN"],
            "PartyB": SHORTCODE,
            "PhoneNumber": GIVEN["MSISDN"],
            "CallBackURL": CALLBACK,
            "AccountReference": "INV-1",
            "TransactionDesc": "Order",
        }
    )
    return dict(accepted(body))


pushed = attempt("mpesa_express_payment", push) or {}
attempt(
    "mpesa_express_query",
    lambda: accepted(mpesa.mpesa_express_query(proof | {"CheckoutRequestID": pushed["CheckoutRequestID"]})[0]),
)
initiated = {"SecurityCredential": CREDENTIAL, "Remarks": "Test", **URLS}
attempt(
    "b2c_payment_request",
    lambda: accepted(
        mpesa.b2c_payment_request(
            initiated
            | {
                "OriginatorConversationID": str(uuid.uuid4()),
                "InitiatorName": GIVEN["INITIATOR"],
                "CommandID": "BusinessPayment",
                "Amount": 10,
                "PartyA": SHORTCODE,
                "PartyB": GIVEN["MSISDN"],
                "Occassion": "Test",
            }
        )[0]
    ),
)
attempt(
    "b2b_payment_request",
    lambda: accepted(
        mpesa.b2b_payment_request(
            initiated
            | {
                "Initiator": GIVEN["INITIATOR"],
                "CommandID": "BusinessPayBill",
                "SenderIdentifierType": "4",
                "RecieverIdentifierType": "4",
                "Amount": 10,
                "PartyA": SHORTCODE,
                "PartyB": GIVEN["RECEIVER"],
                "AccountReference": "INV-2",
            }
        )[0]
    ),
)
registered = {"ShortCode": SHORTCODE, "ResponseType": "Completed"}
attempt(
    "c2b_register_url",
    lambda: accepted(mpesa.c2b_register_url(registered | {"ConfirmationURL": CALLBACK, "ValidationURL": CALLBACK})[0]),
)
paid = {"ShortCode": SHORTCODE, "Amount": 10, "Msisdn": GIVEN["MSISDN"], "BillRefNumber": "INV-3"}
attempt("c2b_simulate_transaction", lambda: accepted(mpesa.c2b_simulate_transaction(paid)[0]))
asked = initiated | {"Initiator": GIVEN["INITIATOR"], "PartyA": SHORTCODE}
attempt(
    "transaction_status_request",
    lambda: accepted(mpesa.transaction_status_request(asked | {"TransactionID": GIVEN["RECEIPT"]})[0]),
)
attempt("account_balance_request", lambda: accepted(mpesa.account_balance_request(asked)[0]))
attempt(
    "reversal_request",
    lambda: accepted(
        mpesa.reversal_request(
            asked | {"TransactionID": GIVEN["RECEIPT"], "Amount": 10, "ReceiverParty": SHORTCODE, "Occasion": "Test"}
        )[0]
    ),
)
