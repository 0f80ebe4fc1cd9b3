"""Every command beyond STK as Daraja wants it, by the command's path: declared in `rules.commands`, written here.

The encoders are pure: an `Outbound` in, Daraja's path and a JSON-ready body out. Those that speak as an API operator
stand in `daraja_payouts`, the others in `daraja_services`.
"""

from wakala.wire import daraja_payouts, daraja_services
from wakala.wire.daraja_services import path_below
from wakala.wire.outbound import Encoded, Encoder, Outbound

__all__ = ["ENCODERS", "NEEDS_APP_KEY", "Encoded", "Encoder", "Outbound", "path_below"]

ENCODERS: dict[str, Encoder] = {**daraja_payouts.ENCODERS, **daraja_services.ENCODERS}

# Bill Manager's invoicing wants a header ``appKey`` beside the token: the ``app_key`` of the opt-in (daraja.md 1.3).
NEEDS_APP_KEY = frozenset(
    {
        "billmanager/singleinvoicing",
        "billmanager/bulkinvoicing",
        "billmanager/changeinvoice",
        "billmanager/changeinvoices",
        "billmanager/reconciliation",
        "billmanager/cancelsingleinvoice",
        "billmanager/cancelbulkinvoices",
        "billmanager/changeoptindetails",
    }
)
