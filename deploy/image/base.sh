#!/usr/bin/env bash
# Makes a stand-in for debian:12-slim where no registry is reached, and stores it as TAG for buildah.
# usage: base.sh TAG
set -euo pipefail
tag=$1
release=bookworm
maker=$(dirname "${BASH_SOURCE[0]}")/../setup/debian-root.sh
recipe=$(cat "${BASH_SOURCE[0]}" "$maker" | sha256sum | cut -c1-16)
archive=${XDG_CACHE_HOME:-$HOME/.cache}/vreid/$release-$recipe.tar

[ -z "$(buildah images --quiet --filter "reference=$tag" --filter "label=recipe=$recipe")" ] || exit 0

"$maker" "$archive" "$release" ca-certificates
container=$(buildah from scratch)
buildah add --quiet "$container" "$archive" / >/dev/null
buildah config --cmd bash --label "recipe=$recipe" "$container"
buildah commit --quiet --rm "$container" "$tag" >/dev/null
