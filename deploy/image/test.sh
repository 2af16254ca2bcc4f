#!/usr/bin/env bash
# Builds the cpu image on a base made by debootstrap, and searches inside it as a hardened container:
# read-only root, non-root, no capabilities, no network but its own loopback. Needs root, a Debian
# mirror and a package index; neither an engine nor a registry.
# usage: test.sh PYTHON
# environment: BUNDLE, SAMPLES  folders that take the place of those shipped in the image
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1
here=deploy/image
work=$PWD/build/image
base=localhost/vreid-base:bookworm
image=localhost/vreid:image-test

# debootstrap, buildah and runc need root here.
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "error: this needs root and there is no sudo; as root, run: make image-test" >&2
    exit 1
  }
  exec sudo --preserve-env "$here/test.sh" "$python"
fi

# A store of its own, so that nothing of the machine's is touched and 'make clean' removes it all;
# vfs works on every file system.
mkdir -p "$work"
export CONTAINERS_STORAGE_CONF=$work/storage.conf
cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "vfs"
graphroot = "$work/store"
runroot = "$work/run"
CONF

since=$SECONDS
report() {
  printf '%-24s %4d s\n' "$1" $((SECONDS - since))
  since=$SECONDS
}

"$here/base.sh" "$base"
report "base image"
"$here/wheels.sh" "$python" cpu "$work/wheels"
report "wheels"
ENGINE=buildah BASE_IMAGE=$base WHEELS=$work/wheels "$here/build.sh" cpu "$image" >"$work/build.log" 2>&1 || {
  tail -n 40 "$work/build.log" >&2
  exit 1
}
report "image"

overrides=()
[ -z "${BUNDLE:-}" ] || overrides+=(--bundle "$BUNDLE")
[ -z "${SAMPLES:-}" ] || overrides+=(--samples "$SAMPLES")
"$python" -m deploy.image.trial "$image" "$work/trial" "${overrides[@]}"
report "search in the image"
