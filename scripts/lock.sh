#!/usr/bin/env bash
# Writes requirements.lock (product and tests) and requirements-docs.lock from pyproject.toml: versions and hashes,
# never the address they came from. The locking tool gets a virtual environment of its own under build/.
set -euo pipefail
cd "$(dirname "$0")/.."

TOOL=build/lock-tool
if [ ! -x "$TOOL/bin/pip-compile" ]; then
    .venv/bin/python -m venv "$TOOL"
    "$TOOL/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip pip-tools
fi

compile() {
    "$TOOL/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --no-strip-extras --no-header \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links "$@" pyproject.toml
}

# The build backend is locked as well: set-up installs the project itself without fetching anything unchecked.
compile --extra dev --build-deps-for editable --output-file requirements.lock "$@"
# Extras stay in the lock: pip takes the newest of what is only asked for with one, and finds no hash for it. A
# constraint may have none.
sed -E 's/^([a-z0-9._-]+)\[[a-z0-9,._-]+\]==/\1==/' requirements.lock > build/constraints.txt
compile --extra docs --constraint build/constraints.txt --output-file requirements-docs.lock "$@"

# What `make conformance` runs: suites and clients of others, pinned where they are named.
"$TOOL/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --no-strip-extras --no-header \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links "$@" \
    --output-file conformance/requirements.lock conformance/requirements.in
# The Django app that `make bench` measures beside ours.
"$TOOL/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --no-strip-extras --no-header \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links "$@" \
    --output-file benchmarks/peers/mainfinity.lock benchmarks/peers/mainfinity.in
(cd conformance/node && npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error \
    --omit-lockfile-registry-resolved)
# Addresses where one may give money to authors stand in it too, and a lock holds none.
python3 - conformance/node/package-lock.json <<'END'
import json, pathlib, sys

path = pathlib.Path(sys.argv[1])
lock = json.loads(path.read_text())
for package in lock["packages"].values():
    package.pop("funding", None)
path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n")
END
