"""Children of the demonstration: watched, and ended with it, politely and then hard."""

import os
import signal
import socket
from pathlib import Path

import pytest

from services import ports
from wakala.demo import processes
from wakala.demo.calls import call, until
from wakala.demo.processes import Child, Children, free_port
from wakala.errors import OperatorError

DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def serve(children: Children, folder: Path) -> tuple[Child, str]:
    port = ports.free_port()
    arguments = ["http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    return children.start("files", arguments), f"http://127.0.0.1:{port}/"


def test_a_child_is_waited_for_and_ends_with_the_block(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child, url = serve(children, tmp_path)
        children.wait_until_ready(child, url)
        assert call("GET", url).status == 200
    assert not is_alive(child.process.pid)
    assert child.process.returncode == -signal.SIGTERM


def test_children_end_when_the_block_breaks_off(tmp_path: Path) -> None:
    children = Children(tmp_path)

    def break_off() -> None:
        with children:
            serve(children, tmp_path)
            started.extend(child.process.pid for child in children.running)
            raise KeyboardInterrupt

    started: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert started
    assert not any(is_alive(pid) for pid in started)


def test_a_child_that_does_not_listen_to_reason_is_ended_hard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GOODBYE_LIMIT_S", 0.2)
    (tmp_path / "deaf.py").write_text(DEAF)
    with Children(tmp_path) as children:
        child = children.start("deaf", ["deaf"], {"PYTHONPATH": str(tmp_path)})
        assert until(lambda: True if "deaf" in child.log.read_text() else None, 10)
    assert child.process.returncode == -signal.SIGKILL


def test_a_child_that_falls_over_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text("print('one'); raise SystemExit('the disk is full')")
    with Children(tmp_path) as children:
        child = children.start("till", ["faulty"], {"PYTHONPATH": str(tmp_path)})
        with pytest.raises(OperatorError, match=r"The till ended by itself \(exit 1\)(.|\n)*the disk is full"):
            children.wait_until_ready(child, "http://127.0.0.1:9/")


def test_a_taken_port_is_left_to_its_owner() -> None:
    preferred = ports.free_port()
    assert free_port(preferred) == preferred
    with socket.create_server(("127.0.0.1", preferred)):
        assert free_port(preferred) in range(preferred + 10, preferred + 500, 10)


def test_a_failed_command_is_named_without_its_secrets() -> None:
    with pytest.raises(OperatorError) as refused:
        processes.wakala("shortcode", "add", "--number", "1", "--passkey", "hush-hush", "--no-such-option")
    assert "`wakala shortcode add` failed" in refused.value.sentence
    assert "hush-hush" not in refused.value.sentence
