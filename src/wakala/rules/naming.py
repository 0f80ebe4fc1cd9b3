"""How apps and endpoints are named, so that what a sentence names can be typed."""

from collections.abc import Mapping, Sequence
from shlex import quote

from wakala.rules.accounts import App, Environment, Shortcode


def typed_names(apps: Sequence[App]) -> dict[str, str]:
    """By the app's ID what a command takes for it: its name, or its key where others have an app of that name."""
    names = [app.name for app in apps]
    return {app.id: app.name if names.count(app.name) == 1 else app.consumer_key for app in apps}


def told_names(apps: Sequence[App], organisations: Mapping[str, str]) -> dict[str, str]:
    """By the app's ID what tells it from others: its name, with its organisation where others have an app of that name.

    No stranger takes one for the other, and it is read before a command is typed.
    """
    names = [app.name for app in apps]
    return {
        app.id: app.name if names.count(app.name) == 1 else f"{app.name} ({organisations[app.organisation_id]})"
        for app in apps
    }


def typed_endpoint(app: str, shortcode: Shortcode | None) -> str:
    """What stands behind ``wakala endpoint resume``: the app's own, or that of a shortcode."""
    branch = f" --shortcode {shortcode.number}" if shortcode else ""
    is_live = shortcode is not None and shortcode.environment is Environment.LIVE
    return quote(app) + branch + (" --environment live" if is_live else "")
