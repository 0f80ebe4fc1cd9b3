"""The world a new simulator starts with: the public sandbox of daraja.md 6, and a few people."""

from wakala.simulator.world import App, Phone, Shortcode, World

PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
"""Printed in Safaricom's own documentation for everyone; here it opens every default shortcode, not only 174379."""

TEST_MSISDN = "254708374149"
"""Safaricom's test number. Nobody holds it, so it never answers."""

CUSTOMER_MSISDN = "254712345678"

APP_KEY = "sandbox-key"
APP_SECRET = "sandbox-secret"  # noqa: S105, a public pretend secret


def populate(world: World) -> None:
    """Shortcodes, one app and the first phones; further phones appear when they are first used."""
    world.apps[APP_KEY] = App(APP_KEY, APP_SECRET)
    for shortcode in (
        Shortcode("174379", "Daraja Sandbox", PASSKEY),
        Shortcode("600984", "Mama Mboga Supplies", PASSKEY, balance_cents=10_400_00),
        Shortcode("600000", "Demo Biller", PASSKEY),
        Shortcode("600991", "Duka la Mtaa", PASSKEY, till="600992"),
    ):
        world.shortcodes[shortcode.number] = shortcode
    for phone in (
        Phone(CUSTOMER_MSISDN, "WANJIRU"),
        Phone("254700000001", "OTIENO"),
        Phone("254700000002", "HALIMA"),
        Phone(TEST_MSISDN, "TEST NUMBER", never_answers=True),
    ):
        world.phones[phone.msisdn] = phone
