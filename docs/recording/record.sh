#!/usr/bin/env bash
# Records the first hour in an empty Debian: docs/guides/first-hour-recording.md with its pictures.
# Needs root, a Debian mirror, Chromium, and the bundle that `make airgap` made.
# usage: record.sh PYTHON BUNDLE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1
bundle=$2
maker=deploy/setup/debian-root.sh

recipe=$(cat "${BASH_SOURCE[0]}" "$maker" | sha256sum | cut -c1-16)
archive=${XDG_CACHE_HOME:-$HOME/.cache}/vreid/bookworm-first-hour-$recipe.tar
mkdir -p build
root=$(mktemp -d "$PWD/build/first-hour.XXXXXX")
trap 'rm -rf "$root"' EXIT

"$maker" "$archive" bookworm python3 ca-certificates curl
tar --extract --numeric-owner --file "$archive" --directory "$root"
mkdir -p "$root/media"
tar --extract --no-same-owner --file "$bundle" --directory "$root/media"
"$python" -m docs.recording "$root"
