"""What can go wrong at the Broker: names and meanings only."""

ANSWER_FAULTS = {
    "refused_login": "100000007 for a good spPassword; nothing was made",
    "busy": "100000001, system overloaded; nothing was made",
    "throttled": "100000002; nothing was made",
    "error_before": "100000004, internal error; nothing was made",
    "soap_fault": "a SOAP fault with HTTP 500; nothing was made",
    "html_403": "a page of HTML from the firewall in front; nothing was made",
    "hang_before": "the socket stays silent; nothing was made",
    "hang_after": "the socket stays silent, and it is carried out",
    "error_after": "100000004, and yet it is carried out",
    "soap_fault_after": "a SOAP fault with HTTP 500, and yet it is carried out",
    "slow": "the answer takes its milliseconds; it is carried out meanwhile",
    "empty": "it is carried out, and the answer has no body",
    "malformed": "it is carried out, and the answer breaks off in the middle",
    "wrong_namespace": "it is carried out, and the answer stands in a namespace that nobody knows",
    "core_form": "it is carried out, and the answer is relayed as the core wrote it",
}
COMMAND_FAULTS = ANSWER_FAULTS | {
    "duplicate_id": "accepted, and ends with 15 for an OriginatorConversationID that is new",
    "result_first": "the result is delivered before the answer",
    "refused": "accepted, and ends with the fault's result code; without one with 26, system busy",
    "queue_timeout": "100000000, cached; it expires: a time-out notice and no result; nothing was made",
    "queue_timeout_then_result": "100000000, a time-out notice, and the result its milliseconds later all the same",
}
LETTER_FAULTS = {
    "lost": "never sent",
    "late": "sent after its milliseconds",
    "doubled": "sent twice",
    "reordered": "held back until the next one was sent",
    "malformed": "the body breaks off in the middle",
}
RESULT_FAULTS = LETTER_FAULTS | {
    "other_amount": "names another amount than was moved",
    "wrong_namespace": "the result stands in a namespace that nobody knows",
    "cps_namespace": "the result stands in the namespace of the core, its document in none",
    "first_generation": "the result has the form of the core before G2",
    "contradicted": "a second result follows that says the opposite",
}
COMMAND_KINDS = ("broker_b2c", "broker_b2b", "broker_reversal", "broker_transaction_status", "broker_account_balance")
BROKER_FAULTS: dict[str, dict[str, str]] = {
    **dict.fromkeys(COMMAND_KINDS, COMMAND_FAULTS),
    **{f"{kind}_result": RESULT_FAULTS for kind in COMMAND_KINDS},
    "broker_c2b_register": ANSWER_FAULTS,
    "broker_query": ANSWER_FAULTS,
    "broker_change_password": ANSWER_FAULTS,
    "broker_c2b_confirmation": LETTER_FAULTS | {"other_amount": "names another amount than was paid"},
    "broker_queue_timeout": LETTER_FAULTS,
}
