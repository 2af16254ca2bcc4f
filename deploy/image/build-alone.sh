#!/usr/bin/env bash
# Builds the cpu image as TAG in the store of store.sh, on a base made by debootstrap. Needs root, a
# Debian mirror and a package index; neither an engine nor a registry.
# usage: build-alone.sh PYTHON TAG
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1
tag=$2
here=deploy/image
base=localhost/vreid-base:bookworm
# shellcheck source=deploy/image/store.sh
. "$here/store.sh"

since=$SECONDS
report() {
  printf '%-24s %4d s\n' "$1" $((SECONDS - since))
  since=$SECONDS
}

"$here/base.sh" "$base"
report "base image"
"$here/wheels.sh" "$python" cpu "$work/wheels"
report "wheels"
ENGINE=buildah BASE_IMAGE=$base WHEELS=$work/wheels "$here/build.sh" cpu "$tag" >"$work/build.log" 2>&1 || {
  tail -n 40 "$work/build.log" >&2
  exit 1
}
report "image"
