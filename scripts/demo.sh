#!/usr/bin/env bash
# demo.sh: one discovery run, from a seed to a verified export. No key, no network, no GPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/.venv/bin:$PATH

try() { printf '\n$ %s\n' "$*"; "$@"; }

try discovery run optimizers --seed 0 --workers 2 --max-proposals 120 --max-time 3m
try discovery confirm @last
try discovery export @last --out runs/demo-export
try discovery verify runs/demo-export
