#!/usr/bin/env bash
# Makes an empty virtual environment with pip in it.
# usage: environment.sh PYTHON FOLDER
set -euo pipefail
python=$1
folder=$2
here=$(dirname "${BASH_SOURCE[0]}")

command -v "$python" >/dev/null || {
  echo "error: no $python here; install Python 3.11 or name another: make PYTHON=python3.12" >&2
  exit 1
}

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# Debian splits ensurepip off into a package of its own.
"$python" -c 'import ensurepip' 2>/dev/null || "$here/system-packages.sh" "python$version-venv"

"$python" -m venv "$folder"
