"""Programs of others, measured beside ours: each in a virtual environment of its own, by the hashes of a lock."""

import hashlib
import subprocess
import venv
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / "build"
INSTALL_TIMEOUT_S = 300


def installed(name: str, lock: Path) -> Path:
    """The environment of this lock below ``build/``; made once, which takes some seconds and the package index."""
    place = BUILD / name
    ready = place / f".ready-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    if not ready.exists():
        print(f"Installing {name}, the first time only ...", flush=True)
        venv.create(place, clear=True, with_pip=True)
        command = [str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        command += ["--require-hashes", "--requirement", str(lock)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
        if done.returncode:
            raise RuntimeError(f"{name} could not be installed: {done.stderr[-2000:]}")
        ready.touch()
    return place
