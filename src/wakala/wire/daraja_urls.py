"""What M-Pesa demands of a URL that it shall call, checked before it can refuse it (daraja.md 7.2)."""

from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

# M-Pesa refuses a URL with one of these anywhere, in any case. Longer words stand before those that they contain.
FORBIDDEN_WORDS = ("m-pesa", "mpesa", "safaricom", "exec", "exe", "cmd", "sql", "query")
# Tunnels and catchers that production turns away.
FORBIDDEN_HOSTS = ("ngrok", "mockbin", "requestbin")

URL_MAX_CHARS = 2_000  # longer ones break in proxies on the way, long before M-Pesa says anything


def lint_callback_url(url: str, *, live: bool = True) -> list[str]:
    """Sentences on what M-Pesa would refuse; empty for a good URL. The sandbox (not ``live``) also takes plain http."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        return ["Write the URL as https://host/path; this one cannot be read."]
    faults = [*_shape_faults(url, parts, live=live), *_host_faults(parts, host, live=live)]
    return faults + [f"Leave out the word {word}: M-Pesa refuses URLs that contain it." for word in _forbidden(url)]


def _shape_faults(url: str, parts: SplitResult, *, live: bool) -> list[str]:
    checks = (
        (parts.scheme != "https" and live, "Use https with a certificate that browsers trust; live M-Pesa wants it."),
        (parts.scheme not in {"https", "http"}, "Start the URL with https://."),
        (not url.isascii() or any(sign <= " " for sign in url), "Use plain ASCII letters without spaces."),
        (bool(parts.query), "Leave out everything after the question mark: put it into the path."),
        (bool(parts.fragment), "Leave out everything after the #; it is never sent."),
        (parts.username is not None, "Leave out user name and password; put a secret into the path instead."),
        (len(url) > URL_MAX_CHARS, f"Keep the URL below {URL_MAX_CHARS} characters."),
    )
    return [sentence for is_wrong, sentence in checks if is_wrong]


def _host_faults(parts: SplitResult, host: str, *, live: bool) -> list[str]:
    named = parts.netloc.rpartition("@")[2]
    checks = (
        (not host, "Name the host that M-Pesa shall call."),
        (bool(host) and _is_private(host), "Use a public host: M-Pesa cannot reach this one from the internet."),
        (named != named.lower(), "Write the host in small letters; capitals were refused."),
        (
            live and any(name in host for name in FORBIDDEN_HOSTS),
            "Use a host of your own; live M-Pesa refuses tunnels.",
        ),
    )
    return [sentence for is_wrong, sentence in checks if is_wrong]


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host.strip(".") or host.rstrip(".").endswith((".localhost", ".local", ".internal", ".lan"))


def _forbidden(url: str) -> list[str]:
    """Each forbidden word once; one inside another that was found (exe in exec) only where it also stands alone."""
    found, rest = [], unquote(url).lower()
    for word in FORBIDDEN_WORDS:
        if word in rest:
            found.append(word)
            rest = rest.replace(word, " ")
    return found
