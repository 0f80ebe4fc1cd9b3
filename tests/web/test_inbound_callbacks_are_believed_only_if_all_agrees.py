"""M-Pesa's callbacks: raw bytes first, and nothing believed that does not fit."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway import CUSTOMER, PAYBILL, SANDBOX, House, is_problem, running_gateway
from wakala.errors import DatabaseAwayError, DatabaseFaultError
from wakala.journal.journal import LAST_ID
from wakala.rules.signing import mac
from wakala.web.inbound import GUESSED_LIMIT_BYTES_PER_MINUTE, STRANGERS_LIMIT_PER_MINUTE

FORBIDDEN = ("mpesa", "m-pesa", "safaricom", "exe", "exec", "cmd", "sql", "query")
STRANGER = "203.0.113.7"
MPESA = "196.201.214.200"


def callback(checkout: str, *, code: Any = 0, amount: Any = 150, receipt: str = "TST1ABC234", **changes: Any) -> bytes:
    inner: dict[str, Any] = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": checkout,
        "ResultCode": code,
        "ResultDesc": "The service request is processed successfully.",
    }
    if code == 0:
        items = {
            "Amount": amount,
            "MpesaReceiptNumber": receipt,
            "TransactionDate": 20260314101501,
            "PhoneNumber": int(CUSTOMER),
        }
        inner["CallbackMetadata"] = {"Item": [{"Name": name, "Value": value} for name, value in items.items()]}
    return json.dumps({"Body": {"stkCallback": inner | changes}}).encode()


def confirmation(shortcode: str = PAYBILL, receipt: str = "C2B1ABC234", **changes: Any) -> bytes:
    body = {
        "TransactionType": "Pay Bill",
        "TransID": receipt,
        "TransTime": "20260314101501",
        "TransAmount": "70.00",
        "BusinessShortCode": shortcode,
        "BillRefNumber": "WALK-IN",
        "MSISDN": "2547 ***** 678",
        "FirstName": "WANJIRU",
    }
    return json.dumps(body | changes).encode()


async def pending(house: House, request_id: str = "CB") -> tuple[str, str]:
    """A payment that waits: the path of its callback and its CheckoutRequestID."""
    body = (await house.push(request_id)).json()
    return path_of(house, "stk", body["PaymentID"]), body["CheckoutRequestID"]


def path_of(house: House, kind: str, subject: str) -> str:
    return house.gateway.payments.callback_url(kind, subject).removeprefix(house.gateway.settings.public_url)


async def send(house: House, path: str, body: bytes, **headers: str) -> httpx2.Response:
    return await house.client.post(path, content=body, headers=headers)


async def quarantine(house: House) -> list[str]:
    found = await house.gateway.journal.quarantined()
    while page := await house.gateway.journal.quarantined(found[-1].id if found else LAST_ID):
        found += page
    return [exchange.verdict for exchange in found]


async def test_a_callback_that_fits_settles_its_payment(house: House) -> None:
    path, checkout = await pending(house)
    answer = await send(house, path, callback(checkout))
    assert answer.json() == {"ResultCode": 0, "ResultDesc": "Accepted"}
    view = await house.request("CB")
    assert (view["State"], view["MpesaReceiptNumber"], view["Evidence"]) == ("succeeded", "TST1ABC234", "stk_callback")
    assert await quarantine(house) == []


async def test_the_same_callback_again_changes_nothing(house: House) -> None:
    path, checkout = await pending(house)
    for _ in range(3):
        assert (await send(house, path, callback(checkout))).status_code == 200
    assert await house.count("notifications") == 1
    view = await house.request("CB")
    assert (view["State"], view["Flags"]) == ("succeeded", [])


async def test_a_wrong_secret_is_told_nothing_and_kept(house: House) -> None:
    path, checkout = await pending(house)
    base, _, secret = path.rpartition("/")
    for wrong in ("0" * 32, secret[:-1], secret + "0", secret.upper(), secret[:-1] + "é", "%00"):
        if wrong == secret:
            continue
        is_problem(await send(house, f"{base}/{wrong}", callback(checkout)), 404, "not_found")
    assert (await house.request("CB"))["State"] == "pending"
    assert len(await quarantine(house)) == len(
        {"0" * 32, secret[:-1], secret + "0", secret.upper(), "é", "%00"} - {secret}
    )


async def test_a_secret_opens_only_its_own_payment_and_kind(house: House) -> None:
    first, _ = await pending(house, "ONE")
    await house.customer("cancel")
    await house.request_in("ONE", "failed")
    second, checkout = await pending(house, "TWO")
    swapped = second.rpartition("/")[0] + "/" + first.rpartition("/")[2]
    is_problem(await send(house, swapped, callback(checkout)), 404)
    other_kind = second.replace("/stk/", "/c2b_confirmation/")
    is_problem(await send(house, other_kind, confirmation()), 404)
    assert (await house.request("TWO"))["State"] == "pending"


@pytest.mark.parametrize(
    "path", ["/callbacks/", "/callbacks/stk", "/callbacks/stk/x/y/z", "/callbacks/b2c/x/y", "/callbacks/%00/%ff/%0a"]
)
async def test_a_path_that_nobody_was_given_is_kept_and_told_nothing(house: House, path: str) -> None:
    is_problem(await send(house, path, b"anything"), 404, "not_found")
    assert await quarantine(house) == ["quarantined: nobody was given this path"]


MALFORMED = {
    "nothing": b"",
    "text": b"hello",
    "cut off": callback("ws_CO_1")[:-30],
    "list": b"[]",
    "empty": b"{}",
    "no code": b'{"Body": {"stkCallback": {"CheckoutRequestID": "ws_CO_1"}}}',
    "null": b'{"Body": null}',
    "deep": b'{"Body": ' * 5_000,
    "bytes": bytes(range(256)),
    "too long": b'{"Body": "' + b"x" * 70_000 + b'"}',
    "far too long": b"x" * 3_000_000,
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_callback_that_cannot_be_read_is_kept_acknowledged_and_not_believed(house: House, name: str) -> None:
    path, _ = await pending(house)
    assert (await send(house, path, MALFORMED[name])).status_code == 200
    (kept,) = await house.gateway.journal.quarantined()
    assert kept.verdict == "quarantined: it cannot be read"
    assert kept.request_body == MALFORMED[name][:65_536]
    assert (await house.request("CB"))["State"] == "pending"


@pytest.mark.parametrize(
    ("body", "flag"),
    [
        (callback("ws_CO_somebody_elses"), "evidence_conflict"),
        (callback("ws_CO_somebody_elses", code=1032), "evidence_conflict"),
    ],
)
async def test_another_payments_id_is_not_believed(house: House, body: bytes, flag: str) -> None:
    path, _ = await pending(house)
    assert (await send(house, path, body)).status_code == 200
    view = await house.request("CB")
    assert (view["State"], view["Flags"], view["MpesaReceiptNumber"]) == ("pending", [flag], None)
    assert len(await quarantine(house)) == 1


@pytest.mark.parametrize("amount", [1, 149, 151, 150.01, 15_000, "1.00", 1e9])
async def test_another_amount_is_not_believed(house: House, amount: Any) -> None:
    path, checkout = await pending(house)
    assert (await send(house, path, callback(checkout, amount=amount))).status_code == 200
    view = await house.request("CB")
    assert (view["State"], view["Flags"]) == ("pending", ["amount_differs"])
    assert "KES 150.00" in (await quarantine(house))[0]
    assert await house.count("notifications") == 0


async def test_texts_with_nul_and_escapes_from_m_pesa_lose_no_payment(house: House) -> None:
    path, checkout = await pending(house)
    odd = callback(checkout, code=1032, ResultDesc="a\0b\x1b[31m\u202e🎈" + "x" * 9_000)
    assert (await send(house, path, odd)).status_code == 200
    assert (await house.request("CB"))["State"] == "failed"


async def test_a_confirmation_nobody_asked_for_becomes_a_collection(house: House) -> None:
    (shortcode,) = await house.gateway.journal.shortcodes()
    path = path_of(house, "c2b_confirmation", shortcode.id)
    for _ in range(2):
        assert (await send(house, path, confirmation())).json()["ResultCode"] == 0
    view = await house.request("c2b:C2B1ABC234")
    assert (view["Kind"], view["State"], view["Amount"]) == ("collection", "succeeded", 70)
    (told,) = await house.merchant.received("/wakala")
    assert told.json["type"] == "collection.succeeded"
    assert await house.count("payments") == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (confirmation("600984"), "names shortcode 600984"),
        (b"{}", "cannot be read"),
        (confirmation(TransAmount="-1"), "cannot be read"),
        (confirmation(TransAmount="NaN"), "cannot be read"),
        (confirmation(receipt=""), "cannot be read"),
        (confirmation(receipt="R" * 65), "cannot be read"),
    ],
)
async def test_a_confirmation_that_does_not_fit_is_kept_and_not_believed(
    house: House, body: bytes, reason: str
) -> None:
    (shortcode,) = await house.gateway.journal.shortcodes()
    answer = await send(house, path_of(house, "c2b_confirmation", shortcode.id), body)
    assert answer.status_code == 200
    assert reason in (await quarantine(house))[0]
    assert await house.count("payments") == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [(confirmation(), "0"), (confirmation("600984"), "C2B00015"), (b"x", "C2B00016"), (b"", "C2B00016")],
)
async def test_a_validation_is_decided_here_and_the_record_says_so(house: House, body: bytes, code: str) -> None:
    (shortcode,) = await house.gateway.journal.shortcodes()
    answer = await send(house, path_of(house, "c2b_validation", shortcode.id), body)
    assert answer.json()["ResultCode"] == code
    reader = house.gateway.database._reader  # type: ignore[attr-defined]
    ((error,),) = reader.execute("SELECT error FROM exchanges WHERE name = 'c2b_validation'").fetchall()
    assert error.startswith("decided by the gateway")
    assert await house.count("payments") == 0


# ── where it comes from ──


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[House]:
    """Behind a proxy of our own on loopback; M-Pesa's addresses are the only believed ones."""
    server = {"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}
    sources = {"sandbox_sources": ["196.201.214.0/24"]}
    async with running_gateway(tmp_path, server=server, callbacks=sources) as house:
        yield house


@pytest.mark.parametrize(
    ("forwarded", "believed"),
    [
        (MPESA, True),
        (f"{MPESA}, 10.1.2.3", True),
        (f"{STRANGER}, {MPESA}", True),
        (f"{MPESA}, {STRANGER}", False),
        (f"{MPESA}, {STRANGER}, 10.1.2.3", False),
        (f"{MPESA}, unknown", False),
        (f"{MPESA},", True),
        (f"{MPESA}:4711", True),
        (f"[::ffff:{MPESA}]:80", True),
        (f"::ffff:{MPESA}", True),
        ("127.0.0.1", False),
        ("", False),
        ("x" * 4_000, False),
        (f"{MPESA};{STRANGER}", False),
    ],
)
async def test_the_caller_is_the_first_hop_that_is_not_ours(behind: House, forwarded: str, believed: bool) -> None:
    path, checkout = await pending(behind)
    answer = await send(behind, path, callback(checkout), **{"X-Forwarded-For": forwarded})
    assert answer.status_code == (200 if believed else 404)
    assert (await behind.request("CB"))["State"] == ("succeeded" if believed else "pending")


async def test_a_proxy_that_says_nothing_vouches_for_nobody(behind: House) -> None:
    path, checkout = await pending(behind)
    is_problem(await send(behind, path, callback(checkout)), 404)
    is_problem(await send(behind, path, callback(checkout), Forwarded=f"for={MPESA}"), 404)
    assert (await behind.request("CB"))["State"] == "pending"


async def test_two_forwarding_lines_are_read_as_one_list(behind: House) -> None:
    path, checkout = await pending(behind)
    lines = [("X-Forwarded-For", MPESA), ("X-Forwarded-For", STRANGER)]
    is_problem(await behind.client.post(path, content=callback(checkout), headers=lines), 404)


async def test_an_untrusted_peer_cannot_name_its_own_address(tmp_path: Path) -> None:
    sources = {"sandbox_sources": ["196.201.214.0/24"]}
    for number, proxies in enumerate(([], ["10.0.0.0/8"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with running_gateway(folder, server={"trusted_proxies": proxies}, callbacks=sources) as house:
            path, checkout = await pending(house)
            spoofed = {"X-Forwarded-For": MPESA, "Forwarded": f"for={MPESA}", "X-Real-IP": MPESA}
            is_problem(await send(house, path, callback(checkout), **spoofed), 404)
            assert (await house.request("CB"))["State"] == "pending"
            (kept,) = await house.gateway.journal.quarantined()
            assert kept.verdict == "quarantined: 127.0.0.1 is not one of M-Pesa's addresses"


async def test_forwarded_is_read_where_it_is_the_configured_header(tmp_path: Path) -> None:
    server = {"trusted_proxies": ["127.0.0.0/8"], "forwarded_header": "Forwarded"}
    async with running_gateway(tmp_path, server=server, callbacks={"sandbox_sources": [MPESA]}) as house:
        path, checkout = await pending(house)
        body = callback(checkout)
        for spoofed in (
            {"X-Forwarded-For": MPESA},
            {"Forwarded": f"for={MPESA}, for={STRANGER}"},
            {"Forwarded": f"for={MPESA}, proto=https"},
            {"Forwarded": f"by={MPESA}"},
            {"Forwarded": "for=_hidden"},
        ):
            is_problem(await send(house, path, body, **spoofed), 404)
        assert (await send(house, path, body, Forwarded=f'by=1.2.3.4;For="{MPESA}:443";proto=https')).status_code == 200
        assert (await house.request("CB"))["State"] == "succeeded"


async def test_live_is_not_called_from_this_machine_by_default(tmp_path: Path) -> None:
    from wakala.config import Callbacks  # noqa: PLC0415 - the defaults are what is tested
    from wakala.rules.addresses import contains, networks  # noqa: PLC0415

    live = networks(Callbacks().live_sources)
    assert not contains(live, "127.0.0.1")
    assert not contains(live, "::1")
    assert contains(live, MPESA)


# ── the paths that we give out ──


@given(
    kind=st.sampled_from(["stk", "c2b_confirmation", "c2b_validation"]),
    key=st.binary(min_size=32, max_size=32),
    number=st.integers(0, 2**112 - 1),
)
def test_no_path_of_ours_holds_a_word_that_m_pesa_refuses(kind: str, key: bytes, number: int) -> None:
    subject = f"{'pay' if kind == 'stk' else 'sc'}_{number:028x}"
    path = f"/callbacks/{kind}/{subject}/{mac(key, f'callback {kind}', subject)}".lower()
    assert not [word for word in FORBIDDEN if word in path]
    assert len(path) < 120


async def test_m_pesa_was_given_exactly_that_path(house: House) -> None:
    path, _ = await pending(house)
    (known,) = house.box.machine.world.payments.values()
    assert known.callback_url == house.gateway.settings.public_url + path
    trace = (await house.get(f"{SANDBOX}/requests/CB/trace")).text
    assert path.rpartition("/")[2] not in trace


async def test_a_callback_that_meets_a_bug_of_ours_is_kept_and_asked_about(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No known input does this, so the bug is planted: whatever M-Pesa said must not be lost with it."""
    path, checkout = await pending(house, "BUG")

    async def settle(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as planted:
        planted.setattr(house.gateway.payments, "settle", settle)
        answer = await house.client.post(path, content=callback(checkout))
    assert answer.status_code == 200
    trace = (await house.get(f"{SANDBOX}/requests/BUG/trace")).text
    assert "could not handle it" in trace
    assert (await house.client.post(path, content=callback(checkout))).status_code == 200
    await house.request_in("BUG", "succeeded")


@pytest.mark.parametrize(
    ("faults", "state"),
    [([DatabaseFaultError()] * 2, "succeeded"), ([RuntimeError("a bug")] * 9, "pending")],
    ids=("a row that is refused twice", "a bug of ours"),
)
async def test_what_was_kept_while_the_database_was_away_is_handled_or_shown(
    house: House, monkeypatch: pytest.MonkeyPatch, faults: list[Exception], state: str
) -> None:
    path, checkout = await pending(house, "KEPT")
    settle, coming = house.gateway.payments.settle, [DatabaseAwayError(), *faults]

    async def troubled(*given: Any, **more: Any) -> object:
        if coming:
            raise coming.pop(0)
        return await settle(*given, **more)

    monkeypatch.setattr(house.gateway.payments, "settle", troubled)
    assert (await house.client.post(path, content=callback(checkout))).status_code == 200
    await house.gateway.shelter.step()
    assert house.gateway.spill.is_empty
    assert (await house.get(f"{SANDBOX}/requests/KEPT")).json()["State"] == state
    trace = (await house.get(f"{SANDBOX}/requests/KEPT/trace")).text
    assert ("could not handle it" in trace) is (state == "pending")


def plant_a_database_that_is_away(planted: pytest.MonkeyPatch, house: House) -> None:
    """For the callbacks of payments."""

    async def find(_: str) -> None:
        raise DatabaseAwayError

    planted.setattr(house.gateway.payments, "find", find)


async def test_whatever_was_acknowledged_while_the_database_was_away_is_believed_or_in_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is one of M-Pesa's, and not for this payment: only the database can tell. More than the limit."""
    settings = {"sandbox_sources": [MPESA], "live_sources": ["127.0.0.0/8"], "spill_limit_mib": 4}
    count = STRANGERS_LIMIT_PER_MINUTE + 20
    async with running_gateway(tmp_path, callbacks=settings) as house:
        path, checkout = await pending(house)
        with monkeypatch.context() as planted:
            plant_a_database_that_is_away(planted, house)
            for _ in range(count // 20):
                answers = await asyncio.gather(*(send(house, path, callback(checkout)) for _ in range(20)))
                assert {answer.status_code for answer in answers} == {200}
        await house.gateway.shelter.step()
        assert house.gateway.spill.is_empty
        assert await quarantine(house) == ["quarantined: 127.0.0.1 is not one of M-Pesa's addresses"] * count


async def test_a_strangers_callback_is_not_acknowledged_while_the_database_is_away_and_in_quarantine_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(tmp_path, callbacks={"sandbox_sources": [MPESA], "live_sources": [MPESA]}) as house:
        path, checkout = await pending(house)
        with monkeypatch.context() as planted:
            plant_a_database_that_is_away(planted, house)
            is_problem(await send(house, path, callback(checkout)), 404)
        await house.gateway.shelter.step()
        assert await quarantine(house) == ["quarantined: 127.0.0.1 is not one of M-Pesa's addresses"]
        assert (await house.request("CB"))["State"] == "pending"


async def test_who_guesses_paths_never_takes_the_place_of_who_was_given_one(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, callbacks={"sandbox_sources": [MPESA], "live_sources": [MPESA]}) as house:
        path, checkout = await pending(house)
        guessed = f"{path[:-4]}beef"
        for _ in range(0, 2 * STRANGERS_LIMIT_PER_MINUTE, 50):  # a minute may end meanwhile
            await asyncio.gather(*(send(house, guessed, b"{}") for _ in range(50)))
        is_problem(await send(house, path, callback(checkout)), 404)
        assert (await quarantine(house))[0] == "quarantined: 127.0.0.1 is not one of M-Pesa's addresses"


async def test_who_guesses_paths_fills_neither_the_disk_nor_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    body, headers = b"x" * 60_000, {"X-More": "y" * 30_000}
    count = 4 * GUESSED_LIMIT_BYTES_PER_MINUTE // 90_000
    with caplog.at_level(logging.WARNING, "wakala.inbound"):
        for _ in range(count):
            is_problem(await house.client.post("/callbacks/stk/pay_1/0f", content=body, headers=headers), 404)
    kept = len(await quarantine(house))
    assert 0 < kept * 90_000 <= 2 * GUESSED_LIMIT_BYTES_PER_MINUTE  # a minute may end meanwhile
    assert len([one for one in caplog.records if one.name == "wakala.inbound"]) <= kept + 2
