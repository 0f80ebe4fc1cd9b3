"""SDKs send again what was busy, under a new ID: so that is said only where nothing can have gone out."""

import asyncio
from pathlib import Path

from services.gateway import running_gateway
from services.postgres import PostgresServer
from services.waiting import until
from web.test_daraja_paths_answer_as_daraja_does import PUSH, post, push_body

HOUR_S = 3_600


async def test_what_m_pesa_took_while_the_database_went_away_is_unknown_and_not_busy(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    with own_server.database() as url:
        async with running_gateway(tmp_path, database_url=url) as house:
            await house.box.fault("stk_push", "slow", delay_ms=HOUR_S * 1_000)
            asked = asyncio.create_task(post(house, PUSH, push_body(house)))
            await until(house.prompts, "a prompt on the phone")
            own_server.stop()
            try:
                await house.box.control("clock", {"advance_seconds": HOUR_S})  # and M-Pesa says that it took it
                answer = await asked
            finally:
                own_server.start()
            assert (answer.status_code, answer.json()["errorCode"]) == (500, "500.003.1001")
            assert house.prompts() == 1
