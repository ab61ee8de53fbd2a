#!/bin/sh
# Writes both locks: requirements.txt (what runs) and requirements-dev.txt (everything), with hashes, without
# the address of any package index.
set -eu
cd "$(dirname "$0")/.."
compile="--generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-header --quiet --upgrade"
# shellcheck disable=SC2086  # a list of words
.venv/bin/uv pip compile pyproject.toml $compile -o requirements.txt
# shellcheck disable=SC2086
.venv/bin/uv pip compile pyproject.toml --group dev --constraints requirements.txt $compile -o requirements-dev.txt
