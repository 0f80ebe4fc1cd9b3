"""Bill Manager tells its key once, in its answer to the opt-in; the database may be away in that moment."""

from pathlib import Path

import pytest

from services.gateway import SANDBOX, House, basic, running_gateway
from wakala.errors import DatabaseAwayError

MEMBER = {"RequestID": "JOIN", "Email": "bills@example.org", "OfficialContact": "0712345678"}


def goes_away_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = house.gateway.journal.keep_bill_key

    async def keep_bill_key(shortcode_id: str, sealed: str) -> None:
        monkeypatch.setattr(house.gateway.journal, "keep_bill_key", keep)
        raise DatabaseAwayError

    monkeypatch.setattr(house.gateway.journal, "keep_bill_key", keep_bill_key)


async def test_the_opt_in_is_written_once_the_database_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_gateway(tmp_path) as house:
        goes_away_once(house, monkeypatch)
        answer = await house.client.post(f"{SANDBOX}/billmanager/optin", json=MEMBER, headers=basic(house.app))
        assert answer.status_code == 503

        assert (await house.request_in("JOIN", "succeeded", "failed"))["State"] == "succeeded"
        [shortcode] = await house.gateway.journal.shortcodes()
        assert shortcode.bill_key
