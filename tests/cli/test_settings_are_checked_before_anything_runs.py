from pathlib import Path

import pytest

from wakala.config import load, master_key, write_private
from wakala.errors import ConfigurationError, LooseSecretError
from wakala.rules.endpoints import STEP_LIMIT_S
from wakala.runtime import SECOND_US, horizon

KEY = "ab" * 32


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "wakala.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def refusal(path: Path | None, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(path, environment or {})
    return caught.value.sentence


@pytest.mark.parametrize(
    ("text", "wrong", "meant"),
    [
        ("[server]\nprot = 1", "prot", "port"),
        ("[sever]\nport = 1", "sever", "server"),
        ("[database]\nurll = ''", "urll", "url"),
        ("[deliveries]\nprivate_target = []", "private_target", "private_targets"),
    ],
)
def test_an_unknown_name_is_refused_with_the_one_that_was_meant(
    tmp_path: Path, text: str, wrong: str, meant: str
) -> None:
    sentence = refusal(written(tmp_path, text))
    assert wrong in sentence
    assert f"Did you mean {meant}?" in sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nport = 'x'", "port"),
        ("server = 3", "server"),
        ("[server", "not valid TOML"),
        ("[server]\npublic_url = 'pay.example.co.ke'", "server.public_url: 'pay.example.co.ke' cannot be called"),
        ("[daraja]\nsandbox_url = 'ftp://x'", "daraja.sandbox_url: 'ftp://x' cannot be called"),
        ("[server]\ntrusted_proxies = ['banana']", "server.trusted_proxies: 'banana' is no network"),
        ("[deliveries]\nprivate_targets = ['10.0.0.0/99']", "deliveries.private_targets"),
        ("[daraja]\nbill_manager_prefix = 'v1/bills'", "daraja.bill_manager_prefix: 'v1/bills' is no path"),
        ("[daraja]\nbill_manager_prefix = '/v1/bills/'", "without a last slash"),
        ("[daraja]\nbill_manager_prefix = ''", "Write it as /v1/billmanager-invoice"),
        ("[server]\nleave_s = 30", "server.leave_s (30) is part of server.graceful_stop_s (30): make it shorter"),
        ("[deliveries]\nlease_s = 15", "deliveries.answer_limit_s (15) must be shorter than deliveries.lease_s (15)"),
        ("[deliveries]\nvalidation_limit_s = 8", "must be shorter than the 8 s that M-Pesa waits"),
        ("[daraja]\nanswer_limit_s = 60", "answer_limit_s (60) must be shorter than finisher.send_lease_s (60)"),
        ("[finisher]\nsend_lease_s = 30", "answer_limit_s (30) must be shorter than finisher.send_lease_s (30)"),
        ("[finisher]\nschedule_s = [20, 20]", "finisher.schedule_s must rise from question to question"),
        ("[finisher]\nschedule_s = [0, 20]", "finisher.schedule_s must rise"),
        ("[finisher]\nexpire_s = 900", "finisher.expire_s (900) must lie after the last of them"),
        ("[pull]\ninterval_s = 172_680", "pull.interval_s (172680) and pull.settle_s (120) together must be shorter"),
        ("[pull]\nlook_back_s = 720", "than pull.look_back_s (720), or payments between two readings are never seen"),
        ("[deliveries]\nlane_limit = 0", "deliveries.lane_limit must be 1 or more"),
        ("[database]\nurl = 'mysql://x'", "sqlite:/// or postgresql://"),
        ("[retention]\nundelivered_days = -1", "undelivered_days (-1) must be a number from 0 to 1,000,000,000. 0 is"),
        ("[retention]\nexchanges_days = nan", "retention.exchanges_days (nan)"),
        ("[deliveries]\nschedule_s = [5, -1]", "deliveries.schedule_s (-1) must be a number from 0 to 1,000,000,000."),
        ("[server]\ngraceful_stop_s = inf", "server.graceful_stop_s (inf)"),
        ("[server]\ngraceful_stop_s = 1e12", "server.graceful_stop_s (1e+12)"),
        ("[callbacks]\nspill_limit_mib = 1e13", "callbacks.spill_limit_mib (1e+13)"),
        ("[database]\nurl = 'postgresql://[::1/wakala'", "database.url is no URL: write it as"),
        ("[daraja]\nanswer_limit_s = -1", "daraja.answer_limit_s (-1)"),
        ("[server]\nport = 0", "server.port (0) must be a number from 1 to 65535."),
        ("[server]\nport = 65536", "server.port (65536) must be a number from 1 to 65535."),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(written(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "[daraja]\nanswer_limit_s = 59",
        "[finisher]\nschedule_s = []",
        "[finisher]\nexpire_s = 901",
        "[pull]\ninterval_s = 172_679",
    ],
)
def test_what_is_shorter_by_a_second_is_taken(tmp_path: Path, text: str) -> None:
    load(written(tmp_path, text), {})


def test_one_attempt_and_no_other_is_a_schedule_too(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "[deliveries]\nschedule_s = []"), {})
    assert horizon(settings).due_us == 2 * STEP_LIMIT_S * SECOND_US


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.write_bytes(b"\xff\xfe\x00")
    assert "not valid TOML" in refusal(path)


def test_no_configuration_says_how_to_make_one(tmp_path: Path) -> None:
    assert "wakala init" in refusal(tmp_path / "wakala.toml")
    assert "wakala init" in refusal(tmp_path)


def test_the_environment_lies_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[server]\nport = 1\nhost = '10.0.0.1'")
    environment = {
        "WAKALA__SERVER__PORT": "8081",
        "WAKALA__SERVER__TRUSTED_PROXIES": "10.0.0.0/8, 192.168.0.1",
        "WAKALA__FINISHER__SCHEDULE_S": "1,2.5",
        "WAKALA__DELIVERIES__PRIVATE_TARGETS": "",
        "PATH": "/bin",
    }
    settings = load(path, environment)
    assert (settings.server.port, settings.server.host) == (8081, "10.0.0.1")
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "192.168.0.1")
    assert settings.finisher.schedule_s == (1, 2.5)
    assert settings.deliveries.private_targets == ()


@pytest.mark.parametrize(
    "environment",
    [
        {"WAKALA__SERVER__PROT": "1"},
        {"WAKALA__SERVER__PORT": "x"},
        {"WAKALA__SERVER": "x"},
        {"WAKALA__SERVER__PORT__X": "1"},
        {"WAKALA__": "x"},
    ],
)
def test_a_wrong_variable_is_refused_with_a_sentence(tmp_path: Path, environment: dict[str, str]) -> None:
    assert refusal(written(tmp_path, "[server]\nport = 1"), environment)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_key_file_that_others_may_touch_stops_the_start(tmp_path: Path, mode: int) -> None:
    settings = load(written(tmp_path, ""), {})
    write_private(settings.key_path, KEY)
    assert master_key(settings).value == bytes.fromhex(KEY)
    settings.key_path.chmod(mode)
    with pytest.raises(LooseSecretError) as caught:
        master_key(settings)
    assert f"chmod 600 {settings.key_path}" in caught.value.sentence
    assert f"{mode:04o}" in caught.value.sentence
    assert KEY not in caught.value.sentence


@pytest.mark.parametrize("content", ["", "ab", "zz" * 32, "ab" * 31, "ab" * 33, "ab " * 40])
def test_a_key_file_with_something_else_in_it_stops_the_start(tmp_path: Path, content: str) -> None:
    settings = load(written(tmp_path, ""), {})
    write_private(settings.key_path, content)
    with pytest.raises(ConfigurationError) as caught:
        master_key(settings)
    assert "64 hex digits" in caught.value.sentence
    assert not content or content not in caught.value.sentence


def test_no_key_file_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="restore it from your backup"):
        master_key(load(written(tmp_path, ""), {}))


def test_a_file_with_the_databases_password_must_be_private(tmp_path: Path) -> None:
    text = "[database]\nurl = 'postgresql://wakala:hunter2@db/wakala'"
    assert load(written(tmp_path, text), {}).database.url.endswith("@db/wakala")
    with pytest.raises(LooseSecretError) as caught:
        load(written(tmp_path, text, 0o640), {})
    assert "chmod 600" in caught.value.sentence
    assert "hunter2" not in caught.value.sentence
    load(written(tmp_path, "[database]\nurl = 'postgresql://db/wakala'", 0o644), {})


def test_a_private_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, "first")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_private(path, "second")
    assert path.read_text() == "first"
