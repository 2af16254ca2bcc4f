#!/usr/bin/env bash
# Builds the cpu image on a base made by debootstrap, and runs the compose file's service of it under
# the bounds written there, without an engine: read-only root, non-root, no capabilities, no network
# but its own loopback. Needs root, a Debian mirror and a package index.
# usage: test.sh PYTHON
# environment: BUNDLE, SAMPLES  folders that take the place of those shipped in the image
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1
here=deploy/image
image=localhost/vreid:image-test

# What others build goes there too, and is not root's.
mkdir -p build
# debootstrap, buildah and runc need root here.
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "error: this needs root and there is no sudo; as root, run: make image-test" >&2
    exit 1
  }
  exec sudo --preserve-env "$here/test.sh" "$python"
fi

# shellcheck source=deploy/image/store.sh
. "$here/store.sh"
"$here/build-alone.sh" "$python" "$image"

since=$SECONDS
overrides=()
[ -z "${BUNDLE:-}" ] || overrides+=(--bundle "$BUNDLE")
[ -z "${SAMPLES:-}" ] || overrides+=(--samples "$SAMPLES")
"$python" -m deploy.image.trial "$image" "$work/trial" "${overrides[@]}"
printf '%-24s %4d s\n' "search in the image" $((SECONDS - since))
