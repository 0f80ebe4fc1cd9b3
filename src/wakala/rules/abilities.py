"""What a shortcode cannot do: refused before M-Pesa, with the reason."""

from wakala.errors import NotAllowedHereError
from wakala.rules.accounts import Product, Shortcode, ShortcodeKind
from wakala.rules.commands import BY_PATH, Command

_NEEDS = {
    ShortcodeKind.HEAD_OFFICE: "{number} is a head office; M-Pesa's APIs never take its number. Use a store number.",
    ShortcodeKind.TILL: "{number} is a till's store number and cannot do this; it takes a paybill or a B2C shortcode.",
    ShortcodeKind.PAYBILL: "{number} is a paybill and cannot do this; it takes a till.",
    ShortcodeKind.DISBURSEMENT: "{number} is a B2C shortcode: it pays out, it does not collect.",
}


def require_able(command: Command, shortcode: Shortcode) -> None:
    """Raise `NotAllowedHereError`, with the reason, where M-Pesa would refuse this shortcode for sure."""
    if shortcode.kind not in command.kinds:
        sibling = _sibling(command)
        hint = f" Use .../{sibling.path} for it." if sibling and shortcode.kind in sibling.kinds else ""
        raise NotAllowedHereError(_NEEDS[shortcode.kind].format(number=shortcode.number) + hint)
    has_product = shortcode.kind is ShortcodeKind.DISBURSEMENT or command.product in shortcode.products
    if command.product is Product.B2C and not has_product:
        raise NotAllowedHereError(
            f"{shortcode.number} has no B2C product, so M-Pesa would refuse this payout. Ask Safaricom for a "
            f"bulk-disbursement shortcode, or, if it has the product: wakala shortcode product {shortcode.number} b2c."
        )
    if command.initiated and not shortcode.initiator:
        raise NotAllowedHereError(
            f"{shortcode.number} has no API operator here, and this command speaks as one: "
            f"run `wakala shortcode initiator {shortcode.number}`."
        )


def _sibling(command: Command) -> Command | None:
    """The same for the other kind of shortcode: paybill and till have a command each."""
    twin = {"customerpaybill": "customerbuygoods", "customerbuygoods": "customerpaybill"}.get(command.name)
    return BY_PATH.get(f"{command.group}/{twin}") if twin else None
