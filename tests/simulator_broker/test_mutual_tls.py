"""Over real sockets: only the caller's good certificate opens the Broker, and each bad one is refused."""

import ssl

import httpx2
import pytest

from simulator_broker.soap_box import Broker
from wakala.simulator.broker.certificates import CertificateFolderError, Certificates, provide


async def test_the_good_certificate_is_let_in_and_the_call_is_answered(broker: Broker) -> None:
    answer = await broker.ask("b2c-01-request-business-payment")
    assert answer.status_code == 200
    assert "<ResponseCode>0</ResponseCode>" in answer.text


@pytest.mark.parametrize("name", ["gateway-expired", "gateway-wrong", "gateway-other"])
async def test_a_bad_certificate_is_refused(broker: Broker, made: Certificates, name: str) -> None:
    async with httpx2.AsyncClient(verify=made.client_context(name)) as client:
        with pytest.raises((httpx2.TransportError, ssl.SSLError)):
            await client.post(f"{broker.machine.broker_at}/mminterface/request", content=b"<a/>")
    assert not list(broker.machine.calls)


async def test_no_certificate_is_refused(broker: Broker, made: Certificates) -> None:
    bare = ssl.create_default_context(cafile=str(made.path("authority")))
    async with httpx2.AsyncClient(verify=bare) as client:
        with pytest.raises((httpx2.TransportError, ssl.SSLError)):
            await client.post(f"{broker.machine.broker_at}/mminterface/request", content=b"<a/>")
    assert not list(broker.machine.calls)


async def test_a_caller_that_trusts_another_authority_refuses_the_broker(broker: Broker, made: Certificates) -> None:
    foreign = ssl.create_default_context(cafile=str(made.path("authority-other")))
    async with httpx2.AsyncClient(verify=foreign) as client:
        with pytest.raises((httpx2.TransportError, ssl.SSLError)):
            await client.post(f"{broker.machine.broker_at}/mminterface/request", content=b"<a/>")


async def test_the_broker_shows_its_own_certificate_when_it_calls_back(broker: Broker) -> None:
    await broker.ask("b2c-01-request-business-payment")
    await broker.caller.received("/broker/result")
    assert isinstance(broker.caller.peers[0], dict)
    assert broker.caller.peers[0]["subject"] == ((("commonName", "broker"),),)


def test_certificates_that_lie_there_are_used_again_and_never_written_over(made: Certificates) -> None:
    before = made.path("authority").read_bytes()
    assert provide(made.folder).path("authority").read_bytes() == before


def test_a_folder_with_only_some_of_the_files_is_left_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("some")
    (folder / "broker.key").write_text("somebody's")
    with pytest.raises(CertificateFolderError, match="not all files"):
        provide(folder)
    assert (folder / "broker.key").read_text() == "somebody's"
