"""What became of an STK push, by result code (daraja.md 4.1): the table as data, and its reader.

Texts differ between callback and query and from year to year, so only the code decides. A code that is not in the table
is *unknown*: it is asked about, never taken for a failure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import msgspec

from wakala.rules.outcome import Finality, Outcome, Sentence, Verdict

CODE_MAX_CHARS = 80  # Apigee's longest has about 70
DESCRIPTION_MAX_CHARS = 300  # M-Pesa's own sentences stay below 200; the rest is noise and is kept raw in the trace


class ResultClass(StrEnum):
    """What a result code lets us conclude."""

    SUCCESS = "success"
    FAILED = "failed"  # no money moved; a new attempt is safe
    UNKNOWN = "unknown"  # must be settled before any new attempt
    PENDING = "pending"  # not over yet; answers to queries only
    CONFIG = "config"  # no money moved, and none will until the operator acts


OPEN = frozenset({ResultClass.UNKNOWN, ResultClass.PENDING})


class DecodedResult(msgspec.Struct, frozen=True):
    """The result of one push: what it lets us conclude, and the outcome with M-Pesa's own words."""

    kind: ResultClass
    outcome: Outcome

    @property
    def paid(self) -> bool | None:
        """Whether money moved: yes, surely not, or nobody knows yet."""
        if self.kind in OPEN:
            return None
        return self.kind is ResultClass.SUCCESS


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One result code: M-Pesa's usual text, why it happens, and what to do."""

    code: str
    kind: ResultClass
    text: str
    cause: Sentence
    next_step: Sentence


def decode_result(code: int | str, description: str, by_code: Mapping[str, ResultRow] | None = None) -> DecodedResult:
    """What a result code means; ``description`` is kept as M-Pesa wrote it and decides nothing.

    ``by_code`` is the table of another kind of result, where the same codes mean other things.
    """
    spelled = str(code).strip()[:CODE_MAX_CHARS]
    row = (BY_CODE if by_code is None else by_code).get(spelled) or _hinted(description)
    return DecodedResult(row.kind, outcome_of(row, spelled, description))


def outcome_of(row: ResultRow, code: str, description: str) -> Outcome:
    """A row as an outcome, with the table's text where M-Pesa gave none."""
    verdict, finality = _MEANING[row.kind]
    told = description[:DESCRIPTION_MAX_CHARS] or row.text
    return Outcome(verdict, finality, code, told, row.cause, row.next_step)


def _hinted(description: str) -> ResultRow:
    """For a code that nobody lists: still unknown, but two well-known texts say why."""
    told = description.lower()
    return next((row for row in HINTED if row.text.lower() in told), _UNLISTED)


_MEANING: Mapping[ResultClass, tuple[Verdict, Finality]] = MappingProxyType(
    {
        ResultClass.SUCCESS: (Verdict.ACCEPTED, Finality.FINAL),
        ResultClass.FAILED: (Verdict.REFUSED, Finality.FINAL),
        ResultClass.UNKNOWN: (Verdict.UNKNOWN, Finality.NEITHER),
        ResultClass.PENDING: (Verdict.UNKNOWN, Finality.NEITHER),
        ResultClass.CONFIG: (Verdict.REFUSED, Finality.FINAL),
    }
)

# ── Sentences that several rows share ────────────────────────────────────────────────────────────────────────────────

_WAIT = Sentence(
    "Do not send a new request yet. Wakala asks M-Pesa until the result is certain.",
    "Usitume ombi jipya kwa sasa. Wakala inaendelea kuiuliza M-Pesa hadi matokeo yawe na uhakika.",
)
_WHEN_READY = Sentence("Try again when the customer is ready to pay.", "Jaribu tena mteja akiwa tayari kulipa.")
_CANCELLED = Sentence("The customer cancelled the request on the phone.", "Ombi limeghairiwa na mteja kwenye simu.")
_WRONG_PIN = Sentence("The customer entered a wrong M-PESA PIN.", "Mteja ameweka PIN isiyo sahihi ya M-PESA.")
_RIGHT_PIN = Sentence(
    "Try again with the right M-PESA PIN; repeated wrong PINs lock the line.",
    "Jaribu tena kwa PIN sahihi ya M-PESA; ukikosea mara kwa mara laini itafungwa.",
)
_NOT_CONFIRMED = Sentence(
    "M-Pesa could not confirm that it was the customer: the PIN or credential failed.",
    "M-Pesa haikuweza kumthibitisha mteja: PIN au kitambulisho kimekataliwa.",
)
_CHECK_PAIRING = Sentence(
    "The operator must check the shortcode: a paybill is paid as itself, a till needs its store and its till number.",
    "Msimamizi akague namba ya biashara: paybill hulipwa yenyewe, till huhitaji namba ya duka pamoja na ya till.",
)
_SHORTER_PROMPT = Sentence(
    "The operator must shorten the organisation's name or the reference shown in the prompt.",
    "Msimamizi afupishe jina la biashara au kumbukumbu inayoonyeshwa kwenye ombi.",
)
_PROMPT_LENGTH = Sentence(
    "M-Pesa refuses the length of the text in the prompt.", "M-Pesa imekataa urefu wa maandishi ya ombi."
)

_UNLISTED = ResultRow(
    "",
    ResultClass.UNKNOWN,
    "",
    Sentence(
        "M-Pesa gave a result that no document lists, so nobody can say yet whether money moved.",
        "M-Pesa imetoa jibu lisilo katika nyaraka zake, hivyo bado haijulikani kama pesa zimehamishwa.",
    ),
    _WAIT,
)
# Texts that come with codes nobody lists (daraja.md 4.1). They say why, but not surely that no money moved.
HINTED: tuple[ResultRow, ...] = (
    ResultRow(
        "",
        ResultClass.UNKNOWN,
        "Merchant not allowed to carry out transaction type",
        Sentence(
            "The transaction type does not suit this shortcode.", "Aina ya malipo hailingani na namba hii ya biashara."
        ),
        _CHECK_PAIRING,
    ),
    ResultRow(
        "",
        ResultClass.UNKNOWN,
        "Missing ICCID value in request",
        Sentence(
            "This number is most likely not on a Safaricom line, so no prompt can reach it.",
            "Huenda namba hii ya simu si ya Safaricom, hivyo ombi haliwezi kuifikia.",
        ),
        Sentence("Ask for a Safaricom number that has M-PESA.", "Omba namba ya simu ya Safaricom yenye M-PESA."),
    ),
)

# ── The table ────────────────────────────────────────────────────────────────────────────────────────────────────────

ROWS: tuple[ResultRow, ...] = (
    ResultRow(
        "0",
        ResultClass.SUCCESS,
        "The service request is processed successfully.",
        Sentence("The customer paid.", "Imelipwa: mteja amekamilisha malipo."),
        Sentence("Nothing to do; deliver what was paid for.", "Hakuna la kufanya; mpe mteja alicholipia."),
    ),
    ResultRow(
        "1",
        ResultClass.FAILED,
        "The balance is insufficient for the transaction.",
        Sentence(
            "The customer's M-PESA balance is too low, even with Fuliza.",
            "Salio halitoshi kwenye M-PESA ya mteja, hata pamoja na Fuliza.",
        ),
        Sentence(
            "Top up M-PESA and try again, or pay a smaller amount.",
            "Ongeza salio la M-PESA kisha jaribu tena, au lipa kiasi kidogo zaidi.",
        ),
    ),
    ResultRow(
        "2",
        ResultClass.FAILED,
        "Declined due to limit rule: less than the minimum transaction amount.",
        Sentence(
            "The amount is below the least that M-Pesa moves.", "Kiasi ni kidogo kuliko kiwango cha chini cha M-Pesa."
        ),
        Sentence("Ask for a larger amount.", "Omba kiasi kikubwa zaidi."),
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
            "The customer has reached the daily M-PESA limit.", "Mteja amefikia kikomo chake cha siku cha M-PESA."
        ),
        Sentence("Try again tomorrow, or pay from another line.", "Jaribu tena kesho, au lipa kwa laini nyingine."),
    ),
    ResultRow(
        "8",
        ResultClass.FAILED,
        "Declined due to limit rule: would exceed the maximum balance.",
        Sentence("The account that receives is full.", "Akaunti inayopokea imefikia kikomo cha salio."),
        Sentence(
            "Move money out of the receiving account, then try again.",
            "Hamisha pesa kutoka kwenye akaunti inayopokea, kisha jaribu tena.",
        ),
    ),
    ResultRow(
        "15",
        ResultClass.UNKNOWN,
        "Duplicate OriginatorConversationID",
        Sentence(
            "M-Pesa's gateway has seen this request before; the first one stands.",
            "M-Pesa ilishapokea ombi hili awali; ombi la kwanza ndilo linalohesabiwa.",
        ),
        _WAIT,
    ),
    ResultRow(
        "17",
        ResultClass.UNKNOWN,
        "Rule limited.",
        Sentence(
            "The same customer was asked for the same amount within two minutes, or M-Pesa had an internal fault.",
            "Mteja aliombwa kiasi hicho hicho ndani ya dakika mbili, au M-Pesa ina hitilafu ya ndani.",
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
    ResultRow(
        "21",
        ResultClass.CONFIG,
        "The initiator is not allowed to initiate this request.",
        Sentence(
            "The initiator may not start this kind of payment.", "Mwanzilishi haruhusiwi kuanzisha malipo ya aina hii."
        ),
        Sentence(
            "The operator must give the initiator the right role in M-Pesa's organisation portal.",
            "Msimamizi ampe mwanzilishi jukumu linalofaa kwenye tovuti ya M-Pesa ya biashara.",
        ),
    ),
    ResultRow(
        "26",
        ResultClass.UNKNOWN,
        "System busy. The service request is rejected.",
        Sentence(
            "M-Pesa was too busy for this payment.", "M-Pesa ilikuwa na shughuli nyingi mno kushughulikia malipo haya."
        ),
        _WAIT,
    ),
    ResultRow(
        "1001",
        ResultClass.UNKNOWN,
        "Unable to lock subscriber, a transaction is already in process for the current subscriber",
        Sentence(
            "Another M-PESA dialogue is open on this phone; it may be your own earlier request.",
            "Kuna huduma nyingine ya M-PESA iliyo wazi kwenye simu hii; huenda ni ombi lako la awali.",
        ),
        Sentence(
            "Let the customer finish or close it and wait a minute; Wakala first finds out what was paid.",
            "Mteja aimalize au aifunge, kisha subiri dakika moja; Wakala hukagua kwanza kilicholipwa.",
        ),
    ),
    ResultRow(
        "1019",
        ResultClass.FAILED,
        "Transaction has expired",
        Sentence("The request waited too long and expired.", "Muda wa ombi umeisha kabla ya kulipwa."),
        _WHEN_READY,
    ),
    ResultRow(
        "1025",
        ResultClass.FAILED,
        "An error occurred while sending a push request.",
        Sentence(
            "The prompt could not be sent; most often its text is too long.",
            "Ombi halikuweza kutumwa kwenye simu; mara nyingi maandishi yake ni marefu mno.",
        ),
        Sentence("Shorten the reference and try again.", "Fupisha kumbukumbu ya malipo kisha jaribu tena."),
    ),
    ResultRow(
        "9999",
        ResultClass.UNKNOWN,
        "An error occurred while sending a push request.",
        Sentence(
            "M-Pesa had a fault while it sent the prompt; the customer may have seen it.",
            "M-Pesa ilipata hitilafu ikituma ombi; huenda mteja aliliona.",
        ),
        _WAIT,
    ),
    ResultRow(
        "1031",
        ResultClass.FAILED,
        "Request cancelled by user",
        _CANCELLED,
        _WHEN_READY,
    ),
    ResultRow(
        "1032",
        ResultClass.FAILED,
        "Request cancelled by user",
        _CANCELLED,
        _WHEN_READY,
    ),
    ResultRow(
        "1036",
        ResultClass.FAILED,
        "SMSC ACK timeout.",
        Sentence("The prompt did not reach the phone.", "Ombi halikufika kwenye simu ya mteja."),
        Sentence(
            "Check that the phone is on and has network, then try again.",
            "Hakikisha simu imewashwa na ina mtandao, kisha jaribu tena.",
        ),
    ),
    ResultRow(
        "1037",
        ResultClass.FAILED,
        "DS timeout user cannot be reached",
        Sentence(
            "The phone could not be reached, or the customer did not answer in time.",
            "Simu haikupatikana, au mteja hakujibu kwa wakati.",
        ),
        Sentence(
            "Check your phone: it must be on and have network. Then try again; an old SIM may need *234#.",
            "Angalia simu yako: iwe imewashwa na ina mtandao. Kisha jaribu tena; laini ya zamani huenda ihitaji *234#.",
        ),
    ),
    ResultRow(
        "1101",
        ResultClass.CONFIG,
        "The prompt message is too short or too long.",
        _PROMPT_LENGTH,
        _SHORTER_PROMPT,
    ),
    ResultRow(
        "1102",
        ResultClass.CONFIG,
        "The prompt message is too short or too long.",
        _PROMPT_LENGTH,
        _SHORTER_PROMPT,
    ),
    ResultRow(
        "2001",
        ResultClass.FAILED,
        "The initiator information is invalid.",
        _WRONG_PIN,
        _RIGHT_PIN,
    ),
    ResultRow(
        "2002",
        ResultClass.FAILED,
        "Authentication failed.",
        _NOT_CONFIRMED,
        _RIGHT_PIN,
    ),
    ResultRow(
        "2008",
        ResultClass.FAILED,
        "Authentication failed.",
        _NOT_CONFIRMED,
        _RIGHT_PIN,
    ),
    ResultRow(
        "2026",
        ResultClass.FAILED,
        "The channel dialogue timed out.",
        Sentence(
            "The dialogue on the phone took too long and closed.",
            "Muda wa kujibu kwenye simu umeisha na ombi likafungwa.",
        ),
        _WHEN_READY,
    ),
    ResultRow(
        "2028",
        ResultClass.CONFIG,
        "The request is not permitted according to product assignment.",
        Sentence(
            "This shortcode may not take this kind of payment: transaction type or receiving number is wrong.",
            "Namba hii ya biashara hairuhusiwi malipo ya aina hii: aina ya malipo au namba inayopokea si sahihi.",
        ),
        _CHECK_PAIRING,
    ),
    ResultRow(
        "2029",
        ResultClass.CONFIG,
        "The payment could not be resolved.",
        Sentence(
            "M-Pesa could not work out who receives; paybill and till were most likely mixed up.",
            "M-Pesa haikuweza kumtambua mpokeaji; huenda paybill na till zimechanganywa.",
        ),
        _CHECK_PAIRING,
    ),
    ResultRow(
        "4999",
        ResultClass.PENDING,
        "The transaction is still under processing",
        Sentence("The customer has not answered the prompt yet.", "Mteja bado hajajibu ombi kwenye simu yake."),
        Sentence(
            "Check your phone and enter your M-PESA PIN. Wakala keeps asking.",
            "Angalia simu yako na uweke PIN yako ya M-PESA. Wakala inaendelea kuuliza.",
        ),
    ),
    ResultRow(
        "8006",
        ResultClass.FAILED,
        "The security credential is locked.",
        Sentence("The customer's M-PESA PIN is locked.", "PIN ya M-PESA ya mteja imefungwa."),
        Sentence(
            "The customer calls 100 or 200 to unlock it, or pays from another line.",
            "Mteja apige 100 au 200 ili ifunguliwe, au alipe kwa laini nyingine.",
        ),
    ),
    ResultRow(
        "100000100",
        ResultClass.UNKNOWN,
        "Storage failure.",
        Sentence("M-Pesa could not store the payment.", "M-Pesa haikuweza kuhifadhi taarifa za malipo haya."),
        _WAIT,
    ),
    ResultRow(
        "SFC_IC0003",
        ResultClass.CONFIG,
        "The operator does not exist.",
        Sentence(
            "The number that should receive does not exist for this kind of payment.",
            "Namba inayopaswa kupokea haipo kwa malipo ya aina hii.",
        ),
        _CHECK_PAIRING,
    ),
    ResultRow(
        "TP40087",
        ResultClass.FAILED,
        "The PIN is wrong.",
        _WRONG_PIN,
        _RIGHT_PIN,
    ),
    ResultRow(
        "TP40153",
        ResultClass.CONFIG,
        "The operator lacks the permission.",
        Sentence(
            "The API operator lacks the permission for this command.",
            "Mtumiaji wa API hana ruhusa ya kutoa agizo hili.",
        ),
        Sentence(
            "The operator must add the missing role in M-Pesa's organisation portal.",
            "Msimamizi aongeze jukumu linalokosekana kwenye tovuti ya M-Pesa ya biashara.",
        ),
    ),
    ResultRow(
        "500.001.1001",
        ResultClass.UNKNOWN,
        "The gateway answered with an error instead of a result.",
        Sentence(
            "This is an error of M-Pesa's gateway and no result; it says nothing of the payment.",
            "Hili ni kosa la lango la M-Pesa, si matokeo; halisemi lolote kuhusu malipo.",
        ),
        _WAIT,
    ),
)

BY_CODE: Mapping[str, ResultRow] = MappingProxyType({row.code: row for row in ROWS})
