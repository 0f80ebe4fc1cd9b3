"""The world a new simulator starts with: the public sandbox of daraja.md 6, and a few people."""

from wakala.simulator.commands import TAX_COLLECTOR
from wakala.simulator.initiators import Initiator
from wakala.simulator.world import MERCHANT, UTILITY, WORKING, App, Phone, Shortcode, World

PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
"""Printed in Safaricom's own documentation for everyone; here it opens every default shortcode, not only 174379."""

TEST_MSISDN = "254708374149"
"""Safaricom's test number. Nobody holds it, so it never answers."""

CUSTOMER_MSISDN = "254712345678"

APP_KEY = "sandbox-key"
APP_SECRET = "sandbox-secret"  # noqa: S105, a public pretend secret

NOMINATED = {"600992": "254700000001", "600997": "254700000002"}
"""Which phone answers for which till, where a business asks the till itself (daraja.md 2.18)."""

INITIATORS = ("testapi", "testapiuser")
INITIATOR_PASSWORD = "Safaricom999!*!"  # noqa: S105, quoted in every tutorial on the sandbox


def populate(world: World) -> None:
    """Shortcodes, their operators, one app and the first phones; further phones appear when they are first used."""
    world.apps[APP_KEY] = App(APP_KEY, APP_SECRET)
    for shortcode in (
        Shortcode("174379", "Daraja Sandbox", PASSKEY, b2c=False),
        Shortcode("600984", "Mama Mboga Supplies", PASSKEY, accounts={UTILITY: 10_400_00, WORKING: 500_000_00}),
        Shortcode("600000", "Demo Biller", PASSKEY, accounts={WORKING: 500_000_00}),
        Shortcode("600991", "Duka la Mtaa", PASSKEY, till="600992", accounts={WORKING: 50_000_00}),
        Shortcode("600998", "Malipo Payouts", PASSKEY, accounts={UTILITY: 2_000_000_00, WORKING: 500_000_00}),
        Shortcode("600979", "Demo Sender", PASSKEY, accounts={WORKING: 1_000_000_00}),
        Shortcode("600966", "Soko la Jumla", PASSKEY, till="600997", accounts={MERCHANT: 20_000_00}),
        Shortcode(TAX_COLLECTOR, "Demo Tax Collector", PASSKEY, b2c=False),
    ):
        world.shortcodes[shortcode.number] = shortcode
    for name in INITIATORS:
        world.initiators["", name] = Initiator(name, INITIATOR_PASSWORD)
    for phone in (
        Phone(CUSTOMER_MSISDN, "WANJIRU"),
        Phone("254700000001", "OTIENO"),
        Phone("254700000002", "HALIMA"),
        Phone(TEST_MSISDN, "TEST NUMBER", never_answers=True),
    ):
        world.phones[phone.msisdn] = phone
