"""`scripts/setup.sh networks` installs what is missing as root; without root or packages a run does without."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[1] / "scripts" / "setup.sh"
OF_THE_SYSTEM = ("bash", "dirname", "uname")
INSTALL = "install --no-install-recommends iproute2 util-linux"


@dataclass
class Machine:
    """Programs in one folder, which is all that is found; apt writes down what it is asked for."""

    folder: Path

    def has(self, name: str, script: str = "") -> None:
        file = self.folder / name
        file.write_text(f"#!{shutil.which('bash')}\n{script}\n")
        file.chmod(0o755)

    @property
    def installed(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def set_up(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "bash"), str(SETUP), "networks"],
            env={"PATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Root's, with apt and without any of the three programs."""
    made = Machine(tmp_path)
    for name in OF_THE_SYSTEM:
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    made.has("id", "echo 0")
    made.has("apt-cache")
    made.has("apt-get", f'echo "$@" >>{tmp_path}/log')
    return made


def test_what_is_missing_is_installed(machine: Machine) -> None:
    for name in ("nsenter", "unshare"):
        machine.has(name)
    assert machine.set_up().returncode == 0
    assert INSTALL in machine.installed


def test_what_is_there_is_not_installed_again(machine: Machine) -> None:
    for name in ("ip", "nsenter", "unshare"):
        machine.has(name)
    done = machine.set_up()
    assert (done.returncode, done.stderr, machine.installed) == (0, "", "")


def test_who_is_not_root_does_without(machine: Machine) -> None:
    machine.has("id", "echo 1000")
    done = machine.set_up()
    assert (done.returncode, done.stderr, machine.installed) == (0, "", "")


def test_where_there_is_no_apt_a_run_does_without(machine: Machine) -> None:
    (machine.folder / "apt-get").unlink()
    done = machine.set_up()
    assert (done.returncode, done.stderr) == (0, "")


def test_packages_that_cannot_be_had_stop_nothing(machine: Machine) -> None:
    machine.has("apt-get", "exit 100")
    done = machine.set_up()
    assert done.returncode == 0
    assert "Going on without" in done.stderr
