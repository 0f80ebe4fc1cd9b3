"""The known attacks on XML, at every door that the Broker may call: a fault, kept, and nothing believed."""

import resource

from acceptance.faces import WakalaFace
from broker.conftest import BrokerHouse

LAUGHS = b"<!DOCTYPE l [<!ENTITY a 'ha'>" + b"".join(
    b"<!ENTITY a%d '%s'>" % (n, b"&a%s;" % (str(n - 1).encode() if n > 1 else b"") * 10) for n in range(1, 10)
)
ATTACKS = {
    "external entity": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "external document type": b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'><a/>",
    "billion laughs": LAUGHS + b"]><l>&a9;</l>",
    "quadratic blow-up": b"<!DOCTYPE q [<!ENTITY a '" + b"x" * 50_000 + b"'>]><q>" + b"&a;" * 1_000 + b"</q>",
    "deep nesting": b"<a>" * 20_000,
    "a document type": b"<!DOCTYPE a><a/>",
    "a hundred megabytes": b"<a>" + b"x" * 100_000_000,
    "another encoding declared": b"<?xml version='1.0' encoding='UTF-32'?><a>x</a>",
    "an encoding nobody knows": b"<?xml version='1.0' encoding='rot13'?><a/>",
    "no XML": b"\x00\xff" * 100,
    "nothing": b"",
}
GROWTH_LIMIT_KB = 150_000  # the hundred megabytes are the sender's own; the gateway keeps 64 KiB of them


async def test_each_attack_at_each_door(at_broker: BrokerHouse) -> None:
    house = at_broker.house
    await house.box.fault("b2c", "queue_timeout")
    await WakalaFace().ask(house, "b2c/businesspayment", "P-1")
    payment = await house.gateway.journal.payment_by_request(house.app.app.organisation_id, "sandbox", "P-1")
    assert payment is not None
    url = house.gateway.payments.callback_url
    doors = [url(kind, payment.id) for kind in ("soap_result", "soap_status")]
    doors += [url(kind, at_broker.shortcode.id) for kind in ("soap_c2b_confirmation", "soap_c2b_validation")]
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for door in doors:
        for name, attack in ATTACKS.items():
            if len(attack) > 10_000_000 and door is not doors[0]:
                continue
            answer = await house.client.post(door.removeprefix(house.url), content=attack)
            assert answer.headers["content-type"].startswith("text/xml"), name
            assert b"soapenv:Fault" in answer.content or b"<ResultCode>C2B00016" in answer.content, (door, name)
            assert b"root:" not in answer.content
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < GROWTH_LIMIT_KB
    assert (await house.request("P-1"))["State"] in {"pending", "unknown"}
