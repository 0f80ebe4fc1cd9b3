"""A URL's test names no private address to an app; neither does the record of an attempt at it."""

from pathlib import Path

import pytest

from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import noted
from services.gateway import SANDBOX, running_gateway
from wakala.outgoing import dialling
from wakala.rules.delivery import DeliveryState


async def test_where_a_name_leads_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: object) -> list[str]:
        return ["10.77.1.9"]

    monkeypatch.setattr(dialling, "resolve", resolve)
    async with running_gateway(tmp_path, deliveries={"private_targets": []}) as house:
        await house.autopilot("pay")
        await house.push("LOOK", CallbackUrl="http://ledger.bank.internal/hook")
        note = await noted(house, "LOOK", DeliveryState.WAITING, attempts=1)
        for path in (f"notifications/{note.id}", "requests/LOOK/trace", "endpoints"):
            answer = await house.get(f"{SANDBOX}/{path}")
            assert answer.status_code == 200
            assert "10.77.1.9" not in answer.text
        assert "ledger.bank.internal leads to a private or reserved address" in (note.last_error or "")
