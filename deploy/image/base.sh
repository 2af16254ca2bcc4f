#!/usr/bin/env bash
# Makes a stand-in for debian:12-slim where no registry is reached, and stores it as TAG for buildah.
# usage: base.sh TAG
set -euo pipefail
tag=$1
release=bookworm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vreid
recipe=$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-16)
archive=$cache/$release-$recipe.tar

[ -z "$(buildah images --quiet --filter "reference=$tag" --filter "label=recipe=$recipe")" ] || exit 0

# The mirror that apt uses on this machine; Debian's own where this machine is of another release.
# shellcheck disable=SC2016 # apt-get expands it
mirror=$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' "Release: $release" 'Component: main' 'Origin: Debian' | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}

if [ ! -e "$archive" ]; then
  mkdir -p "$cache"
  root=$(mktemp -d "$cache/debootstrap.XXXXXX")
  trap 'rm -rf "$root"' EXIT
  echo "making a Debian $release base in $archive"
  debootstrap --variant=minbase --include=ca-certificates "$release" "$root" "$mirror" \
    >"$cache/debootstrap.log" 2>&1 || {
    tail -n 20 "$cache/debootstrap.log" "$root/debootstrap/debootstrap.log" >&2
    exit 1
  }
  # As in the image it stands for: no documentation, no fsync after each unpacked file.
  cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'DPKG'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
force-unsafe-io
DPKG
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* \
    "$root"/usr/share/{locale,man,info}/*
  find "$root/usr/share/doc" ! -type d ! -name copyright -delete
  tar --create --numeric-owner --file "$archive.part" --directory "$root" .
  mv "$archive.part" "$archive"
fi

container=$(buildah from scratch)
buildah add --quiet "$container" "$archive" / >/dev/null
buildah config --cmd bash --label "recipe=$recipe" "$container"
buildah commit --quiet --rm "$container" "$tag" >/dev/null
