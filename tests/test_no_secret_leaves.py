"""A canary: known secrets are planted, every flow is run, and every sink is searched. None of them may be found."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.programs import WAKALA
from services.town import PASSKEY, PAYBILL, Town, running_town

PLANTED = "canary-7f3a91d2c4"


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with running_town(tmp_path / "town", "sqlite:///wakala.db") as running:
        yield running


def masked_secrets(town: Town, prompts: list[dict[str, str]], token: str) -> dict[str, str]:
    """What must never be seen, by name."""
    basic = town.credentials["Authorization"].removeprefix("Basic ")
    secret = base64.b64decode(basic).decode().partition(":")[2]
    return {
        "M-Pesa's consumer secret": "sandbox-secret",
        "M-Pesa's basic credential": base64.b64encode(b"sandbox-key:sandbox-secret").decode(),
        "the passkey": PASSKEY,
        "the STK password": base64.b64encode(f"{PAYBILL}{PASSKEY}".encode()).decode()[:60],
        "the app's secret": secret,
        "the app's basic credential": basic,
        "the app's token": token,
        "the webhook secret": town.merchant.secret.removeprefix("whsec_"),
        "the master key": (town.folder / "wakala.key").read_text().strip(),
        "the planted password": PLANTED,
        **{f"the secret of callback path {n}": p["callback_url"][-32:] for n, p in enumerate(prompts)},
    }


async def test_no_secret_leaves_by_any_sink(town: Town) -> None:
    config = str(town.folder / "wakala.toml")
    gateway = town.launch([*WAKALA, "-c", config, "serve", "--log-level", "debug"])
    await town.is_serving(gateway)
    seen: dict[str, str] = {}

    auth = await town.ask(gateway, "auth")
    token = auth.body["Data"]["AccessToken"]
    await town.register(PAYBILL)
    await town.autopilot(pay=1)
    assert (await town.pay(gateway, "PAID")).status == 202
    await town.autopilot(cancel=1)
    assert (await town.pay(gateway, "CANCELLED", Amount=20)).status == 202
    await town.is_told("PAID", "CANCELLED")

    # Bad requests that carry secrets, wrong credentials, a forged callback, a refused token, an endpoint that echoes.
    for body in ({"Password": PLANTED, "RequestID": "BAD"}, {"ConsumerSecret": PLANTED, "Amount": "x"}):
        answer = await town.ask(gateway, "lnm/customerpaybill", body)
        assert answer.status == 422
        seen[f"the answer to {next(iter(body))}"] = json.dumps(answer.body)
    forged = {"Authorization": "Bearer " + PLANTED}
    url = f"{gateway.api}/requests/PAID"
    async with town.session.get(url, headers=forged) as refused:
        assert refused.status == 401
        seen["the answer to a forged token"] = await refused.text()
    prompts = await town.prompts()
    async with town.session.post(prompts[0]["callback_url"], data=b'{"Password":"' + PLANTED.encode() + b'"}') as odd:
        assert odd.status == 200
    stranger = prompts[0]["callback_url"][:-32] + "0" * 32
    async with town.session.post(stranger, data=f"pin={PLANTED}") as unknown:
        assert unknown.status == 404
        seen["the answer to a stranger"] = await unknown.text()
    await town.autopilot(pay=1)
    await town.fault("stk_push", "refused_token")
    assert (await town.pay(gateway, "REFRESHED", Amount=30, SenderMSISDN="0722000001")).status == 202
    town.merchant.replies += [500]
    assert (await town.pay(gateway, "RETRIED", Amount=40, SenderMSISDN="0722000002")).status == 202
    await town.is_told("REFRESHED", "RETRIED")
    await town.is_delivered(gateway, "RETRIED")

    for request_id in ("PAID", "CANCELLED", "REFRESHED", "RETRIED"):
        trace = await town.trace(gateway, request_id)
        page_url = trace.pop("TraceURL")
        seen[f"the trace of {request_id}"] = json.dumps(trace)
        async with town.session.get(page_url) as page:
            assert page.status == 200
            seen[f"the page of {request_id}"] = await page.text()
    for command in (
        ["trace", "PAID"],
        ["requests"],
        ["notifications"],
        ["quarantine"],
        ["shortcode", "list"],
        ["doctor"],
    ):
        done = await town.run(*command, "--json")
        seen["wakala " + " ".join(command)] = done.out + done.err
    for note in town.merchant.notes:
        seen[f"notification {note.id}"] = json.dumps(note.body)
    await gateway.program.terminate()
    seen["the log"] = gateway.program.said
    assert "put in quarantine" in seen["the log"]

    secrets = masked_secrets(town, await town.prompts(), token)
    for name in ("wakala.db", "wakala.db-wal"):
        if (town.folder / name).exists():
            seen[name] = (town.folder / name).read_bytes().decode("latin-1")
    assert "CANCELLED" in seen["wakala.db"]  # the search does read what is stored
    leaks = [f"{secret} in {sink}" for secret, value in secrets.items() for sink, text in seen.items() if value in text]
    assert not leaks


async def test_the_database_keeps_that_something_was_taken_out(town: Town) -> None:
    gateway = await town.serve()
    await town.autopilot(pay=1)
    assert (await town.pay(gateway, "PAID")).status == 202
    await town.is_told("PAID")
    trace = await town.trace(gateway, "PAID")
    push = next(entry for entry in trace["Entries"] if entry["Name"] == "stk_push")
    body = json.loads(push["RequestBody"])
    assert body["Password"] == "[secret]"
    assert body["CallBackURL"].endswith("/[secret]")
    assert body["Amount"] in {150, "150"}


async def test_a_key_file_that_others_can_read_stops_the_start(town: Town) -> None:
    (town.folder / "wakala.key").chmod(0o640)
    gateway = town.launch()
    assert await gateway.program.ended() == 1
    assert "chmod 600" in gateway.program.said
