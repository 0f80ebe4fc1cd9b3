"""The words of the pages in English and Swahili: one table, one key for one thing, the same keys in both languages.

A page never joins halves of sentences, so that each language keeps its own order of words. Names that the gateway may
learn later (a new kind of exchange, a new flag) have no entry here and are shown as they are, with spaces.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Language = Literal["en", "sw"]

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

# As CLDR shortens them; written out so that no page depends on the locales that a machine happens to have.
MONTHS: Final[dict[Language, tuple[str, ...]]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "sw": ("Jan", "Feb", "Mac", "Apr", "Mei", "Jun", "Jul", "Ago", "Sep", "Okt", "Nov", "Des"),
}


def choose_language(asked: str | None, accept_language: str = "") -> Language:
    """The link's ``lang`` wins, then the first language of the browser's header that we speak, then English."""
    wanted = [asked or "", *(part.split(";")[0] for part in accept_language.split(","))]
    for tag in wanted:
        for language in LANGUAGES:
            if tag.strip().lower().split("-")[0] == language:
                return language
    return "en"


@dataclass(frozen=True, slots=True)
class StateLook:
    """How a state looks: a tone (colour class), an icon that says the same without colour, and a word."""

    tone: Literal["good", "bad", "warn", "wait", "quiet"]
    icon: str
    en: str
    sw: str


STATE_LOOKS: Final[dict[str, StateLook]] = {
    "received": StateLook("wait", "clock", "Received", "Imepokelewa"),
    "held": StateLook("wait", "pause", "Held", "Imeshikiliwa"),
    "sending": StateLook("wait", "clock", "Sending", "Inatumwa"),
    "pending": StateLook("wait", "clock", "Waiting", "Inasubiri"),
    "unknown": StateLook("warn", "question", "Not known yet", "Haijulikani bado"),
    "succeeded": StateLook("good", "check", "Succeeded", "Imefaulu"),
    "failed": StateLook("bad", "cross", "Failed", "Imeshindikana"),
    "expired": StateLook("warn", "hourglass", "Expired", "Muda umeisha"),
    "flagged": StateLook("warn", "warning", "Needs a look", "Inahitaji kuangaliwa"),
}

FINAL_STATES: Final = frozenset({"succeeded", "failed", "expired"})

NOTIFICATION_LOOKS: Final[dict[str, StateLook]] = {
    "waiting": StateLook("wait", "clock", "Waiting", "Inasubiri"),
    "delivered": StateLook("good", "check", "Delivered", "Imefikishwa"),
    "kept": StateLook("quiet", "box", "Kept for you", "Imehifadhiwa"),
    "acknowledged": StateLook("good", "check", "Acknowledged", "Imethibitishwa"),
    "given_up": StateLook("bad", "cross", "Given up", "Imeachwa"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """Names that the data may carry, each in one language; what is not listed is shown as it is."""

    page: dict[str, str]
    exchanges: dict[str, str]
    parties: dict[str, str]
    kinds: dict[str, str]
    evidence: dict[str, str]
    flags: dict[str, str]


ENGLISH: Final = Words(
    page={
        "test_bar": "TEST: sandbox, no real money moves",
        "language": "Language",
        "skip": "Skip to the content",
        "live_on": "This page follows the payment by itself.",
        "live_lost": "You are offline. This page keeps trying.",
        "facts": "Facts",
        "receipt": "M-PESA receipt",
        "request_id": "Request ID",
        "payment_id": "Payment ID",
        "customer": "Customer",
        "shortcode": "Shortcode",
        "reference": "Account reference",
        "kind": "Kind",
        "evidence": "Settled by",
        "created": "Asked",
        "settled": "Settled",
        "took": "Took",
        "mpesa_said": "M-Pesa said",
        "result_code": "Result code",
        "result_text": "Result text",
        "copy_it": "Copy",
        "copied": "Copied",
        "why_failed": "Why did it fail?",
        "why_expired": "Why did it expire?",
        "why_open": "What is known so far",
        "next_step": "What to do next",
        "attention": "This payment needs a look",
        "other_flag": "The gateway marked this payment. Read the story below before you act on it.",
        "where_time": "Where the time went",
        "waterfall_about": "Waterfall of {count} steps over {total}. The table below it says the same.",
        "waterfall_scale": "Long waits are drawn shorter. Between two waits, time is to scale.",
        "waterfall_more": "Only the first {count} steps are drawn; the story below has all of them.",
        "legend_yours": "With your system",
        "legend_mpesa": "With M-Pesa",
        "legend_human": "Waiting for a person",
        "legend_failed": "Went wrong",
        "as_table": "The same as a table",
        "step": "Step",
        "from_to": "From and to",
        "starts": "Starts",
        "duration": "Duration",
        "outcome": "Outcome",
        "prompt_wait": "Waiting for the customer",
        "still_open": "still open",
        "no_answer": "no answer",
        "went_wrong": "went wrong",
        "in_quarantine": "in quarantine",
        "story": "What happened",
        "story_about": "Times are Nairobi time. Open a call to see the bytes of both sides.",
        "more": "More",
        "request": "Request",
        "answer": "Answer",
        "sent_by": "sent by {party}",
        "headers": "Headers",
        "empty_body": "No body",
        "empty_headers": "No headers",
        "as_sent": "Exactly as sent",
        "cut": "Only the first {count} characters are shown here.",
        "peer": "Address",
        "verdict": "Verdict",
        "error": "Error",
        "notifications": "What we told your system",
        "no_notifications": "Nothing yet. Your system is told as soon as the payment is final.",
        "forgotten_notifications": "None is kept: it was forgotten after its time, or none was owed.",
        "notification": "Notification",
        "state": "State",
        "attempts": "Attempts",
        "last_status": "Last answer",
        "next_attempt": "Next attempt",
        "none": "none",
        "footer": "Kept by Wakala, byte for byte.",
        "problem_404_title": "No payment behind this link",
        "problem_404_sentence": (
            "The link is incomplete, or it was replaced. Copy the whole link again, or ask the business for a new "
            "one. Its system finds it with GET /mpesa/v1/requests/{RequestID}."
        ),
    },
    exchanges={
        "api_request": "API request",
        "api_read": "Your system looks it up",
        "c2b_register": "Register the addresses",
        "c2b_simulate": "Simulate a payment",
        "token": "Access token",
        "stk_push": "Ask for the phone prompt",
        "stk_query": "Ask how it stands",
        "stk_callback": "M-Pesa's result",
        "c2b_validation": "M-Pesa asks: accept this payment?",
        "c2b_confirmation": "M-Pesa's payment notice",
        "result_callback": "M-Pesa's result",
        "outcome_callback": "The answer of who was asked",
        "timeout_callback": "Timed out in M-Pesa's queue",
        "transaction_status": "Ask what became of it",
        "status_callback": "M-Pesa's answer to our question",
        "status_timeout_callback": "Our question timed out at M-Pesa",
        "delivery": "Notification",
    },
    parties={"yours": "Your system", "wakala": "Wakala", "mpesa": "M-Pesa", "customer": "Customer"},
    kinds={
        "push": "Phone prompt (STK push)",
        "collection": "Paid from the phone (C2B)",
        "payout": "Payout to a customer (B2C)",
        "transfer": "Transfer to a business (B2B)",
        "reversal": "Reversal",
        "standing_order": "Standing order (Ratiba)",
        "till_push": "Asked of another business's till",
        "enquiry": "Question to M-Pesa",
        "service": "Answered at once by M-Pesa",
    },
    evidence={
        "stk_callback": "M-Pesa's result",
        "stk_query": "M-Pesa's answer to our question",
        "stk_answer": "M-Pesa's first answer",
        "c2b_confirmation": "M-Pesa's payment notice",
        "gateway": "This gateway, before anything was sent",
        "answer": "M-Pesa's first answer",
        "result": "M-Pesa's result",
        "status": "M-Pesa's Transaction Status",
        "pull": "M-Pesa's list of payments (Pull)",
        "bill_manager": "M-Pesa's notice of a paid bill",
    },
    flags={
        "evidence_conflict": (
            "Two pieces of evidence contradict each other. Compare with M-Pesa's statement before you hand over goods "
            "or give money back."
        ),
        "paid_after_expiry": (
            "The money came after the payment was closed. Hand over the goods or give the money back."
        ),
        "amount_differs": "M-Pesa named another amount than was asked for. Compare the two sides below.",
        "ambiguous": "More than one payment fits what M-Pesa told us. Find the right one in M-Pesa's statement.",
    },
)

SWAHILI: Final = Words(
    page={
        "test_bar": "TEST: jaribio, hakuna pesa halisi",
        "language": "Lugha",
        "skip": "Nenda kwenye maudhui",
        "live_on": "Ukurasa huu unafuatilia malipo wenyewe.",
        "live_lost": "Huna mtandao. Ukurasa huu unaendelea kujaribu.",
        "facts": "Maelezo",
        "receipt": "Risiti ya M-PESA",
        "request_id": "Namba ya ombi",
        "payment_id": "Namba ya malipo",
        "customer": "Mteja",
        "shortcode": "Namba ya biashara",
        "reference": "Namba ya akaunti",
        "kind": "Aina",
        "evidence": "Imethibitishwa na",
        "created": "Iliombwa",
        "settled": "Ilikamilika",
        "took": "Ilichukua",
        "mpesa_said": "M-Pesa ilisema",
        "result_code": "Namba ya jibu",
        "result_text": "Maneno ya jibu",
        "copy_it": "Nakili",
        "copied": "Imenakiliwa",
        "why_failed": "Kwa nini imeshindikana?",
        "why_expired": "Kwa nini muda umeisha?",
        "why_open": "Yanayojulikana hadi sasa",
        "next_step": "Hatua inayofuata",
        "attention": "Malipo haya yanahitaji kuangaliwa",
        "other_flag": "Mfumo umeyawekea malipo haya alama. Soma maelezo hapa chini kabla ya kuchukua hatua.",
        "where_time": "Muda ulivyotumika",
        "waterfall_about": "Mchoro wa hatua {count} katika {total}. Jedwali lililo chini linasema hayo hayo.",
        "waterfall_scale": "Kusubiri kurefu kumefupishwa. Kati ya kusubiri, muda umechorwa kwa kipimo.",
        "waterfall_more": "Ni hatua {count} za kwanza tu zimechorwa; maelezo ya chini yana zote.",
        "legend_yours": "Na mfumo wako",
        "legend_mpesa": "Na M-Pesa",
        "legend_human": "Kumsubiri mtu",
        "legend_failed": "Imeharibika",
        "as_table": "Hayo hayo kwa jedwali",
        "step": "Hatua",
        "from_to": "Kutoka na kwenda",
        "starts": "Inaanza",
        "duration": "Muda",
        "outcome": "Matokeo",
        "prompt_wait": "Kumsubiri mteja",
        "still_open": "bado wazi",
        "no_answer": "hakuna jibu",
        "went_wrong": "imeharibika",
        "in_quarantine": "imetengwa",
        "story": "Yaliyotokea",
        "story_about": "Saa ni za Nairobi. Fungua wito wowote uone data ya pande zote mbili.",
        "more": "Zaidi",
        "request": "Ombi",
        "answer": "Jibu",
        "sent_by": "limetumwa na {party}",
        "headers": "Vichwa",
        "empty_body": "Hakuna maudhui",
        "empty_headers": "Hakuna vichwa",
        "as_sent": "Kama lilivyotumwa",
        "cut": "Herufi {count} za kwanza tu zinaonyeshwa hapa.",
        "peer": "Anwani",
        "verdict": "Uamuzi",
        "error": "Hitilafu",
        "notifications": "Tulichouambia mfumo wako",
        "no_notifications": "Bado hakuna. Mfumo wako utaarifiwa mara malipo yatakapokamilika.",
        "forgotten_notifications": "Hakuna iliyohifadhiwa: muda wake wa kuhifadhiwa umepita, au haikuhitajika.",
        "notification": "Taarifa",
        "state": "Hali",
        "attempts": "Majaribio",
        "last_status": "Jibu la mwisho",
        "next_attempt": "Jaribio lijalo",
        "none": "hakuna",
        "footer": "Imehifadhiwa na Wakala, neno kwa neno.",
        "problem_404_title": "Hakuna malipo kwenye kiungo hiki",
        "problem_404_sentence": (
            "Kiungo hakijakamilika, au kimebadilishwa. Nakili kiungo chote tena, au omba kipya kutoka kwa biashara. "
            "Mfumo wake hukipata kwa GET /mpesa/v1/requests/{RequestID}."
        ),
    },
    exchanges={
        "api_request": "Ombi la API",
        "api_read": "Mfumo wako unaangalia hali",
        "c2b_register": "Kusajili anwani",
        "c2b_simulate": "Kuigiza malipo",
        "token": "Tokeni ya kuingia",
        "stk_push": "Kuomba ujumbe wa simu",
        "stk_query": "Kuuliza hali ya malipo",
        "stk_callback": "Matokeo ya M-Pesa",
        "c2b_validation": "M-Pesa inauliza: mnakubali malipo haya?",
        "c2b_confirmation": "Taarifa ya malipo ya M-Pesa",
        "result_callback": "Matokeo ya M-Pesa",
        "outcome_callback": "Jibu la aliyeulizwa",
        "timeout_callback": "Muda umeisha kwenye foleni ya M-Pesa",
        "transaction_status": "Kuuliza matokeo yake",
        "status_callback": "Jibu la M-Pesa kwa swali letu",
        "status_timeout_callback": "Swali letu limeishiwa muda M-Pesa",
        "delivery": "Taarifa",
    },
    parties={"yours": "Mfumo wako", "wakala": "Wakala", "mpesa": "M-Pesa", "customer": "Mteja"},
    kinds={
        "push": "Ujumbe wa simu (STK push)",
        "collection": "Imelipwa kwa simu (C2B)",
        "payout": "Malipo kwa mteja (B2C)",
        "transfer": "Malipo kwa biashara (B2B)",
        "reversal": "Kurudisha malipo",
        "standing_order": "Malipo ya kudumu (Ratiba)",
        "till_push": "Ombi kwa till ya biashara nyingine",
        "enquiry": "Swali kwa M-Pesa",
        "service": "Lililojibiwa papo hapo na M-Pesa",
    },
    evidence={
        "stk_callback": "Matokeo ya M-Pesa",
        "stk_query": "Jibu la M-Pesa kwa swali letu",
        "stk_answer": "Jibu la kwanza la M-Pesa",
        "c2b_confirmation": "Taarifa ya malipo ya M-Pesa",
        "gateway": "Mfumo huu, kabla ya kutuma chochote",
        "answer": "Jibu la kwanza la M-Pesa",
        "result": "Matokeo ya M-Pesa",
        "status": "Hali ya muamala kutoka M-Pesa",
        "pull": "Orodha ya malipo ya M-Pesa (Pull)",
        "bill_manager": "Taarifa ya M-Pesa ya bili iliyolipwa",
    },
    flags={
        "evidence_conflict": (
            "Ushahidi wa aina mbili unapingana. Linganisha na taarifa ya akaunti ya M-Pesa kabla ya kutoa bidhaa au "
            "kurudisha pesa."
        ),
        "paid_after_expiry": "Pesa zimefika baada ya malipo kufungwa. Toa bidhaa au rudisha pesa.",
        "amount_differs": "M-Pesa imetaja kiasi tofauti na kilichoombwa. Linganisha pande zote mbili hapa chini.",
        "ambiguous": "Malipo zaidi ya moja yanafanana na taarifa ya M-Pesa. Tafuta lililo sahihi kwenye taarifa yake.",
    },
)

WORDS: Final[dict[Language, Words]] = {"en": ENGLISH, "sw": SWAHILI}


def spoken(names: dict[str, str], name: str) -> str:
    """The word for a name, or the name itself with spaces where the table does not have it yet."""
    return names.get(name, name.replace("_", " "))


def look_of(looks: dict[str, StateLook], state: str) -> StateLook:
    """How a state looks; a state that is newer than this page looks quiet and is called by its own name."""
    plain = state.replace("_", " ").capitalize()
    return looks.get(state, StateLook("quiet", "dot", plain, plain))
