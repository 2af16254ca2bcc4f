#!/usr/bin/env bash
# Makes ARCHIVE, a tar of a minimal Debian with the PACKAGES, by debootstrap. Needs root and a mirror.
# usage: debian-root.sh ARCHIVE RELEASE PACKAGE...
set -euo pipefail
archive=$1
release=$2
shift 2
[ ! -e "$archive" ] || exit 0

# The mirror that apt uses on this machine; Debian's own where this machine is of another release.
# shellcheck disable=SC2016 # apt-get expands it
mirror=$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' "Release: $release" 'Component: main' 'Origin: Debian' | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}

mkdir -p "$(dirname "$archive")"
root=$(mktemp -d "$archive.XXXXXX")
trap 'rm -rf "$root"' EXIT
echo "making a Debian $release in $archive"
debootstrap --variant=minbase --include="$(IFS=, && echo "$*")" "$release" "$root" "$mirror" \
  >"$archive.log" 2>&1 || {
  tail -n 20 "$archive.log" "$root/debootstrap/debootstrap.log" >&2
  exit 1
}
# As in slim images: no documentation, no fsync after each unpacked file.
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
# mktemp made it for its owner alone.
chmod 755 "$root"
tar --create --numeric-owner --file "$archive.part" --directory "$root" .
mv "$archive.part" "$archive"
