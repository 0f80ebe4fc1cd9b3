"""``wakala demo`` as a newcomer runs it: real processes, real ports, one paid order, nothing left behind."""

import fcntl
import json
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from wakala.demo.calls import call
from wakala.demo.demo import GATEWAY_PORT, MARK, run


def nobody_listens_at(url: str) -> bool:
    try:
        call("GET", url)
    except OSError:
        return True
    return False


def test_once_pays_an_order_through_every_part_and_leaves_nothing_running(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        taken = stack.enter_context(socket.socket())  # another program has the preferred port
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", GATEWAY_PORT))
            taken.listen()
        except OSError:
            pass  # it is taken already, which is what this test wants
        status = run(once=True, folder=tmp_path / "demo", json_output=True)
    out, err = capfd.readouterr()
    assert status == 0, err
    shown = json.loads(out)
    trace = shown["Trace"]
    assert (shown["State"], trace["Amount"], trace["Shortcode"]) == ("succeeded", 150, "600984")
    assert trace["MpesaReceiptNumber"]
    assert {"api_request", "stk_push", "stk_callback", "delivery"} <= {entry["Name"] for entry in trace["Entries"]}
    assert [note["Type"] for note in trace["Notifications"]] == ["payment.succeeded"]
    also = {one["RequestID"]: one for one in shown["Also"]}
    assert {name: one["State"] for name, one in also.items()} == dict.fromkeys(
        ("DEMO-PAYOUT", "DEMO-REVERSAL", "DEMO-BALANCE"), "succeeded"
    )
    assert also["DEMO-PAYOUT"]["MpesaReceiptNumber"]
    assert also["DEMO-BALANCE"]["ResultData"]["AccountBalances"]
    assert nobody_listens_at(next(e["URL"] for e in trace["Entries"] if e["Name"] == "delivery"))
    assert (
        f"order {shown['RequestID']}: told payment.succeeded, is paid" in (tmp_path / "demo/logs/shop.log").read_text()
    )


def test_a_second_run_starts_fresh_in_the_same_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / MARK).touch()
    (folder / "wakala.toml").write_text("of the run before")
    assert run(once=True, folder=folder) == 0
    out, err = capfd.readouterr()
    assert "succeeded, KES 150" in out
    assert "Utility" in out
    assert "Ordered, approved, notified, paid" in err


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("dear")
    tmp_path.chmod(0o755)
    assert run(once=True, folder=tmp_path) == 1
    assert letter.read_text() == "dear"
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert "files that no demo made" in capfd.readouterr().err


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wakala.db").write_text("in use")
    with (tmp_path / MARK).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert run(once=True, folder=tmp_path) == 1
    assert (tmp_path / "wakala.db").read_text() == "in use"
    assert "Another demo runs" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stays_until_a_signal_ends_it_and_its_children(tmp_path: Path, number: signal.Signals) -> None:
    arguments = [sys.executable, "-m", "wakala", "demo", "--json", "--folder", str(tmp_path / "demo")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout
            shown = ""
            while not shown.endswith("}\n"):
                shown += demo.stdout.readline()
                assert demo.poll() is None
            addresses = json.loads(shown)
            assert call("GET", addresses["shop"]).status == 200
        finally:
            demo.send_signal(number)
        assert demo.wait(20) == 0
    for name in ("gateway", "shop", "simulator"):
        assert nobody_listens_at(addresses[name])
