"""mainfinity-django-mpesa as its documents set it up: gunicorn, two workers, PostgreSQL, callbacks handled in place.

Both workers share the core that a Wakala process has to itself. It is a library inside a shop, so nobody has to be
notified: a payment is done when its callback was answered. Wakala's is done when the merchant has been told as well.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway import Running
from installs import installed
from lean_http import JSON
from machine import server
from services.ports import free_port
from targets import Target

HERE = Path(__file__).resolve().parent
IN_FLIGHT = 32  # more only wait: each of the two workers does one thing at a time
WORKERS = 2
SETUP_TIMEOUT_S = 60


@contextmanager
def mainfinity(folder: Path, database_url: str) -> Iterator[Running]:
    """The app for as long as the block lasts, on an empty database."""
    place = installed("mainfinity", HERE / "mainfinity.lock")
    port, peer_port = free_port(), free_port()
    environment = {
        "DJANGO_SETTINGS_MODULE": "mainfinity_app.settings",
        "PYTHONPATH": str(HERE),
        "PEER_DATABASE": database_url,
        "PEER_PORT": str(port),
        "PEER_MPESA": f"http://127.0.0.1:{peer_port}",
        "PEER_CACHE": tempfile.mkdtemp(dir=folder),
    }
    made = subprocess.run(
        [str(place / "bin" / "python"), "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0"],
        check=False,
        capture_output=True,
        text=True,
        timeout=SETUP_TIMEOUT_S,
        env={**os.environ, **environment},
    )
    if made.returncode:
        raise RuntimeError(f"The Django app could not be set up: {made.stderr[-2000:]}")
    command = [str(place / "bin" / "gunicorn"), "mainfinity_app.wsgi", "--workers", str(WORKERS)]
    command += ["--bind", f"127.0.0.1:{port}", "--backlog", "2048", "--log-level", "error"]
    with server(command, port, folder / "mainfinity.log", environment) as process:
        yield Running(process.pid, port, peer_port, Target(b"/pay", JSON))
