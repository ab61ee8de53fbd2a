#!/bin/sh
# Makes .venv from requirements-dev.txt, every file checked by its hash; does nothing while the lock is the same.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

version() {
    "$1" -c 'import sys; print(*sys.version_info[:2], sep=".")' 2>/dev/null
}

command -v "$python" >/dev/null 2>&1 || fail "Mailhub needs Python 3.11 or newer; there is no '$python' here."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail \
    "Mailhub needs Python 3.11 or newer; '$python' is $(version "$python")." \
    "If a newer one is installed, name it: make PYTHON=python3.12 ..."

wanted=$({ version "$python"; cat requirements-dev.txt; } | "$python" -c \
    'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
usable=no
[ "$(version .venv/bin/python)" = "$(version "$python")" ] && .venv/bin/python -c 'import pip' 2>/dev/null && usable=yes
[ $usable = yes ] && [ "$(cat .venv/lock.stamp 2>/dev/null)" = "$wanted" ] && exit 0

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing python3-venv ..."
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y python3-venv; } >/dev/null || true
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail \
    "'$python' cannot make virtual environments. On Debian or Ubuntu: sudo apt-get install python3-venv"

echo "Installing the Python packages into .venv (a minute or two) ..."
[ $usable = yes ] || "$python" -m venv --clear .venv
rm -f .venv/lock.stamp
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps \
    -r requirements-dev.txt
echo "$wanted" >.venv/lock.stamp
