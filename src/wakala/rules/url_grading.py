"""What the test of a callback URL found, as a grade with a sentence for each thing looked at. Pure."""

from dataclasses import dataclass
from enum import StrEnum

DAY_S = 86_400
EXPIRY_WARNING_DAYS = 14  # certificates of 90 days are renewed with 30 to go; below half of that something is stuck
QUICK_S = 1.0  # a receiver that only writes down and answers takes a tenth of it


class Mark(StrEnum):
    """Of one check."""

    PASS = "pass"  # noqa: S105 - a mark, no password
    WARN = "warn"
    FAIL = "fail"


class Reach(StrEnum):
    """How far the test got."""

    URL = "url"
    NAME = "name"
    ADDRESS = "address"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was met. ``trouble`` says why it got no further than ``reach``; times in seconds.

    ``forged_status`` is the answer to a test whose signature was wrong, None where there was none.
    """

    host: str
    reach: Reach
    limit_s: float
    trouble: str = ""
    addresses: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()  # those of the addresses that may not be called
    is_private: bool = False  # all that may be called lie in networks that the configuration allows
    tls_version: str | None = None
    tls_issuer: str = ""
    tls_days_left: float = 0
    status: int | None = None
    first_byte_s: float | None = None
    forged_status: int | None = None
    forged_trouble: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    mark: Mark
    sentence: str


@dataclass(frozen=True, slots=True)
class Grading:
    """``grade`` is A to D by the number of warnings, F where something failed."""

    checks: tuple[Check, ...]

    @property
    def grade(self) -> str:
        """A: nothing to mend. F: notifications would not arrive."""
        if self.failures:
            return "F"
        return "ABCD"[min(3, sum(check.mark is Mark.WARN for check in self.checks))]

    @property
    def failures(self) -> tuple[Check, ...]:
        """Why a URL is not taken."""
        return tuple(check for check in self.checks if check.mark is Mark.FAIL)


def graded(seen: Seen) -> Grading:
    """Check by check, as far as the test got; what failed ends it."""
    checks: list[Check] = []
    for name, look in _CHECKS:
        mark, sentence = look(seen)
        checks.append(Check(name, mark, sentence))
        if mark is Mark.FAIL:
            break
    return Grading(tuple(checks))


Found = tuple[Mark, str]


def _dns(seen: Seen) -> Found:
    if seen.reach is Reach.URL:
        return Mark.FAIL, f"It cannot be called: {seen.trouble}."
    if seen.reach is Reach.NAME:
        return Mark.FAIL, f"{_sentence(seen.trouble)} Correct the name, or its entry in DNS."
    shown = ", ".join(address for address in seen.addresses if address not in seen.refused)
    return Mark.PASS, f"{seen.host} leads to {shown}." if shown else f"{seen.host} has an address."


def _address(seen: Seen) -> Found:
    if seen.reach is Reach.ADDRESS:
        return Mark.FAIL, f"It may not be called: {seen.trouble}."
    if seen.refused:
        sentence = (
            f"{', '.join(seen.refused)}: private or reserved, so never called; the others are. Remove it from DNS."
        )
        return Mark.WARN, sentence
    if seen.is_private:
        return Mark.PASS, "It lies in a private network that the configuration allows."
    return Mark.PASS, "It is public, and may be called."


def _tls(seen: Seen) -> Found:
    if seen.reach is Reach.CONNECTION:
        return Mark.FAIL, f"{_sentence(seen.trouble)} Is the server running, and does its firewall let us in?"
    if seen.reach is Reach.CERTIFICATE:
        return Mark.FAIL, _sentence(seen.trouble) + _certificate_advice(seen.trouble)
    if seen.tls_version is None:
        if seen.is_private:
            return Mark.PASS, "There is no TLS, which a network of your own may do without."
        return Mark.WARN, "There is no TLS: whoever is on the way can read and change notifications. Use https."
    days = int(seen.tls_days_left)
    signed = f"{seen.tls_version}; the certificate is trusted, signed by {seen.tls_issuer}"
    if days < EXPIRY_WARNING_DAYS:
        return Mark.WARN, f"{signed}, and ends in {days} days: renew it now."
    return Mark.PASS, f"{signed}, and good for {days} days."


def _certificate_advice(trouble: str) -> str:
    why = trouble.rpartition(": ")[2]  # before it stands the host, whose name may be any of these words
    if "mismatch" in why or "expired" in why:  # and a mismatch names it once more
        return " Renew it, or correct the name that it is for."
    if "local issuer" in why or "self-signed" in why or "self signed" in why:
        return " Serve the whole chain, with the intermediate certificate, of an authority that everybody trusts."
    return ""


def _first_byte(seen: Seen) -> Found:
    if seen.first_byte_s is None:
        return Mark.FAIL, f"{_sentence(seen.trouble)} Write the notification down, answer, and work on it afterwards."
    took = f"{seen.first_byte_s * 1000:.0f} ms"
    if seen.first_byte_s > QUICK_S:
        return Mark.WARN, f"The first byte came after {took}: answer first and work afterwards."
    return Mark.PASS, f"The first byte came after {took}."


def _status(seen: Seen) -> Found:
    status = seen.status
    if status is None:
        return Mark.FAIL, _sentence(seen.trouble)
    if 200 <= status < 300:
        return Mark.PASS, f"It took the signed test with {status}."
    return Mark.FAIL, f"It answered {status} to the signed test. {_status_advice(status)}"


def _status_advice(status: int) -> str:
    if 300 <= status < 400:
        return "Redirects are not followed: give the address that it leads to."
    return _STATUS_ADVICE.get(status, "Anything but 2xx counts as not taken: see the receiver's log.")


_STATUS_ADVICE = {
    401: "Does the receiver have the secret in force? `wakala endpoint rotate` makes a new one.",
    403: "Does the receiver have the secret in force, and does nothing before it turn strangers away?",
    404: "Nothing is there: check the path.",
    405: "It must take POST.",
    410: "It says that it is gone for good.",
}


def _signature(seen: Seen) -> Found:
    status = seen.forged_status
    if status is None:
        return Mark.WARN, f"Whether it verifies could not be seen: {seen.forged_trouble or 'no answer'}."
    if 200 <= status < 300:
        sentence = (
            f"It took a test whose signature is wrong with {status}: it does not verify, so anybody who knows the URL "
            "can tell it that an order is paid."
        )
        return Mark.WARN, sentence
    if 400 <= status < 500:
        return Mark.PASS, f"It refused a wrong signature with {status}."
    return (
        Mark.WARN,
        f"It answered {status} to a wrong signature: refuse it with 401, so that it is seen for what it is.",
    )


def _sentence(trouble: str) -> str:
    return trouble[:1].upper() + trouble[1:].rstrip(".") + "."


_CHECKS = (
    ("dns", _dns),
    ("address", _address),
    ("tls", _tls),
    ("first_byte", _first_byte),
    ("status", _status),
    ("signature", _signature),
)
