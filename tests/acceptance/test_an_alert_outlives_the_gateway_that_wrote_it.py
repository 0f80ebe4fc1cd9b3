"""A gateway that dies before it could tell: what it wrote is told by the next one, as the same alert."""

import json

from services.town import Town
from services.waiting import until
from simulator.box import running_merchant

HOOK = "/hook"


async def test_what_a_killed_gateway_had_to_tell_is_told_by_the_next(town: Town) -> None:
    async with running_merchant() as chat:
        chat.replies[HOOK] = (503, {})
        told_at = {"alerts__url": chat.url + HOOK, "alerts__answer_limit_s": "1"}
        gateway = await town.serve(**told_at)
        await town.autopilot(pay=1)
        town.merchant.replies += [410]
        await town.pay(gateway, "ORDER-1")
        await until(lambda: bool(chat.at(HOOK)), "a try to tell of the endpoint that is disabled")
        await gateway.program.kill()
        chat.replies.clear()
        first_id = chat.at(HOOK)[0].headers["webhook-id"]

        await town.serve(**told_at)
        await until(lambda: len(chat.at(HOOK)) > 1, "the same, told by the next gateway")
        again = chat.at(HOOK)[1]
        assert again.headers["webhook-id"] == first_id
        assert json.loads(again.body)["type"] == "endpoint.disabled"

        async def is_in_the_list() -> bool:
            (alert,) = await town.told("alert", "list", "--json")
            return bool(alert["ToldAt"]) and alert["AlertID"] == first_id

        await until(is_in_the_list, "an alert that is known to be told")
