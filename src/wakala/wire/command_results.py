"""What became of a payout, a transfer, a reversal or an enquiry, by result code (daraja.md 4.2): the table as data.

The same codes as for pushes, and often another meaning: here nobody types a PIN, and 2001 is about the API operator.
*Unknown* is never a failure: nothing may be paid again before M-Pesa was asked.
"""

from collections.abc import Mapping
from types import MappingProxyType

from wakala.rules.outcome import Sentence
from wakala.wire.stk_results import ResultClass, ResultRow

# ── Sentences that several rows share ────────────────────────────────────────────────────────────────────────────────

_WAIT = Sentence(
    "Do not send it again under a new RequestID. Wakala asks M-Pesa until the result is certain.",
    "Usilitume tena kwa RequestID mpya. Wakala inaendelea kuiuliza M-Pesa hadi matokeo yawe na uhakika.",
)
_BUSY = Sentence(
    "M-Pesa was too busy for this request; most likely nothing was done.",
    "M-Pesa ilikuwa na shughuli nyingi mno; huenda hakuna kilichofanyika.",
)
_BROKE = Sentence(
    "Something broke inside M-Pesa, perhaps after it moved the money.",
    "M-Pesa imepata hitilafu ya ndani, huenda baada ya kuhamisha pesa.",
)
_WRONG_OPERATOR = Sentence(
    "M-Pesa does not accept the API operator: its name, its password or the certificate is wrong.",
    "M-Pesa haimkubali mtumiaji wa API: jina, nywila au cheti chake si sahihi.",
)
_ENTER_AGAIN = Sentence(
    "The operator must enter the initiator again and check the environment's certificate; more failures lock it.",
    "Msimamizi amwingize mwanzilishi upya na kukagua cheti cha mazingira haya; makosa zaidi yatamfungia.",
)
_NO_ROLE = Sentence(
    "The API operator lacks the role for this command.", "Mtumiaji wa API hana jukumu la kutoa agizo hili."
)
_GIVE_ROLE = Sentence(
    "The operator must give the initiator the right role in M-Pesa's organisation portal.",
    "Msimamizi ampe mwanzilishi jukumu linalofaa kwenye tovuti ya M-Pesa ya biashara.",
)
_CHECK_RECEIVER = Sentence(
    "Check the number of the receiver, then send a new request.", "Kagua namba ya mpokeaji, kisha tuma ombi jipya."
)
_CHECK_SHORTCODE = Sentence(
    "The operator must check the shortcode and its accounts in M-Pesa's organisation portal, or ask Safaricom.",
    "Msimamizi akague namba ya biashara na akaunti zake kwenye tovuti ya M-Pesa ya biashara, au aulize Safaricom.",
)
_ASK_FOR_PRODUCT = Sentence(
    "The operator must ask Safaricom to enable this kind of payment for the shortcode.",
    "Msimamizi aombe Safaricom iwezeshe malipo ya aina hii kwa namba ya biashara.",
)
_SHOW_TRACE = Sentence(
    "Nothing was moved. Check the fields, and show the trace of this request to your operator.",
    "Hakuna kilichohamishwa. Kagua sehemu za ombi, na umwonyeshe msimamizi wako kumbukumbu yake.",
)
_CHECK_RECEIPT = Sentence(
    "Check the receipt number; it must be of a payment to this shortcode.",
    "Kagua namba ya risiti; lazima iwe ya malipo kwa namba hii ya biashara.",
)
_CHECK_IDENTITY = Sentence(
    "Compare the receiver's identity document with the one M-Pesa has.",
    "Linganisha kitambulisho cha mpokeaji na kile kilichosajiliwa M-Pesa.",
)
_SLOWER = Sentence(
    "Wakala asks what became of it; send fewer requests at once.",
    "Wakala inauliza matokeo yake; tuma maombi machache kwa wakati mmoja.",
)

# ── The table ────────────────────────────────────────────────────────────────────────────────────────────────────────

ROWS: tuple[ResultRow, ...] = (
    ResultRow(
        "0",
        ResultClass.SUCCESS,
        "The service request is processed successfully.",
        Sentence("M-Pesa did what was asked.", "M-Pesa imetekeleza ombi."),
        Sentence("Nothing to do.", "Hakuna la kufanya."),
    ),
    ResultRow(
        "1",
        ResultClass.FAILED,
        "The balance is insufficient for the transaction.",
        Sentence(
            "The account that pays is short: payouts use the utility account, transfers the working account.",
            "Akaunti inayolipa haina salio la kutosha: malipo kwa wateja hutoka utility, uhamisho hutoka working.",
        ),
        Sentence(
            "Fund that account, then send a new request.", "Ongeza salio kwenye akaunti hiyo, kisha tuma ombi jipya."
        ),
    ),
    ResultRow(
        "2",
        ResultClass.FAILED,
        "Declined due to limit rule: less than the minimum transaction amount.",
        Sentence(
            "The amount is below the least that M-Pesa moves; for payouts that is 10 shillings.",
            "Kiasi ni kidogo kuliko kiwango cha chini cha M-Pesa; kwa malipo kwa wateja ni shilingi 10.",
        ),
        Sentence("Send a larger amount.", "Tuma kiasi kikubwa zaidi."),
    ),
    ResultRow(
        "3",
        ResultClass.FAILED,
        "Declined due to limit rule: greater than the maximum transaction amount.",
        Sentence(
            "The amount is above the most that one payment may carry.", "Kiasi kimezidi kikomo cha malipo ya mara moja."
        ),
        Sentence("Split it into payments within the limit.", "Gawanya malipo ili kila moja lisizidi kikomo."),
    ),
    ResultRow(
        "4",
        ResultClass.FAILED,
        "Declined due to limit rule: would exceed daily transfer limit.",
        Sentence(
            "A daily limit is reached, most often the receiver's.",
            "Kikomo cha siku kimefikiwa, mara nyingi cha mpokeaji.",
        ),
        Sentence("Send a new request tomorrow.", "Tuma ombi jipya kesho."),
    ),
    ResultRow(
        "5",
        ResultClass.FAILED,
        "Declined due to limit rule: would exceed the minimum balance.",
        Sentence(
            "The account that pays must keep more than this would leave.",
            "Akaunti inayolipa lazima ibaki na salio kubwa kuliko litakalobaki.",
        ),
        Sentence(
            "Fund that account, then send a new request.", "Ongeza salio kwenye akaunti hiyo, kisha tuma ombi jipya."
        ),
    ),
    ResultRow(
        "6",
        ResultClass.FAILED,
        "The primary party could not be resolved.",
        Sentence(
            "M-Pesa does not find the shortcode that should pay.",
            "M-Pesa haipati namba ya biashara inayopaswa kulipa.",
        ),
        _CHECK_SHORTCODE,
    ),
    ResultRow(
        "7",
        ResultClass.FAILED,
        "The receiver party could not be resolved.",
        Sentence("M-Pesa does not find the receiver.", "M-Pesa haimpati mpokeaji."),
        _CHECK_RECEIVER,
    ),
    ResultRow(
        "8",
        ResultClass.FAILED,
        "Declined due to limit rule: would exceed the maximum balance.",
        Sentence(
            "The receiver's account would hold more than M-Pesa allows.",
            "Salio la mpokeaji lingezidi kikomo cha M-Pesa.",
        ),
        Sentence(
            "Send less, or let the receiver spend some first.", "Tuma kiasi kidogo, au mpokeaji atumie pesa kwanza."
        ),
    ),
    ResultRow(
        "10",
        ResultClass.UNKNOWN,
        "Result 10.",
        Sentence(
            "No document says what this result means, so nobody can say yet whether money moved.",
            "Hakuna nyaraka inayoeleza jibu hili, hivyo bado haijulikani kama pesa zimehamishwa.",
        ),
        _WAIT,
    ),
    ResultRow(
        "11",
        ResultClass.CONFIG,
        "The DebitParty is in an invalid state.",
        Sentence("The shortcode that should pay is not active.", "Namba ya biashara inayopaswa kulipa haijawezeshwa."),
        _CHECK_SHORTCODE,
    ),
    ResultRow(
        "12",
        ResultClass.FAILED,
        "The credit account is invalid.",
        Sentence("The receiver has no account for this money.", "Mpokeaji hana akaunti ya kupokea pesa hizi."),
        _CHECK_RECEIVER,
    ),
    ResultRow(
        "13",
        ResultClass.FAILED,
        "The debit account could not be resolved.",
        Sentence("M-Pesa does not find the account that should pay.", "M-Pesa haipati akaunti inayopaswa kulipa."),
        _CHECK_SHORTCODE,
    ),
    ResultRow(
        "14",
        ResultClass.FAILED,
        "The credit party is invalid.",
        Sentence(
            "M-Pesa does not find the receiver's account for this money.",
            "M-Pesa haipati akaunti ya mpokeaji ya pesa hizi.",
        ),
        _CHECK_RECEIVER,
    ),
    ResultRow(
        "15",
        ResultClass.UNKNOWN,
        "Duplicate OriginatorConversationID",
        Sentence(
            "M-Pesa has seen this RequestID before; the first request stands.",
            "M-Pesa ilishapokea RequestID hii awali; ombi la kwanza ndilo linalohesabiwa.",
        ),
        _WAIT,
    ),
    ResultRow("17", ResultClass.UNKNOWN, "System internal error.", _BROKE, _WAIT),
    ResultRow("18", ResultClass.CONFIG, "The initiator's credential check failed.", _WRONG_OPERATOR, _ENTER_AGAIN),
    ResultRow(
        "19",
        ResultClass.UNKNOWN,
        "Message sequencing failure.",
        Sentence(
            "M-Pesa got the parts of this request in a wrong order.",
            "M-Pesa ilipokea sehemu za ombi hili kwa mpangilio usio sahihi.",
        ),
        _WAIT,
    ),
    ResultRow(
        "20",
        ResultClass.CONFIG,
        "The initiator could not be resolved.",
        Sentence(
            "M-Pesa does not know the initiator of this shortcode.",
            "M-Pesa haimtambui mwanzilishi wa namba hii ya biashara.",
        ),
        Sentence(
            "The operator must check the initiator's name in M-Pesa's organisation portal.",
            "Msimamizi akague jina la mwanzilishi kwenye tovuti ya M-Pesa ya biashara.",
        ),
    ),
    ResultRow("21", ResultClass.CONFIG, "The initiator is not allowed to initiate this request.", _NO_ROLE, _GIVE_ROLE),
    ResultRow(
        "22",
        ResultClass.CONFIG,
        "The initiator is not active or has no permission on the receiver.",
        Sentence(
            "The API operator is not active, or may not act on this receiver.",
            "Mtumiaji wa API hajawezeshwa, au haruhusiwi kwa mpokeaji huyu.",
        ),
        _GIVE_ROLE,
    ),
    ResultRow(
        "24",
        ResultClass.FAILED,
        "Mandatory request parameters are missing.",
        Sentence("M-Pesa misses a field in the request.", "Ombi limekosa sehemu ambayo M-Pesa inaihitaji."),
        _SHOW_TRACE,
    ),
    ResultRow(
        "25",
        ResultClass.FAILED,
        "The format of a request parameter is invalid.",
        Sentence("M-Pesa cannot read a field of the request.", "M-Pesa haisomi sehemu mojawapo ya ombi."),
        _SHOW_TRACE,
    ),
    ResultRow("26", ResultClass.UNKNOWN, "System busy. The service request is rejected.", _BUSY, _SLOWER),
    ResultRow(
        "29",
        ResultClass.CONFIG,
        "The CommandID is invalid.",
        Sentence(
            "This shortcode cannot do this command, or M-Pesa does not know it.",
            "Namba hii ya biashara haiwezi agizo hili, au M-Pesa hailitambui.",
        ),
        _ASK_FOR_PRODUCT,
    ),
    ResultRow(
        "1005",
        ResultClass.FAILED,
        "The account reference is invalid.",
        Sentence("The receiver does not know this account number.", "Mpokeaji haitambui namba hii ya akaunti."),
        Sentence(
            "Check the AccountReference with the receiver, then send a new request.",
            "Hakiki AccountReference na mpokeaji, kisha tuma ombi jipya.",
        ),
    ),
    ResultRow("2001", ResultClass.CONFIG, "The initiator information is invalid.", _WRONG_OPERATOR, _ENTER_AGAIN),
    ResultRow(
        "2006",
        ResultClass.CONFIG,
        "Declined due to account rule: The account status does not allow this transaction.",
        Sentence(
            "An account is not in a state to take part in this payment.",
            "Hali ya akaunti mojawapo hairuhusu malipo haya.",
        ),
        _CHECK_SHORTCODE,
    ),
    ResultRow(
        "2007",
        ResultClass.FAILED,
        "External validation failed.",
        Sentence("The receiver's own system refused the payment.", "Mfumo wa mpokeaji umekataa malipo haya."),
        Sentence(
            "Check account number and amount with the receiver, then send a new request.",
            "Hakiki namba ya akaunti na kiasi na mpokeaji, kisha tuma ombi jipya.",
        ),
    ),
    ResultRow(
        "2020",
        ResultClass.FAILED,
        "The format of the amount is invalid.",
        Sentence("M-Pesa cannot read the amount.", "M-Pesa haisomi kiasi kilichotumwa."),
        Sentence("Send whole shillings.", "Tuma shilingi kamili, bila senti."),
    ),
    ResultRow(
        "2028",
        ResultClass.CONFIG,
        "The request is not permitted according to product assignment.",
        Sentence(
            "The shortcode does not have the product that this command needs.",
            "Namba ya biashara haina bidhaa inayohitajika kwa agizo hili.",
        ),
        _ASK_FOR_PRODUCT,
    ),
    ResultRow(
        "2029",
        ResultClass.UNKNOWN,
        "The reason could not be resolved.",
        Sentence(
            "M-Pesa could not sort this payment into a kind that it knows.",
            "M-Pesa haikuweza kupanga malipo haya kwenye aina inayoitambua.",
        ),
        _WAIT,
    ),
    ResultRow(
        "2033",
        ResultClass.FAILED,
        "The transaction receipt number does not exist.",
        Sentence(
            "M-Pesa did not find this receipt, which says nothing of the payment itself.",
            "M-Pesa haikupata risiti hii; hilo halisemi lolote kuhusu malipo yenyewe.",
        ),
        Sentence(
            "Check the receipt number, or ask by the RequestID; ask again later.",
            "Kagua namba ya risiti, au uliza kwa RequestID; uliza tena baadaye.",
        ),
    ),
    ResultRow(
        "2040",
        ResultClass.FAILED,
        "The credit party's customer type cannot be supported by the service.",
        Sentence(
            "The receiver has no M-PESA, or not the kind that this payment needs.",
            "Mpokeaji hajasajiliwa M-PESA, au si wa aina inayohitajika.",
        ),
        _CHECK_RECEIVER,
    ),
    ResultRow(
        "2043",
        ResultClass.CONFIG,
        "The organisation is not a child of the initiator's organisation.",
        Sentence(
            "The API operator belongs to another organisation than the shortcode.",
            "Mtumiaji wa API ni wa biashara nyingine, si ya namba hii.",
        ),
        Sentence(
            "The operator must use an initiator of this very organisation.",
            "Msimamizi atumie mwanzilishi wa biashara hii yenyewe.",
        ),
    ),
    ResultRow(
        "2051",
        ResultClass.FAILED,
        "The MSISDN is invalid.",
        Sentence("M-Pesa does not take this phone number.", "M-Pesa haikubali namba hii ya simu."),
        _CHECK_RECEIVER,
    ),
    ResultRow(
        "2202",
        ResultClass.FAILED,
        "The account number is invalid.",
        Sentence("M-Pesa does not take this account number.", "M-Pesa haikubali namba hii ya akaunti."),
        Sentence(
            "Check the account number with the receiver, then send a new request.",
            "Hakiki namba ya akaunti na mpokeaji, kisha tuma ombi jipya.",
        ),
    ),
    ResultRow(
        "8006",
        ResultClass.CONFIG,
        "The security credential is locked.",
        Sentence("M-Pesa has locked the API operator.", "M-Pesa imemfungia mtumiaji wa API."),
        Sentence(
            "The business administrator must unlock it in M-Pesa's organisation portal and enter it here again.",
            "Msimamizi wa biashara amfungulie kwenye tovuti ya M-Pesa ya biashara, kisha amwingize hapa upya.",
        ),
    ),
    ResultRow(
        "R000001",
        ResultClass.FAILED,
        "The transaction has already been reversed.",
        Sentence(
            "This payment was given back before; nothing moved again.",
            "Malipo haya yalisharudishwa awali; hakuna kilichohamishwa tena.",
        ),
        Sentence(
            "Nothing to do; look for the earlier reversal in the statement.",
            "Hakuna la kufanya; tafuta urejeshaji wa awali kwenye taarifa.",
        ),
    ),
    ResultRow(
        "R000002",
        ResultClass.FAILED,
        "The OriginalTransactionID is invalid.",
        Sentence("There is no such payment to give back.", "Hakuna malipo kama hayo ya kurudisha."),
        _CHECK_RECEIPT,
    ),
    ResultRow(
        "R002",
        ResultClass.FAILED,
        "The ID type does not match.",
        Sentence(
            "The kind of identity document is not the one M-Pesa has.",
            "Aina ya kitambulisho hailingani na iliyosajiliwa M-Pesa.",
        ),
        _CHECK_IDENTITY,
    ),
    ResultRow(
        "R003",
        ResultClass.FAILED,
        "The ID number does not match.",
        Sentence(
            "The number of the identity document is not the one M-Pesa has.",
            "Namba ya kitambulisho hailingani na iliyosajiliwa M-Pesa.",
        ),
        _CHECK_IDENTITY,
    ),
    ResultRow(
        "SFC_IC0003",
        ResultClass.FAILED,
        "The operator does not exist.",
        Sentence("The receiver does not exist for this kind of payment.", "Mpokeaji hayupo kwa malipo ya aina hii."),
        _CHECK_RECEIVER,
    ),
    ResultRow(  # listed among the results of pushes, and told of payouts, transfers, balances and reversals (4.1)
        "TP40153", ResultClass.CONFIG, "The operator lacks the permission.", _NO_ROLE, _GIVE_ROLE
    ),
    # The broker layer under Daraja: met on the way to M-Pesa's core.
    ResultRow(
        "100000000",
        ResultClass.PENDING,
        "The request is cached and waits to be resent.",
        Sentence("M-Pesa has stored the request and will take it up.", "M-Pesa imehifadhi ombi na italishughulikia."),
        _WAIT,
    ),
    ResultRow("100000001", ResultClass.UNKNOWN, "The system is overloaded.", _BUSY, _SLOWER),
    ResultRow("100000002", ResultClass.UNKNOWN, "Throttling error.", _BUSY, _SLOWER),
    ResultRow("100000011", ResultClass.UNKNOWN, "The request rate is too high.", _BUSY, _SLOWER),
    ResultRow("100000004", ResultClass.UNKNOWN, "Internal server error.", _BROKE, _WAIT),
    ResultRow("100000007", ResultClass.UNKNOWN, "The service is abnormal.", _BROKE, _WAIT),
    ResultRow("100000009", ResultClass.UNKNOWN, "The API is abnormal.", _BROKE, _WAIT),
    ResultRow(
        "100000005",
        ResultClass.CONFIG,
        "Invalid input value.",
        Sentence("M-Pesa's broker cannot read the request.", "Lango la M-Pesa halisomi ombi hili."),
        _SHOW_TRACE,
    ),
    ResultRow("100000010", ResultClass.CONFIG, "Insufficient API permission.", _NO_ROLE, _GIVE_ROLE),
)

# For a Result that says of itself that more messages follow (ResultType 1, daraja.md 3.3), whatever its code.
STILL_TO_COME = ResultRow(
    "",
    ResultClass.PENDING,
    "M-Pesa announced a further message.",
    Sentence("M-Pesa has not finished: it announced a further message.", "M-Pesa bado inaendelea na ombi hili."),
    _WAIT,
)

BY_CODE: Mapping[str, ResultRow] = MappingProxyType({row.code: row for row in ROWS})
