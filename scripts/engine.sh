#!/usr/bin/env bash
# engine.sh start FOLDER | stop FOLDER: a container engine of one's own, for tests.
# `start` prints the DOCKER_HOST of an engine: of the one that answers already, or else of one that it starts, with its
# data, socket and process files under FOLDER. As root it installs Debian's engine first, where there is none. `stop`
# ends what `start` started, and nothing else.
# Containers get no network, so this engine has neither a bridge nor firewall rules. FOLDER must have a short path: that
# of a socket may have about 100 characters.
set -euo pipefail

say() { printf 'engine: %s\n' "$*" >&2; }
stop_with() { say "$1"; exit 5; }

[ $# = 2 ] || { sed -n 2,7p "${BASH_SOURCE[0]}" >&2; exit 2; }
action=$1; mkdir -p "$2"; folder=$(cd "$2" && pwd)

answers() {
  case $1 in unix://*) ;; *) return 1 ;; esac
  python3 - "${1#unix://}" 2>/dev/null <<'PYTHON'
import socket, sys
with socket.socket(socket.AF_UNIX) as engine:
    engine.settimeout(5)
    engine.connect(sys.argv[1])
    engine.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
    sys.exit(b" 200 " not in engine.recv(64))
PYTHON
}

install_engine() {
  local policy=/usr/sbin/policy-rc.d made=
  if command -v dockerd >/dev/null; then return; fi
  [ "$(id -u)" = 0 ] || stop_with "no container engine. Type: sudo apt-get install --yes docker.io"
  command -v apt-get >/dev/null || stop_with "no container engine; install one with this machine's package manager"
  say "no container engine: installing docker.io"
  export DEBIAN_FRONTEND=noninteractive
  if [ ! -e "$policy" ]; then made=1; printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; fi # start nothing
  apt-get update -qq && apt-get install --yes -qq --no-install-recommends docker.io runc >/dev/null || made+=failed
  case $made in 1*) rm -f "$policy" ;; esac
  case $made in *failed) stop_with "apt-get could not install docker.io; is this machine online?" ;; esac
}

start() {
  local host dockerd
  for host in "${DOCKER_HOST:-}" "unix://$folder/docker.sock" unix:///var/run/docker.sock; do
    if answers "$host"; then echo "$host"; return; fi
  done
  install_engine
  [ "$(id -u)" = 0 ] || stop_with "a container engine is started by root"
  host=unix://$folder/docker.sock
  setsid dockerd --host "$host" --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
    --bridge=none --iptables=false --ip6tables=false >"$folder/log" 2>&1 </dev/null &
  dockerd=$!
  for _ in $(seq 300); do
    if answers "$host"; then echo "$host"; return; fi
    kill -0 "$dockerd" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$folder/log" >&2
  stop
  stop_with "the container engine did not start; above is what it said"
}

stop() {
  local file
  for file in "$folder/pid" "$folder/exec/containerd/containerd.pid"; do end_process "$file"; done
  findmnt --raw --noheadings --output TARGET | { grep "^$folder/" || true; } | sort --reverse | xargs --no-run-if-empty umount
}

# end_process FILE: the process whose number FILE holds, gently, then by force.
end_process() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 150); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.2
  done
  kill -9 "$pid" 2>/dev/null || true
}

case $action in
  start) start ;;
  stop) stop ;;
  *) stop_with "start or stop? got: $action" ;;
esac
