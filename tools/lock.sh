#!/bin/sh
# Writes both locks, with hashes and without the address of any package index: requirements.txt is what production runs,
# requirements-dev.txt adds the extra "local" (embedded servers, demo) and the tools of development.
set -eu
cd "$(dirname "$0")/.."
compile="--generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-header --quiet --upgrade"
# shellcheck disable=SC2086  # a list of words
.venv/bin/uv pip compile pyproject.toml $compile -o requirements.txt
# shellcheck disable=SC2086
.venv/bin/uv pip compile pyproject.toml --extra local --group dev --constraints requirements.txt $compile -o requirements-dev.txt
