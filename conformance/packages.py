"""The suites and clients themselves: fetched in pinned versions, checked against their hashes, never changed."""

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "conformance"
INSTALL_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Packages:
    """Where they are: an interpreter with the Python clients, Daraja SDK's sdist unpacked, and ``node_modules``."""

    python: Path
    sdist: Path
    node_modules: Path


def fetch() -> Packages:
    """Install what is missing; a second call finds its stamp and does nothing."""
    packages = Packages(BUILD / "python" / "bin" / "python", BUILD / "daraja_sdk_py-2.0.0", BUILD / "node_modules")
    locks = [HERE / "requirements.lock", HERE / "node" / "package-lock.json", HERE / "node" / "ngrok" / "index.js"]
    stamp = BUILD / f"ready-{sha256(b''.join(lock.read_bytes() for lock in locks)).hexdigest()[:16]}"
    if not stamp.exists():
        shutil.rmtree(BUILD, ignore_errors=True)
        BUILD.mkdir(parents=True)
        _fetch_python(packages)
        _fetch_node()
        stamp.touch()
    return packages


def _fetch_python(packages: Packages) -> None:
    print("Fetching the Python clients ...", flush=True)
    _run(sys.executable, "-m", "venv", str(BUILD / "python"))
    pip = [str(packages.python), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    lock = HERE / "requirements.lock"
    _run(*pip, "install", "--require-hashes", "-r", str(lock))
    # The tests of daraja-sdk-py are in its sdist only; its line of the lock has the sdist's hash too.
    wanted = BUILD / "sdist.txt"
    wanted.write_text(_lines_of("daraja-sdk-py", lock.read_text()))
    sdist = ["--no-deps", "--no-binary", "daraja-sdk-py", "--no-build-isolation", "--require-hashes"]
    _run(*pip, "download", *sdist, "--dest", str(BUILD), "-r", str(wanted))
    with tarfile.open(BUILD / "daraja_sdk_py-2.0.0.tar.gz") as archive:
        archive.extractall(BUILD, filter="data")


def _lines_of(package: str, lock: str) -> str:
    """One package's lines of a lock file: the name and the hashes that go on below it."""
    lines = lock.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{package}=="))
    end = next(number for number in range(start, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join(lines[start : end + 1]) + "\n"


def _fetch_node() -> None:
    print("Fetching the Node packages ...", flush=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "node" / name, BUILD / name)
    shutil.copytree(HERE / "node" / "ngrok", BUILD / "ngrok")
    # Their own install scripts are not ours to run.
    _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def _run(*command: str) -> None:
    try:
        subprocess.run(command, cwd=BUILD, check=True, timeout=INSTALL_LIMIT_S, env={**os.environ, "CI": "1"})
    except (subprocess.CalledProcessError, FileNotFoundError) as failed:
        raise SystemExit(f"{command[0]} could not fetch the packages of others: {failed}") from None
