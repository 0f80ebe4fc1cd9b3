"""Whatever the test of a URL met, it gets a grade, and each thing looked at a mark and a sentence."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.rules.url_grading import Grading, Mark, Reach, Seen, graded

WELL = Seen(
    host="shop.example",
    reach=Reach.ANSWER,
    limit_s=5,
    addresses=("41.90.1.1",),
    tls_version="TLSv1.3",
    tls_issuer="Let's Encrypt",
    tls_days_left=60,
    status=200,
    first_byte_s=0.05,
    forged_status=401,
)
ALL = ["dns", "address", "tls", "first_byte", "status", "signature"]


def marks(found: Grading) -> dict[str, Mark]:
    return {check.name: check.mark for check in found.checks}


def test_a_well_made_receiver_gets_an_a() -> None:
    found = graded(WELL)
    assert found.grade == "A"
    assert marks(found) == dict.fromkeys(ALL, Mark.PASS)


@pytest.mark.parametrize(
    ("change", "check", "says"),
    [
        ({"forged_status": 200}, "signature", "does not verify"),
        ({"forged_status": 299}, "signature", "does not verify"),
        ({"forged_status": 302}, "signature", "refuse it with 401"),
        ({"forged_status": 399}, "signature", "refuse it with 401"),
        ({"forged_status": 500}, "signature", "refuse it with 401"),
        ({"forged_status": None}, "signature", "could not be seen: no answer."),
        ({"forged_status": None, "forged_trouble": "no answer within 5 s"}, "signature", "no answer within 5 s"),
        ({"tls_days_left": 13.9}, "tls", "ends in 13 days"),
        ({"tls_version": None}, "tls", "Use https"),
        ({"first_byte_s": 1.2}, "first_byte", "1200 ms"),
        ({"first_byte_s": 1.001}, "first_byte", "1001 ms"),
        ({"addresses": ("41.90.1.1", "10.0.0.1"), "refused": ("10.0.0.1",)}, "address", "10.0.0.1"),
    ],
)
def test_one_thing_to_mend_is_a_b(change: dict[str, object], check: str, says: str) -> None:
    found = graded(replace(WELL, **change))  # type: ignore[arg-type]
    assert found.grade == "B"
    (warned,) = [one for one in found.checks if one.mark is Mark.WARN]
    assert (warned.name, says in warned.sentence) == (check, True), warned
    assert not found.failures


@pytest.mark.parametrize(
    ("change", "check", "says"),
    [
        ({}, "dns", "shop.example leads to 41.90.1.1."),
        ({"addresses": ()}, "dns", "shop.example has an address."),
        ({}, "address", "public"),
        ({"is_private": True}, "address", "private network that the configuration allows"),
        ({"tls_days_left": 14}, "tls", "TLSv1.3; the certificate is trusted, signed by Let's Encrypt, and good for 14"),
        ({"first_byte_s": 1.0}, "first_byte", "1000 ms"),
        ({"first_byte_s": 0.0}, "first_byte", "0 ms"),
        ({"status": 299}, "status", "with 299"),
        ({"forged_status": 400}, "signature", "with 400"),
        ({"forged_status": 499}, "signature", "with 499"),
    ],
)
def test_what_is_well_is_told_too(change: dict[str, object], check: str, says: str) -> None:
    found = graded(replace(WELL, **change))  # type: ignore[arg-type]
    assert found.grade == "A"
    (told,) = [one for one in found.checks if one.name == check]
    assert says in told.sentence, told.sentence


def test_an_address_that_is_never_called_is_not_said_to_be() -> None:
    found = graded(replace(WELL, addresses=("41.90.1.1", "10.0.0.1"), refused=("10.0.0.1",)))
    assert found.checks[0].sentence == "shop.example leads to 41.90.1.1."


def test_more_to_mend_is_worse_and_a_failure_is_an_f() -> None:
    two = replace(WELL, tls_version=None, first_byte_s=2)
    assert graded(two).grade == "C"
    assert graded(replace(two, forged_status=204)).grade == "D"
    assert graded(replace(two, status=500)).grade == "F"


@pytest.mark.parametrize(
    ("change", "last", "says"),
    [
        ({"reach": Reach.URL, "trouble": "not an http address"}, "dns", "cannot be called: not an http address."),
        ({"reach": Reach.NAME, "trouble": "it was not found."}, "dns", "It was not found. Correct the name"),
        ({"reach": Reach.ADDRESS, "trouble": "10.0.0.1 is private"}, "address", "may not be called"),
        ({"reach": Reach.CONNECTION, "trouble": "no connection to 41.90.1.1"}, "tls", "firewall"),
        ({"trouble": "no answer within 5 s", "first_byte_s": None, "status": None}, "first_byte", "Write"),
        ({"trouble": "the connection was closed in the middle", "status": None}, "status", "closed"),
        ({"status": 199}, "status", "It answered 199"),
        ({"status": 300}, "status", "Redirects"),
        ({"status": 302}, "status", "Redirects"),
        ({"status": 399}, "status", "Redirects"),
        ({"status": 400}, "status", "It answered 400 to the signed test. Anything but 2xx"),
        ({"status": 401}, "status", "secret in force"),
        ({"status": 403}, "status", "turn strangers away"),
        ({"status": 404}, "status", "check the path"),
        ({"status": 405}, "status", "POST"),
        ({"status": 410}, "status", "gone"),
        ({"status": 503}, "status", "2xx"),
    ],
)
def test_what_fails_ends_the_test_and_says_what_to_do(change: dict[str, object], last: str, says: str) -> None:
    found = graded(replace(WELL, **change))  # type: ignore[arg-type]
    assert found.grade == "F"
    assert [check.name for check in found.checks] == ALL[: ALL.index(last) + 1]
    assert found.checks[-1].mark is Mark.FAIL
    assert says in found.checks[-1].sentence, found.checks[-1].sentence
    assert [check.name for check in found.failures] == [last]


@pytest.mark.parametrize(
    ("why", "says"),
    [
        ("certificate has expired", "Renew it, or correct the name"),
        ("Hostname mismatch, certificate is not valid for 'shop.example'.", "Renew it, or correct the name"),
        ("IP address mismatch, certificate is not valid for '41.90.1.1'.", "Renew it, or correct the name"),
        ("unable to get local issuer certificate", "Serve the whole chain"),
        ("self-signed certificate in certificate chain", "Serve the whole chain"),
        ("self signed certificate", "Serve the whole chain"),
        ("unsuitable certificate purpose", ""),
    ],
)
@pytest.mark.parametrize("host", ["shop.example", "myself.example", "self-signed.example", "expired.example"])
def test_what_to_do_about_a_certificate_depends_on_no_name(why: str, says: str, host: str) -> None:
    why = why.replace("shop.example", host)
    trouble = f"the certificate of {host} is not trusted: {why}"
    found = graded(replace(WELL, host=host, reach=Reach.CERTIFICATE, trouble=trouble))
    assert [check.name for check in found.failures] == ["tls"]
    told, _, advice = found.checks[-1].sentence.partition(f"{why.rstrip('.')}.")
    assert told == f"The certificate of {host} is not trusted: "
    assert advice.strip().startswith(says) if says else not advice


def test_a_network_of_ones_own_may_do_without_tls() -> None:
    assert graded(replace(WELL, tls_version=None, is_private=True)).grade == "A"


statuses = st.none() | st.integers(100, 599)
SEEN = st.builds(
    Seen,
    host=st.text(max_size=20),
    reach=st.sampled_from(Reach),
    limit_s=st.just(5.0),
    trouble=st.text(max_size=40),
    addresses=st.lists(st.sampled_from(["41.90.1.1", "10.0.0.1", "::1"]), max_size=3).map(tuple),
    refused=st.lists(st.sampled_from(["10.0.0.1", "::1"]), max_size=2).map(tuple),
    is_private=st.booleans(),
    tls_version=st.none() | st.just("TLSv1.2"),
    tls_issuer=st.text(max_size=20),
    tls_days_left=st.floats(-1e6, 1e6),
    status=statuses,
    first_byte_s=st.none() | st.floats(0, 5),
    forged_status=statuses,
    forged_trouble=st.text(max_size=20),
)


@given(SEEN)
def test_every_meeting_gets_a_grade_and_sentences(seen: Seen) -> None:
    found = graded(seen)
    assert found.checks
    assert found.grade in "ABCDF"
    assert (found.grade == "F") == bool(found.failures)
    assert len(found.failures) <= 1
    assert [check.name for check in found.checks] == ALL[: len(found.checks)]
    assert all(check.sentence.strip() for check in found.checks)
    if not found.failures:
        assert seen.status is not None
        assert 200 <= seen.status < 300


@given(SEEN, statuses)
def test_a_receiver_that_takes_a_wrong_signature_never_gets_an_a(seen: Seen, status: int | None) -> None:
    found = graded(replace(seen, forged_status=status))
    if status is None or status < 400 or status >= 500:
        assert found.grade != "A"
