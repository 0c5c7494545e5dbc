#!/usr/bin/env bash
# lock.sh: write requirements/lock.txt, with hashes: every package of the core, of the extras, of development, and all
# below torch but not torch itself.
# Packages that are pinned stay at their version; `scripts/lock.sh --upgrade` moves them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/python" -m pip --quiet install pip-tools==7.6.2
CUSTOM_COMPILE_COMMAND="make lock" "$tools/bin/pip-compile" --quiet --extra dev --extra docker --extra litellm --extra nash \
  --allow-unsafe --generate-hashes --strip-extras \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@" \
  --output-file requirements/lock.txt pyproject.toml requirements/torch-needs.in
