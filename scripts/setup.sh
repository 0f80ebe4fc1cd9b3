#!/usr/bin/env bash
# Brings a fresh clone to the point where the Makefile's targets work. A second run finds its stamp and does nothing.
#
#   scripts/setup.sh python                 .venv with the locked packages: all that the demo needs
#   scripts/setup.sh python docs            the same and the documentation's builder
#   scripts/setup.sh postgresql chromium    programs of the tests, from Debian's packages where they are missing
#   scripts/setup.sh node                   Node.js and npm, for the suites of others
#   scripts/setup.sh networks               what gives a gateway a network of its own, where that is allowed
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
VENV=.venv

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# apt_install PACKAGE...: waits for another apt, never asks, refreshes the lists where they are missing or stale.
apt_install() {
    local hint="Install it first (on Debian, as root: apt-get install $*), then run make again."
    command -v apt-get >/dev/null || fail "$* is missing. $hint"
    [ "$(id -u)" = 0 ] || fail "$* is missing and only root can install it. $hint"
    say "Installing $* from Debian's packages ..."
    local apt=(apt-get -q -y -o DPkg::Lock::Timeout=300)
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-cache show "$@" >/dev/null 2>&1 || "${apt[@]}" update
        "${apt[@]}" install --no-install-recommends "$@" ||
            { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"; }
    } >&2 </dev/null || fail "apt-get could not install $*; its own words stand above. $hint"
}

make_venv() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Wakala needs Python 3.11 or newer, and $PYTHON is $("$PYTHON" -V 2>&1). Name another: make PYTHON=python3.13"
    "$VENV/bin/python" -c 'import pip' 2>/dev/null && return
    # Debian keeps the part that puts pip into a virtual environment in a package of its own.
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    say "Making the virtual environment $VENV ..."
    "$PYTHON" -m venv --clear "$VENV"
}

# pip_install LOCK: exactly what the lock file names, each file checked against its hash.
pip_install() {
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$1"
}

stamp_of() { cat "$@" | sha256sum | cut -c1-16; }

setup_python() {
    local stamp
    stamp="$VENV/.ready-$(stamp_of requirements.lock pyproject.toml)"
    [ -e "$stamp" ] && "$VENV/bin/python" -c 'import wakala' 2>/dev/null && return
    make_venv
    say "Installing the locked Python packages (half a minute or so, the first time only) ..."
    pip_install requirements.lock
    # The build backend is locked too, so nothing is fetched for this step.
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --no-deps --no-build-isolation --editable .
    rm -f "$VENV"/.ready-[0-9a-f]*
    touch "$stamp"
}

setup_docs() {
    local stamp
    stamp="$VENV/.docs-ready-$(stamp_of requirements-docs.lock)"
    [ -e "$stamp" ] && return
    say "Installing the documentation's builder ..."
    pip_install requirements-docs.lock
    rm -f "$VENV"/.docs-ready-*
    touch "$stamp"
}

setup_postgresql() {
    command -v initdb >/dev/null && return
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
    # The tests start a server of their own; Debian's package would also make and start one on port 5432.
    local off=/etc/postgresql-common/createcluster.d/wakala-no-main-cluster.conf
    if [ "$(id -u)" = 0 ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p "${off%/*}"
        echo "create_main_cluster = false" >"$off"
        trap 'rm -f '"$off" EXIT
    fi
    apt_install postgresql
}

setup_chromium() {
    command -v chromium >/dev/null || apt_install chromium
}

setup_node() {
    command -v node >/dev/null && command -v npm >/dev/null || apt_install nodejs npm
}

# Only root may make networks. Whoever may not, or gets no packages, does without: proxies cut the connections then.
setup_networks() {
    command -v ip >/dev/null && command -v nsenter >/dev/null && command -v unshare >/dev/null && return
    [ "$(uname)" = Linux ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    (apt_install iproute2 util-linux) || say "Going on without networks of the gateways' own."
}

for part in "$@"; do
    case $part in
        python | docs | postgresql | chromium | node | networks) "setup_$part" ;;
        *) fail "scripts/setup.sh knows python, docs, postgresql, chromium, node and networks, not '$part'." ;;
    esac
done
