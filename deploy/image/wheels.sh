#!/usr/bin/env bash
# Fills a folder with every wheel that an image target is made of, by this machine's own pip and
# whatever index, certificates and mirrors it is configured with. The build then needs no index, and
# nothing of that configuration can end in the image. For images of the same Python and architecture.
# usage: wheels.sh PYTHON TARGET FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1
target=$2
folder=$3
here=deploy/image

wanted=$(sha256sum pyproject.toml constraints.txt "$here/requirements.py" | sha256sum | cut -c1-16)
[ "$(cat "$folder/.complete" 2>/dev/null)" != "$wanted" ] || exit 0

rm -rf "$folder"
mkdir -p "$folder"
"$python" "$here/requirements.py" --build service "$target" >"$folder/requirements.txt"
"$python" -m pip download -qq --disable-pip-version-check --only-binary=:all: \
  --constraint constraints.txt --requirement "$folder/requirements.txt" --dest "$folder"
echo "$wanted" >"$folder/.complete"
