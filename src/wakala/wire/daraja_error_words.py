"""The sentences that explain the errors of M-Pesa's gateway, in English and Swahili: what happened, what to do."""

from wakala.rules.outcome import Sentence

# ── Said of several errors ───────────────────────────────────────────────────────────────────────────────────────────

OLD_TOKEN = Sentence(
    "The access token is not valid, or no longer.", "Tokeni ya kuingia si sahihi au muda wake umeisha."
)
NEW_TOKEN = Sentence(
    "Wakala fetches a new token and tries again. If it stays, check that the app's go-live approval is complete.",
    "Wakala inachukua tokeni mpya na kujaribu tena. Ikiendelea, hakikisha app imekamilisha idhini ya go-live.",
)
WAIT = Sentence(
    "Do not send a new request yet. Wakala asks M-Pesa until the outcome is certain.",
    "Usitume ombi jipya kwa sasa. Wakala inaendelea kuiuliza M-Pesa hadi matokeo yawe na uhakika.",
)
LATER = Sentence("Wait a minute, then try again.", "Subiri dakika moja, kisha jaribu tena.")
TOO_FAST = Sentence(
    "M-Pesa gets more requests from this app than it allows.",
    "App hii inatuma maombi mengi kuliko M-Pesa inavyoruhusu.",
)
QUOTA = Sentence("This app has used up its quota of requests.", "App hii imemaliza kiwango chake cha maombi.")
NO_PATH = Sentence("M-Pesa has nothing at this address.", "M-Pesa haina huduma kwenye anwani hii.")
CHECK_PATH = Sentence(
    "The operator must check M-Pesa's base URL and the environment in the settings.",
    "Msimamizi akague anwani ya M-Pesa na mazingira kwenye mipangilio.",
)
BROKE = Sentence(
    "Something broke inside M-Pesa, perhaps after it took the request.",
    "M-Pesa imepata hitilafu ya ndani, huenda baada ya kupokea ombi.",
)
MAINTENANCE = Sentence("M-Pesa is under maintenance.", "M-Pesa iko kwenye matengenezo.")
UNREACHABLE = Sentence("M-Pesa's service behind the gateway is down.", "Huduma ya M-Pesa nyuma ya lango haipatikani.")
NO_PRODUCT = Sentence(
    "This app may not use this API: its product is missing.", "App hii hairuhusiwi kutumia API hii: haina bidhaa hiyo."
)
ADD_PRODUCT = Sentence(
    "The operator must add the product to the app on M-Pesa's developer portal, then fetch a new token.",
    "Msimamizi aongeze bidhaa hiyo kwenye app katika tovuti ya wasanidi wa M-Pesa, kisha achukue tokeni mpya.",
)
WRONG_KEYS = Sentence(
    "M-Pesa does not accept the consumer key and secret.", "M-Pesa haikubali consumer key na consumer secret."
)
CHECK_KEYS = Sentence(
    "The operator must enter the key and secret of this very environment; sandbox and live have different ones.",
    "Msimamizi aweke key na secret za mazingira haya; za sandbox na za live hazifanani.",
)
OUR_BUG = Sentence(
    "Nothing was done. Show the trace of this request to your operator.",
    "Hakuna kilichofanyika. Mwonyeshe msimamizi wako kumbukumbu ya ombi hili.",
)
NOT_C2B = Sentence("This shortcode cannot register C2B URLs.", "Namba hii ya biashara haiwezi kusajili anwani za C2B.")
USE_C2B = Sentence(
    "Use a shortcode that is enabled for C2B; in M-Pesa's sandbox that is one starting with 600.",
    "Tumia namba ya biashara iliyowezeshwa C2B; kwenye sandbox ya M-Pesa ni ile inayoanza na 600.",
)
BAD_WORD = Sentence(
    "The callback URL has a word that M-Pesa refuses.", "Anwani ya majibu ina neno ambalo M-Pesa inalikataa."
)
CHANGE_WORD = Sentence(
    "The operator must choose a public URL without mpesa, safaricom, exe, cmd, sql or query.",
    "Msimamizi achague anwani isiyo na mpesa, safaricom, exe, cmd, sql wala query.",
)

# ── Said of one ──────────────────────────────────────────────────────────────────────────────────────────────────────

UNKNOWN_SHORTCODE = Sentence("M-Pesa does not know this shortcode.", "M-Pesa haiitambui namba hii ya biashara.")
CHECK_SHORTCODE = Sentence(
    "The operator must check the shortcode's number and its environment.",
    "Msimamizi akague namba ya biashara na mazingira yake.",
)
UNREADABLE_SHORTCODE = Sentence(
    "M-Pesa cannot read the shortcode, or reads no field at all.",
    "M-Pesa haisomi namba ya biashara, au haisomi sehemu yoyote ya ombi.",
)
CHECK_SHORTCODE_DIGITS = Sentence(
    "The operator must check that the shortcode has 5 to 7 digits and belongs to this app.",
    "Msimamizi ahakikishe namba ya biashara ina tarakimu 5 hadi 7 na ni ya app hii.",
)
UNREADABLE_TIME = Sentence("M-Pesa cannot read the time of the request.", "M-Pesa haisomi muda wa ombi.")
CHECK_CLOCK = Sentence("The operator must check the clock of the machine.", "Msimamizi akague saa ya mashine.")
MIXED_UP_KINDS = Sentence(
    "Paybill and till are mixed up for this shortcode.", "Paybill na till zimechanganywa kwa namba hii."
)
CHECK_KIND = Sentence(
    "The operator must set the shortcode's kind right: paybill or till.",
    "Msimamizi aweke aina sahihi ya namba: paybill au till.",
)
BAD_AMOUNT = Sentence("M-Pesa does not take this amount.", "M-Pesa haikubali kiasi hiki.")
SEND_WHOLE_SHILLINGS = Sentence(
    "Send whole shillings from 1 to 250,000.", "Tuma shilingi kamili kuanzia 1 hadi 250,000."
)
BAD_PHONE = Sentence(
    "This is not a phone number that M-Pesa can ask.", "Hii si namba ya simu ambayo M-Pesa inaweza kuiomba."
)
CHECK_PHONE = Sentence("Check the phone number and try again.", "Angalia namba ya simu kisha jaribu tena.")
BAD_CALLBACK_URL = Sentence(
    "M-Pesa does not accept the URL it should call back.", "M-Pesa haikubali anwani ya kurudishia majibu."
)
CHECK_CALLBACK_URL = Sentence(
    "The operator must set a public https URL without M-Pesa's forbidden words.",
    "Msimamizi aweke anwani ya https ya hadhara isiyo na maneno yanayokatazwa na M-Pesa.",
)
BAD_CHECKOUT_ID = Sentence(
    "M-Pesa does not recognise the ID of this payment.", "M-Pesa haitambui kitambulisho cha malipo haya."
)
AWAIT_CALLBACK = Sentence(
    "Nothing to repeat: the callback or the statement will tell.",
    "Hakuna cha kurudia: jibu la M-Pesa au taarifa ya akaunti itaonyesha.",
)
BAD_RECEIPT = Sentence("This is not a receipt number of M-Pesa.", "Hii si namba ya risiti ya M-Pesa.")
CHECK_RECEIPT = Sentence(
    "Check the receipt number; it has ten letters and digits.", "Angalia namba ya risiti; ina herufi na tarakimu kumi."
)
BAD_INITIATOR = Sentence("M-Pesa does not know the initiator.", "M-Pesa haimtambui mwanzilishi.")
CHECK_INITIATOR = Sentence(
    "The operator must check the initiator's name in M-Pesa's organisation portal.",
    "Msimamizi akague jina la mwanzilishi kwenye tovuti ya M-Pesa ya biashara.",
)
BAD_RECEIVER_KIND = Sentence("The kind of the receiver is wrong.", "Aina ya mpokeaji si sahihi.")
BAD_FIELD = Sentence(
    "A field of the request is wrong; M-Pesa's text names it.",
    "Sehemu moja ya ombi si sahihi; maelezo ya M-Pesa yanaitaja.",
)
UNREADABLE_REQUEST = Sentence("M-Pesa could not read the request.", "M-Pesa haikuweza kusoma ombi.")
SOMETHING_MISSING = Sentence("Something is missing in the request.", "Kuna kitu kinakosekana kwenye ombi.")
BAD_TOKEN_ADDRESS = Sentence("The address for tokens is wrong.", "Anwani ya kuchukua tokeni si sahihi.")
BAD_PARTY_KIND = Sentence("The kind of a party in the request is wrong.", "Aina ya mhusika kwenye ombi si sahihi.")
NO_TOKEN_FOUND = Sentence(
    "M-Pesa found no access token where it looks for one.", "M-Pesa haikukuta tokeni mahali inapoitafuta."
)
WRONG_METHOD = Sentence(
    "The request was sent with the wrong HTTP method.", "Ombi limetumwa kwa njia isiyo sahihi ya HTTP."
)
NO_MERCHANT = Sentence(
    "This shortcode may not ask customers for payments with this app.",
    "Namba hii ya biashara hairuhusiwi kuomba malipo kupitia app hii.",
)
CHECK_APP = Sentence(
    "The operator must check that shortcode and app belong together and that go-live is complete.",
    "Msimamizi ahakikishe namba na app zinaendana na go-live imekamilika.",
)
WRONG_PASSWORD = Sentence(
    "The password of the request is wrong: passkey and shortcode do not belong together.",
    "Nywila ya ombi si sahihi: passkey na namba ya biashara haziendani.",
)
CHECK_PASSKEY = Sentence(
    "The operator must enter the passkey that M-Pesa sent for this shortcode, without spaces.",
    "Msimamizi aweke passkey iliyotumwa na M-Pesa kwa namba hii, bila nafasi.",
)
PHONE_IS_BUSY = Sentence(
    "Another M-PESA request is already open on this phone.", "Kuna ombi lingine la M-PESA lililo wazi kwenye simu hii."
)
LET_FINISH = Sentence(
    "Let the customer finish or close it, wait a minute and try again.",
    "Mteja alimalize au alifunge, subiri dakika moja kisha jaribu tena.",
)
NOT_ANSWERED_YET = Sentence(
    "The customer has not answered the prompt yet.", "Mteja bado hajajibu ombi kwenye simu yake."
)
CHECK_YOUR_PHONE = Sentence(
    "Check your phone and enter your M-PESA PIN. Wakala keeps asking.",
    "Angalia simu yako na uweke PIN yako ya M-PESA. Wakala inaendelea kuuliza.",
)
UNKNOWN_PAYMENT = Sentence(
    "M-Pesa says that it does not know this payment; it says so now and then of payments that exist.",
    "M-Pesa inasema haiyajui malipo haya; wakati mwingine husema hivyo hata kwa malipo yaliyopo.",
)
SEEN_BEFORE = Sentence(
    "M-Pesa has this request already; the first one stands.",
    "M-Pesa tayari ina ombi hili; ombi la kwanza ndilo linalohesabiwa.",
)
SYSTEM_BUSY = Sentence("M-Pesa is too busy and took nothing.", "M-Pesa ina shughuli nyingi na haijapokea ombi.")
URLS_REGISTERED = Sentence(
    "URLs are already registered for this shortcode, and M-Pesa takes them only once.",
    "Anwani zimeshasajiliwa kwa namba hii, na M-Pesa huzipokea mara moja tu.",
)
DELETE_URLS = Sentence(
    "The operator must delete the old URLs on M-Pesa's portal, under URL management, and register again.",
    "Msimamizi afute anwani za zamani kwenye tovuti ya M-Pesa, sehemu ya URL management, kisha asajili tena.",
)
OLD_PLATFORM = Sentence(
    "This shortcode is still registered on M-Pesa's older platform.",
    "Namba hii bado imesajiliwa kwenye mfumo wa zamani wa M-Pesa.",
)
ASK_SUPPORT = Sentence(
    "The operator must ask M-Pesa's API support to remove the old registration.",
    "Msimamizi aombe huduma ya API ya M-Pesa iondoe usajili wa zamani.",
)
TURNED_AWAY = Sentence(
    "M-Pesa turned the request away without a reason it documents; for a token it means wrong keys.",
    "M-Pesa imekataa ombi bila sababu iliyo katika nyaraka; kwa tokeni maana yake ni funguo zisizo sahihi.",
)
BLOCKED = Sentence(
    "M-Pesa's outer guard blocked the request: too many at once, or an address it does not trust.",
    "Ulinzi wa nje wa M-Pesa umezuia ombi: ni mengi kwa pamoja, au anwani haiaminiki.",
)
WAIT_OR_ASK_SUPPORT = Sentence(
    "Wait a few minutes. If it stays, ask M-Pesa's API support to allow this server's address.",
    "Subiri dakika chache. Ikiendelea, omba huduma ya API ya M-Pesa iruhusu anwani ya seva hii.",
)
TOOK_TOO_LONG = Sentence(
    "M-Pesa says that the request took too long.", "M-Pesa inasema ombi limechukua muda mrefu mno."
)
UNREADABLE_ANSWER = Sentence(
    "M-Pesa's answer cannot be read, so nobody can say whether it took the request.",
    "Jibu la M-Pesa halisomeki, hivyo haijulikani kama ombi limepokelewa.",
)
NOT_ACCEPTED = Sentence("M-Pesa answered, but did not accept the request.", "M-Pesa imejibu, lakini haijakubali ombi.")
