"""An app and its endpoint as commands take them, whatever the app is called and whoever else is called so."""

import pytest
from msgspec.structs import replace

from journal.making import app, shortcode
from wakala.rules.accounts import Environment, Shortcode
from wakala.rules.naming import told_names, typed_endpoint, typed_names

TILL = replace(shortcode(), number="174379")
LIVE = replace(TILL, environment=Environment.LIVE)


@pytest.mark.parametrize(
    ("name", "own", "typed"),
    [
        ("my shop", LIVE, "'my shop' --shortcode 174379 --environment live"),
        ("shop", TILL, "shop --shortcode 174379"),
        ("shop", None, "shop"),
    ],
)
def test_an_endpoint_is_named_as_the_commands_take_it(name: str, own: Shortcode | None, typed: str) -> None:
    assert typed_endpoint(name, own) == typed


def test_of_apps_that_share_a_name_each_is_typed_by_its_key_and_told_with_its_organisation() -> None:
    till, *shops = app(name="till"), app(name="shop"), app("org_2", name="shop")
    apps = [till, *shops]
    assert typed_names(apps) == {till.id: "till"} | {one.id: one.consumer_key for one in shops}
    told = told_names(apps, {"org_1": "Mama", "org_2": "Baba"})
    assert list(told.values()) == ["till", "shop (Mama)", "shop (Baba)"]
