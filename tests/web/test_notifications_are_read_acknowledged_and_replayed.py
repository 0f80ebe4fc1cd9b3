"""An app that comes for its notifications gets its own, once each by its cursor, and may have them sent again."""

import os
from pathlib import Path

from deliveries.conftest import Clock
from services.gateway import SANDBOX, House, basic, eventually, is_problem, running_gateway
from wakala.identity import Source

BASE = f"{SANDBOX}/notifications"


async def test_notifications_by_cursor_and_one_by_one(tmp_path: Path) -> None:
    clock = Clock()
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom)) as house:
        await house.autopilot("pay")
        await house.push("N-1")
        await house.merchant.received("/wakala", 1)
        clock.advance(10)
        page = (await house.get(f"{BASE}?consumer=ledger")).json()
        (note,) = page["Notifications"]
        assert note["Body"]["data"]["RequestID"] == "N-1"
        assert (await house.get(f"{BASE}?after={page['After']}")).json()["Notifications"] == []
        read = {"Consumer": "ledger", "Cursor": page["After"]}
        assert (await _post(house, f"{BASE}/acknowledge", read)).json() == read
        assert (await house.get(f"{BASE}?consumer=ledger")).json()["Notifications"] == []
        path = f"{BASE}/{note['NotificationID']}"

        async def delivered() -> bool:
            return bool((await house.get(path)).json()["State"] == "delivered")

        await eventually(delivered)
        window = {"From": "2020-01-01T00:00:00Z", "To": "2090-01-01T00:00:00Z", "States": ["delivered"]}
        assert (await _post(house, f"{BASE}/replay", window)).json() == {"DryRun": True, "Count": 1, "After": None}
        assert (await _post(house, f"{path}/replay", {})).json() == {"Replayed": 1}
        await house.gateway.courier.step()
        await house.merchant.received("/wakala", 2)
        stranger = await house.add_app("demo", "stranger")
        is_problem(await house.get(path, app=stranger), 404)
        is_problem(await _post(house, f"{BASE}/replay", {"From": "x"}), 422)
        is_problem(await house.get(f"{BASE}?after=%00"), 422)


async def _post(house: House, path: str, body: object):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return await house.client.post(path, json=body, headers=basic(house.app))
