#!/usr/bin/env bash
# Installs those of the named Debian packages that are absent. PROGRAM=PACKAGE names a package that is
# needed for one program only: where that is on the path, whoever brought it, nothing is installed.
# ONE|OTHER names a package that is called differently from release to release: the first that the
# release has is taken.
# usage: system-packages.sh [PROGRAM=]PACKAGE[|PACKAGE...]...
# environment: DRY_RUN  anything: say what would be installed, and do nothing
set -euo pipefail

installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

stop() {
  echo "error: $1" >&2
  exit 1
}

is_there() {
  local wanted=$1 name names
  [ "${wanted%%=*}" = "$wanted" ] || { command -v "${wanted%%=*}" >/dev/null && return; }
  IFS='|' read -ra names <<<"${wanted#*=}"
  for name in "${names[@]}"; do
    installed "$name" && return
  done
  return 1
}

# Of its names, the first that this release has.
name_here() {
  local name names
  IFS='|' read -ra names <<<"${1#*=}"
  for name in "${names[@]}"; do
    [ -n "$(apt-cache show --quiet=2 --no-all-versions "$name" 2>/dev/null)" ] && break
  done
  echo "$name"
}

absent=()
for wanted in "$@"; do
  is_there "$wanted" || absent+=("$wanted")
done
[ ${#absent[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
  stop "this is no Debian system; install by its own means: ${absent[*]#*=}"

as_root=()
if [ -z "${DRY_RUN:-}" ] && [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    stop "neither root nor sudo; ask an administrator to run: apt-get install ${absent[*]#*=}"
  as_root=(sudo)
fi

export DEBIAN_FRONTEND=noninteractive
[ -n "${DRY_RUN:-}" ] || "${as_root[@]}" apt-get update -qq
packages=()
for wanted in "${absent[@]}"; do
  packages+=("$(name_here "$wanted")")
done
echo "installing system packages: ${packages[*]}"
[ -n "${DRY_RUN:-}" ] ||
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
