#!/usr/bin/env bash
# demo.sh: one discovery run, from two known update rules to an exported optimizer whose evidence is re-checked.
# No key, no network, no GPU. An honest "nothing beats AdamW" is a success.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/.venv/bin:$PATH

say() { printf '\n$ %s\n' "$*"; }
try() { say "$@"; "$@"; }

try discovery run optimizers --seed 0 --max-proposals 200 --max-time 3m
try discovery show @last
try discovery confirm @last --finalists 1
say discovery export @last
bundle=$(discovery export @last)
printf '%s\n' "$bundle"
try python "$bundle/$(basename "$bundle").py"
try discovery verify "$bundle"
