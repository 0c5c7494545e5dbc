#!/usr/bin/env bash
# check-image.sh BASE | --local: prove `sandbox/Dockerfile`. Builds it on the image BASE and runs the sandbox's
# conformance kit in containers of the result. Needs a container engine (`scripts/engine.sh`).
#   BASE      an image with Python 3.11 or newer and pip; the build fetches the packages
#   --local   a base made here, of this machine's own Python, libraries and numpy: nothing is fetched
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# = 1 ] || { sed -n 2,5p "${BASH_SOURCE[0]}" >&2; exit 2; }
python=.venv/bin/python
base=$1
root=
trap '[ -z "$root" ] || rm -rf "$root"' EXIT

ask() { $python -c "import sys, sysconfig; print($1)"; }

# local_base: import a root file system as an image.
local_base() {
  local version triplet prefix packages
  root=$(mktemp -d)
  version=python$(ask '"%d.%d" % sys.version_info[:2]')
  triplet=$(ask 'sysconfig.get_config_var("MULTIARCH")')
  prefix=$(ask sys.base_prefix)
  packages=$root/opt/lib/$version/site-packages
  mkdir -p "$root"/{bin,etc,tmp,lib64,opt/bin,opt/lib,usr/bin,usr/local/bin} "$root/usr/lib/$triplet"
  ln -s usr/lib "$root/lib"
  cp -L "$prefix/bin/$version" "$root/opt/bin/"
  tar -C "$prefix/lib" --exclude site-packages --exclude dist-packages --exclude test --exclude '*.a' -c "$version" |
    tar -C "$root/opt/lib" -x
  mkdir -p "$packages"
  cp -a ".venv/lib/$version/site-packages/"{pip,numpy}* "$packages/"
  printf '#!/bin/sh\nPYTHONHOME=/opt exec /opt/bin/%s "$@"\n' "$version" >"$root/usr/local/bin/python3"
  chmod 755 "$root/usr/local/bin/python3"
  cp -L "/usr/lib/$triplet/"*.so* "$root/usr/lib/$triplet/"
  cp -L "$prefix"/lib/libpython3*.so* "$root/usr/lib/$triplet/" 2>/dev/null || true
  cp -L /lib64/ld-linux* "$root/lib64/" 2>/dev/null || true
  cp -L /bin/sh "$root/bin/"
  cp /etc/ld.so.cache "$root/etc/"
  tar -C "$root" -c . | docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' - "$1" >/dev/null
}

if [ "$base" = --local ]; then
  base=discovery-sandbox-base:check
  local_base "$base"
fi
DOCKER_BUILDKIT=0 docker build --quiet --file sandbox/Dockerfile --build-arg "BASE=$base" --build-arg PACKAGES=numpy \
  --tag discovery-sandbox:check requirements
DISCOVERY_IMAGE=discovery-sandbox:check $python -m pytest -q -p no:cacheprovider scripts/image_kit.py
