"""Faults that can strike any path, and those of the callbacks that belong to no payment: names and meanings only."""

EDGE_FAULTS = {
    "spike_arrest": "HTTP 500, Spike Arrest Violation; nothing was made",
    "quota": "HTTP 500, Quota Violation; nothing was made",
    "too_many": "HTTP 429 in the raw shape of the gateway software; nothing was made",
    "html_403": "HTTP 403 and a page of HTML, as from the firewall in front; nothing was made",
    "empty": "HTTP 400 without a body; nothing was made",
    "maintenance": "HTTP 500, Service is currently under maintenance; nothing was made",
    "internal_error": "HTTP 500, System internal error; nothing was made",
    "hang": "the socket stays silent until its bounded end; nothing was made",
    "answer_lost": "it is carried out, and the answer is HTTP 500, Internal Server Error",
    "answer_empty": "it is carried out, and the answer has status 200 and no body",
    "answer_hung": "it is carried out, and the socket stays silent until its bounded end",
}

ANY = "any"
"""The kind that strikes a call to whatever path."""

PATH_KINDS = (
    "token",
    "stk_push",
    "stk_query",
    "c2b_register",
    "c2b_simulate",
    "b2c",
    "b2pochi",
    "b2b",
    "tax",
    "transaction_status",
    "account_balance",
    "reversal",
    "qr",
    "hakikisha",
    "organisation",
    "imsi",
    "swap",
    "age_on_network",
    "identity",
    "billmanager_optin",
    "billmanager_invoices",
    "billmanager_cancel",
    "billmanager_reconciliation",
    "standing_order",
    "b2b_express",
    "pull_register",
    "pull_query",
    "bonga",
    "iot",
    "unknown",
)
"""Every kind of call that comes in: each can be struck alone."""

CALLBACK_FAULTS = {
    "lost": "never sent",
    "late": "sent after its milliseconds",
    "doubled": "sent twice",
    "reordered": "held back until the next one was sent",
    "malformed": "the body breaks off in the middle",
}
SERVICE_CALLBACKS = {
    "standing_order_callback": CALLBACK_FAULTS,
    "b2b_express_callback": CALLBACK_FAULTS | {"other_amount": "names another amount than was paid"},
    "billmanager_payment": {"lost": "one of its five tries never arrives"},
}
"""What can go wrong with what these services tell."""
