"""What became of standing orders (daraja.md 2.17), of checkout between tills (2.18) and of services answered at once.

Services have envelopes of their own and few codes that anyone lists; of those only refusals need words.
"""

from collections.abc import Mapping
from types import MappingProxyType

from wakala.rules.outcome import Sentence
from wakala.wire import stk_results
from wakala.wire.stk_results import ResultClass, ResultRow

_AGAIN_LATER = Sentence("Wait a minute, then send a new request.", "Subiri dakika moja, kisha tuma ombi jipya.")
_WHEN_READY = Sentence(
    "Send a new request when the customer is ready to agree.", "Tuma ombi jipya mteja akiwa tayari kukubali."
)

# The customer approves by PIN as with a push, so M-Pesa uses a push's codes; these mean something else.
STANDING_ORDER_ROWS: tuple[ResultRow, ...] = (
    ResultRow(
        "0",
        ResultClass.SUCCESS,
        "The service request is processed successfully",
        Sentence("The customer agreed to the standing order.", "Mteja amekubali malipo ya mara kwa mara."),
        Sentence(
            "Nothing to do: each payment arrives by itself on its day.",
            "Hakuna la kufanya: kila malipo yatafika yenyewe siku yake.",
        ),
    ),
    ResultRow(
        "1050",
        ResultClass.FAILED,
        "A standing order with this name exists.",
        Sentence(
            "The customer already has a standing order of this name.",
            "Mteja tayari ana malipo ya mara kwa mara yenye jina hili.",
        ),
        Sentence("Choose another StandingOrderName.", "Chagua StandingOrderName nyingine."),
    ),
    ResultRow(
        "1051",
        ResultClass.FAILED,
        "Bad request.",
        Sentence("M-Pesa does not take the order as it is.", "M-Pesa haikubali ombi jinsi lilivyo."),
        Sentence(
            "Check dates, frequency and amount, then send a new request.",
            "Kagua tarehe, marudio na kiasi, kisha tuma ombi jipya.",
        ),
    ),
)
_SHARED_WITH_PUSHES = ("1001", "1025", "1032", "1037", "2001")

EXPRESS_ROWS: tuple[ResultRow, ...] = (
    ResultRow(
        "0",
        ResultClass.SUCCESS,
        "The service request is processed successfully.",
        Sentence("The other business paid from its till.", "Biashara nyingine imelipa kutoka kwenye till yake."),
        Sentence("Nothing to do; deliver what was paid for.", "Hakuna la kufanya; toa kilicholipiwa."),
    ),
    ResultRow(
        "4001",
        ResultClass.FAILED,
        "User cancelled transaction",
        Sentence("The till's operator cancelled on the phone.", "Mhudumu wa till ameghairi kwenye simu."),
        _WHEN_READY,
    ),
    ResultRow(
        "4102",
        ResultClass.CONFIG,
        "Merchant KYC Fail",
        Sentence(
            "M-Pesa's records of the paying business are not complete.",
            "Taarifa za biashara inayolipa hazijakamilika M-Pesa.",
        ),
        Sentence(
            "The paying business must complete its registration with Safaricom.",
            "Biashara inayolipa ikamilishe usajili wake na Safaricom.",
        ),
    ),
    ResultRow(
        "4104",
        ResultClass.CONFIG,
        "Missing Nominated Number",
        Sentence(
            "The paying till has no phone that could approve.", "Till inayolipa haina simu iliyoteuliwa ya kuidhinisha."
        ),
        Sentence(
            "The paying business must nominate a number for its till at Safaricom.",
            "Biashara inayolipa iteue namba ya simu ya till yake kwa Safaricom.",
        ),
    ),
    ResultRow(
        "4201",
        ResultClass.FAILED,
        "USSD Network Error",
        Sentence("The prompt did not reach the till's phone.", "Ombi halikufika kwenye simu ya till."),
        _AGAIN_LATER,
    ),
    ResultRow(
        "4203",
        ResultClass.FAILED,
        "USSD Exception Error",
        Sentence("The dialogue on the till's phone broke off.", "Mawasiliano kwenye simu ya till yalikatika."),
        _AGAIN_LATER,
    ),
)

SERVICE_ROWS: tuple[ResultRow, ...] = (
    ResultRow(
        "400",
        ResultClass.FAILED,
        "Customer not found",
        Sentence("M-Pesa does not know this number.", "M-Pesa haiitambui namba hii ya simu."),
        Sentence("Check the phone number and ask again.", "Kagua namba ya simu kisha uliza tena."),
    ),
    ResultRow(
        "409",
        ResultClass.FAILED,
        "partially or fully paid invoices cannot be cancelled.",
        Sentence("The invoice is paid, in part or in full.", "Ankara imelipwa, yote au sehemu yake."),
        Sentence(
            "A paid invoice stays; give money back with a reversal.",
            "Ankara iliyolipwa hubaki; rudisha pesa kwa kurejesha malipo.",
        ),
    ),
)

STANDING_ORDER_BY_CODE: Mapping[str, ResultRow] = MappingProxyType(
    {code: stk_results.BY_CODE[code] for code in _SHARED_WITH_PUSHES} | {row.code: row for row in STANDING_ORDER_ROWS}
)
EXPRESS_BY_CODE: Mapping[str, ResultRow] = MappingProxyType({row.code: row for row in EXPRESS_ROWS})
SERVICE_BY_CODE: Mapping[str, ResultRow] = MappingProxyType({row.code: row for row in SERVICE_ROWS})
