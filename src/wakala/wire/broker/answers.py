"""What we answer when the Broker calls: acknowledgements of results and time-outs, verdicts and thanks for C2B."""

from wakala.wire.broker.soap import C2B, CSAPI, MM, branch, document, envelope, leaf, wrapped
from wakala.wire.daraja_inbound import OTHER_ERROR, REJECTIONS, ValidationVerdict

_TAKEN = "00000000"  # eight zeros, as every client sends; the guide's table has nine (broker.md 7.2)
_ACCEPTED = "Service processing successful"
TRANS_ID_MAX_CHARS = 20


def result_taken() -> bytes:
    """The acknowledgement of a Result (broker.md 7.2)."""
    inner = document("response", f"{MM}/response", leaf("ResponseCode", _TAKEN), leaf("ResponseDesc", "success"))
    return envelope(wrapped("req:ResponseMsg", inner), req=f"{MM}/request")


def timeout_taken() -> bytes:
    """The acknowledgement of a queue time-out (broker.md 8.2)."""
    result = branch("loc:result", leaf("res:ResultCode", _TAKEN), leaf("res:ResultDesc", "success"))
    return envelope(
        branch("loc:notifyQueueTimeoutResponse", result),
        loc=f"{CSAPI}/timeoutnotification/data/v1_0/local",
        res=f"{MM}/result",
    )


def validation(verdict: ValidationVerdict) -> bytes:
    """May the payment go through? Only the top element has a namespace (broker.md 10.3)."""
    if verdict.accept:
        code, told, third_party_id = "0", _ACCEPTED, verdict.third_party_id or ""
    else:
        code = verdict.code if verdict.code and verdict.code in REJECTIONS else OTHER_ERROR
        told, third_party_id = REJECTIONS[code], ""
    result = branch(
        "c2b:C2BPaymentValidationResult",
        leaf("ResultCode", code),
        leaf("ResultDesc", told),
        leaf("ThirdPartyTransID", third_party_id),
    )
    return envelope(result, c2b=C2B)


def confirmation_taken(trans_id: str) -> bytes:
    """Free text that is only logged; so it is customarily put (broker.md 10.3)."""
    told = f"C2B Payment Transaction {trans_id[:TRANS_ID_MAX_CHARS]} result received."
    return envelope(leaf("c2b:C2BPaymentConfirmationResult", told), c2b=C2B)
