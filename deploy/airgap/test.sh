#!/usr/bin/env bash
# Installs the bundle that make.sh made in a minimal Debian without any network, and searches there.
# Needs root and, for the Debian, a mirror.
# usage: test.sh BUNDLE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bundle=$1
maker=deploy/setup/debian-root.sh

if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "error: this needs root and there is no sudo; as root, run: make airgap-test" >&2
    exit 1
  }
  exec sudo --preserve-env "$0" "$@"
fi

recipe=$(cat "${BASH_SOURCE[0]}" "$maker" | sha256sum | cut -c1-16)
archive=${XDG_CACHE_HOME:-$HOME/.cache}/vreid/bookworm-python-$recipe.tar
root=$PWD/build/airgap/root
"$maker" "$archive" bookworm python3
rm -rf "$root"
mkdir -p "$root/media"
tar --extract --numeric-owner --file "$archive" --directory "$root"
tar --extract --no-same-owner --file "$bundle" --directory "$root/media"
mkdir "$root/trial"
cp deploy/airgap/inside.py deploy/image/query.py "$root/trial"

# Namespaces of its own for all but users; of the network, a loopback interface alone.
# shellcheck disable=SC2016 # the inner shell expands it
unshare --net --mount --pid --ipc --uts --fork --kill-child -- sh -ec '
  ip link set lo up
  mount -t proc proc "$0/proc"
  mount -t sysfs -o ro sysfs "$0/sys"
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 chroot "$0" python3 /trial/inside.py /media/vreid
' "$root"
rm -rf "$root"
