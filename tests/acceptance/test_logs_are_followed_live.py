"""`wakala logs tail` as a process beside a gateway: each exchange once, as it ends, filtered, without secrets."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from services.postgres import postgres_server
from services.programs import WAKALA, Program
from services.town import Town, running_town
from services.waiting import until


def tail(town: Town, number: int, *arguments: str) -> Program:
    config = ("-c", str(town.folder / "wakala.toml"))
    return Program([*WAKALA, *config, "logs", "tail", *arguments], {}, town.folder / f"tail-{number}.log")


def lines(program: Program) -> list[dict[str, Any]]:
    return [json.loads(line) for line in program.said.splitlines() if line.startswith("{")]


def start() -> str:
    return "start"


async def test_each_exchange_is_shown_once_as_it_ends(tmp_path: Path) -> None:
    async with running_town(tmp_path / "town", "sqlite:///wakala.db") as town:
        gateway = await town.serve()
        all_of_it = tail(town, 0, "--json", "--after", start())
        failed = tail(town, 1, "--failed", "--after", start())
        await town.pay(gateway, "T-1")
        await town.has_note("payment.succeeded", "T-1")
        town.merchant.replies += [500]
        await town.pay(gateway, "T-2", SenderMSISDN="254712345679")

        def names() -> set[tuple[str | None, str]]:
            return {(one["RequestID"], one["Name"]) for one in lines(all_of_it)}

        wanted = {(request, name) for request in ("T-1", "T-2") for name in ("api_request", "stk_callback", "delivery")}
        await until(lambda: wanted <= names(), lambda: f"{wanted - names()} in\n{all_of_it.said}")
        await until(lambda: " 500 " in failed.said, lambda: f"a failed delivery in\n{failed.said}")
        one_of_them = tail(town, 2, "--json", "--request", "T-2", "--kind", "delivery", "--after", start())
        await until(lambda: len(lines(one_of_them)) == 2, lambda: f"two deliveries in\n{one_of_them.said}")

        for program in (all_of_it, failed, one_of_them):
            program.send(signal.SIGINT)
            assert await program.ended() == 0
        assert all_of_it.said.startswith("Following what goes in and out; Ctrl-C ends it.\n")
        ids = [one["ID"] for one in lines(all_of_it)]
        assert len(ids) == len(set(ids))
        assert all(one["Status"] or one["Error"] for one in lines(all_of_it))
        assert {one["RequestID"] for one in lines(one_of_them)} == {"T-2"}
        assert "254712345679" not in all_of_it.said
        secret = town.credentials["Authorization"].partition(" ")[2]
        assert secret not in all_of_it.said

        cursor = all_of_it.said.rpartition("--after ")[2].strip()
        await town.pay(gateway, "T-3", SenderMSISDN="0712345670")
        again = tail(town, 3, "--json", "--after", cursor)
        await until(lambda: "T-3" in {one["RequestID"] for one in lines(again)}, lambda: f"T-3 in\n{again.said}")
        again.send(signal.SIGTERM)
        assert await again.ended() == 0


@pytest.mark.parametrize(
    ("arguments", "code"), [(("--app", "nobody"), 4), (("--request", "NEVER"), 4), (("--after", "zzz"), 1)]
)
async def test_a_filter_that_fits_nothing_is_refused(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    async with running_town(tmp_path / "town", "sqlite:///wakala.db") as town:
        ended = await town.run("logs", "tail", *arguments)
        assert ended.code == code


async def test_a_database_that_is_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    with postgres_server() as server, server.database() as url:
        async with running_town(tmp_path / "town", url) as town:
            gateway = await town.serve()
            program = tail(town, 0, "--json", "--after", start())
            await town.pay(gateway, "T-1")
            await until(lambda: "T-1" in program.said, lambda: f"T-1 in\n{program.said}")
            server.stop_at_once()
            await until(lambda: "Still following." in program.said, lambda: f"a word about it in\n{program.said}")
            server.start()
            assert not program.has_ended()

            async def is_taken() -> bool:
                return (await town.pay(gateway, "T-2", SenderMSISDN="254712345679")).status == 202

            await until(is_taken, "a gateway that takes requests again")
            await until(lambda: "T-2" in program.said, lambda: f"T-2 in\n{program.said}")
            program.send(signal.SIGINT)
            assert await program.ended() == 0
            assert "To go on: --after xch_" in program.said
