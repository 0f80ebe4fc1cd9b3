"""What a Result says of a payment, as a fact; whichever side it came by."""

from wakala.rules.exchange import redact
from wakala.rules.facts import Fact, Misfit, Settled, StillOpen
from wakala.rules.payment import Evidence, Flag, Payment
from wakala.wire.daraja_results import CommandResult, read_status


def result_fact(payment: Payment, told: CommandResult, *, with_ids: bool = True) -> Fact:
    """A Result as a fact, or as a misfit where it does not agree with what was asked."""
    asked_ids = {payment.merchant_request_id, payment.checkout_request_id, payment.request_id} - {None}
    told_ids = {told.originator_conversation_id, told.conversation_id} - {"", None}
    if with_ids and payment.kind.moves_money and payment.checkout_request_id and not asked_ids & told_ids:
        return Misfit(Flag.EVIDENCE_CONFLICT, "its conversation IDs are not those M-Pesa gave us")
    if payment.kind.moves_money and told.amount_cents not in {None, payment.amount_cents}:
        return Misfit(
            Flag.AMOUNT_DIFFERS, f"it names another amount than the KES {payment.amount_cents / 100:.2f} asked"
        )
    return Settled(
        by=Evidence.RESULT,
        paid=told.paid,
        code=told.code,
        description=told.description,
        # M-Pesa gives many failures one TransactionID (UCE0000000); a receipt is of money, and pays one payment only.
        receipt=told.receipt if payment.kind.moves_money and told.paid else None,
        paid_us=told.paid_us,
        payer_name=told.party_name,
        merchant_request_id=told.originator_conversation_id or None,
        checkout_request_id=told.conversation_id or None,
        results=redact(told.raw.encode()).decode(),  # M-Pesa may name our own secret path in it
    )


def status_fact(payment: Payment, told: CommandResult) -> Fact:
    """What M-Pesa's answer to a status question says of the payment; a question that failed says nothing of it."""
    says = read_status(told)
    if says.settled is None:
        reason = f"Transaction Status brought no outcome: {told.description}"
        return StillOpen(reason, processing=False, code=told.code, call=told.conversation_id)
    if says.amount_cents not in {None, payment.amount_cents}:
        return Misfit(Flag.AMOUNT_DIFFERS, "Transaction Status names another amount")
    return Settled(
        by=Evidence.STATUS,
        paid=says.settled,
        code=told.code if says.settled else "status",
        description=f"Transaction Status: {told.parameters.get('TransactionStatus', told.description)}",
        receipt=says.receipt,
        paid_us=says.paid_us,
        payer_name=says.party_name,
        results=redact(told.raw.encode()).decode(),  # M-Pesa may name our own secret path in it
    )
