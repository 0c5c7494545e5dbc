#!/usr/bin/env bash
# setup.sh: everything that `make demo` and `make test` need, then nothing. As root it installs system packages through
# apt; as an ordinary user it needs no root when they are there, and otherwise prints the line to type.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { printf 'setup: %s\n' "$@" >&2; exit 5; }

# apt_install WHAT PACKAGE...: install as root, else say what to type.
apt_install() {
  local what=$1; shift
  if [ "$(id -u)" != 0 ]; then stop "$what is missing. Type:" "    sudo apt-get install --yes $*"; fi
  command -v apt-get >/dev/null || stop "$what is missing; install it with this machine's package manager ($*)"
  say "$what is missing: installing $*"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install --yes -qq --no-install-recommends "$@" >/dev/null; } ||
    stop "apt-get could not install it. When this machine is online, type:" "    apt-get install --yes $*"
}

# A Python of at least 3.11 that is not itself a virtual environment's.
find_python() {
  local name
  for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"; return
    fi
  done
  stop "no Python of at least 3.11 was found. Install one (python3.11 or newer), or name it:" "    make PYTHON=/path/to/python3 test"
}

# What the environment was made from: when any of it changes, set-up runs again.
fingerprint() {
  pwd
  sha256sum scripts/setup.sh pyproject.toml requirements/lock.txt requirements/constraints.txt
}

has_seccomp() { "$1" -c 'import ctypes; ctypes.CDLL("libseccomp.so.2")' 2>/dev/null; }

make_environment() {
  local python version
  python=$(find_python)
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    apt_install "the venv module of $python" "python$version-venv"
  fi
  say "virtual environment .venv from $python"
  "$python" -m venv --clear .venv
}

install_packages() {
  local pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet)
  say "packages of requirements/lock.txt, each checked against its hash"
  "${pip[@]}" install --require-hashes --requirement requirements/lock.txt
  # Builds of torch differ from machine to machine, so it has a version and no hash; what it needs is locked above.
  say "torch (the one large download)"
  "${pip[@]}" install --constraint requirements/constraints.txt torch
  "${pip[@]}" install --no-deps --no-build-isolation --editable .
}

command -v bwrap >/dev/null || apt_install "bubblewrap (the sandbox)" bubblewrap
if [ "$(fingerprint)" = "$(cat .venv/ready 2>/dev/null)" ] && .venv/bin/python -c pass 2>/dev/null; then exit 0; fi

rm -f .venv/ready
.venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || make_environment
install_packages
has_seccomp .venv/bin/python || apt_install "libseccomp (the sandbox's filter)" libseccomp2
fingerprint >.venv/ready
say "done"
