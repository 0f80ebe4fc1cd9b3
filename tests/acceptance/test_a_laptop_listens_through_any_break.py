"""`wakala listen` as a process: killed, cut off and refused, it loses nothing and keeps the order."""

import base64
import signal
from pathlib import Path

from services.merchant import Merchant, running_merchant
from services.ports import free_port
from services.programs import WAKALA, Program
from services.town import Town, running_town
from services.waiting import until

AFTER_START = ("--after", "start")
PHONES = [f"07123450{number:02d}" for number in range(20)]


def listen(town: Town, local: Merchant, number: int, *more: str) -> Program:
    key, _, secret = base64.b64decode(town.credentials["Authorization"].partition(" ")[2]).decode().partition(":")
    arguments = ("--forward-to", local.url, "--gateway", town.gateways[-1].url)
    keys = ("--consumer-key", key, "--consumer-secret", secret)
    return Program([*WAKALA, "listen", *arguments, *keys, *more], {}, town.folder / f"listen-{number}.log")


async def listening(town: Town, local: Merchant, number: int, *more: str) -> Program:
    program = listen(town, local, number, *more)
    await until(lambda: "Listening" in program.said, lambda: f"a listener. It said:\n{program.said}")
    return program


async def pay(town: Town, first: int, last: int) -> None:
    """Orders one after another, so that what is told of them has an order."""
    for number in range(first, last):
        request_id = f"L-{number}"
        await town.pay(town.gateways[-1], request_id, SenderMSISDN=PHONES[number])
        await town.has_note("payment.succeeded", request_id)


async def heard(local: Merchant, count: int, program: Program) -> None:
    def all_of_them() -> bool:
        return {f"L-{number}" for number in range(count)} <= set(local.by_request)

    await until(all_of_them, lambda: f"{count} notifications here; there are {list(local.by_request)}\n{program.said}")


async def test_nothing_is_lost_and_the_order_is_kept(tmp_path: Path) -> None:
    async with running_town(tmp_path / "town", "sqlite:///wakala.db") as town, running_merchant() as local:
        local.secret = town.merchant.secret
        await town.serve()
        program = await listening(town, local, 0)
        await pay(town, 0, 2)
        await heard(local, 2, program)

        await program.kill()
        await pay(town, 2, 4)
        program = await listening(town, local, 1)
        await heard(local, 4, program)

        await town.gateways[-1].program.terminate()
        await until(lambda: "cannot be asked" in program.said, "a listener that noticed")
        await town.serve()
        await pay(town, 4, 6)
        await heard(local, 6, program)
        assert "The gateway is back." in program.said

        local.replies += [500, 503]
        await pay(town, 6, 8)
        await heard(local, 8, program)
        assert "(attempt 3)" in program.said

        program.send(signal.SIGINT)
        assert await program.ended() == 0
        assert "Stopped." in program.said
        assert "Traceback" not in program.said

        firsts = list(dict.fromkeys(note.payment["RequestID"] for note in local.notes))
        assert firsts == [f"L-{number}" for number in range(8)]
        assert "L-0  200" in (tmp_path / "town" / "listen-0.log").read_text()
        secret = base64.b64decode(town.credentials["Authorization"].partition(" ")[2]).decode().partition(":")[2]
        assert not [log for log in (tmp_path / "town").glob("*.log") if secret in log.read_text()]


async def test_who_began_at_a_place_of_his_own_is_told_how_to_go_on_there(tmp_path: Path) -> None:
    """The gateway's cursor never goes back: without the place he would go on where he had been before."""
    async with running_town(tmp_path / "town", "sqlite:///wakala.db") as town, running_merchant() as local:
        local.secret = town.merchant.secret
        await town.serve()
        await pay(town, 0, 1)
        sentences = {(): "`wakala listen` goes on after ntf_", AFTER_START: "`wakala listen --after ntf_"}
        for number, (more, told) in enumerate(sentences.items()):
            program = await listening(town, local, number, *more)
            if more:
                await heard(local, 1, program)
            program.send(signal.SIGINT)
            assert await program.ended() == 0
            assert told in program.said


async def test_what_another_gateway_process_stages_is_heard_too(tmp_path: Path, postgres_url: str) -> None:
    async with running_town(tmp_path / "town", postgres_url) as town, running_merchant() as local:
        local.secret = town.merchant.secret
        first = await town.serve()
        await town.serve(free_port())
        program = await listening(town, local, 0)  # at the second
        await town.pay(first, "L-0")
        await heard(local, 1, program)
        program.send(signal.SIGTERM)
        assert await program.ended() == 0


async def test_a_wrong_key_ends_it_with_a_sentence(tmp_path: Path) -> None:
    async with running_town(tmp_path / "town", "sqlite:///wakala.db") as town, running_merchant() as local:
        gateway = await town.serve()
        arguments = ("listen", "--forward-to", local.url, "--gateway", gateway.url)
        refused = await town.run(*arguments, "--consumer-key", "nobody", "--consumer-secret", "wrong")
        assert refused.code == 3
        assert "turns this app away" in refused.err
        assert (await town.run(*arguments)).code == 1
