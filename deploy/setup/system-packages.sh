#!/usr/bin/env bash
# Installs those of the named Debian packages that are absent. PROGRAM=PACKAGE names a package that is
# needed for one program only: where that is on the path, whoever brought it, nothing is installed.
# usage: system-packages.sh PACKAGE|PROGRAM=PACKAGE...
set -euo pipefail

installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

stop() {
  echo "error: $1" >&2
  exit 1
}

absent=()
for package in "$@"; do
  program=${package%%=*} package=${package#*=}
  [ "$program" != "$package" ] && command -v "$program" >/dev/null && continue
  installed "$package" || absent+=("$package")
done
[ ${#absent[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
  stop "this is no Debian system; install by its own means: ${absent[*]}"

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    stop "neither root nor sudo; ask an administrator to run: apt-get install ${absent[*]}"
  as_root=(sudo)
fi

echo "installing system packages: ${absent[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${absent[@]}" >/dev/null
