#!/usr/bin/env bash
# Resolves the newest versions of everything in pyproject.toml in an environment of its own
# and writes them to constraints.txt.
# usage: lock.sh PYTHON
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1
here=deploy/setup
fresh=build/lock

# The pair that is tested together; without it pip could choose a torch that has no torchvision yet.
tested_pair=(torch==2.14.1 torchvision==0.29.1)

rm -rf "$fresh"
"$here/environment.sh" "$python" "$fresh/venv"
"$python" deploy/image/requirements.py --build service cpu telemetry train export bench docs dev >"$fresh/requirements.txt"
"$fresh/venv/bin/pip" install -qq "${tested_pair[@]}" --requirement "$fresh/requirements.txt"

# onnxruntime-gpu lies over the same files as onnxruntime, so it is resolved without being installed.
"$python" deploy/image/requirements.py gpu >"$fresh/gpu.txt"
"$fresh/venv/bin/pip" freeze --exclude-editable >"$fresh/installed.txt"
"$fresh/venv/bin/pip" install -qq --dry-run --report "$fresh/gpu.json" \
  --constraint "$fresh/installed.txt" --requirement "$fresh/gpu.txt"

{
  echo "# The versions that vreid is tested with on Python 3.11, x86-64 Linux."
  echo "# Written by 'make lock'; pip reads it as constraints, so lines not asked for install nothing."
  {
    cat "$fresh/installed.txt"
    "$python" - "$fresh/gpu.json" <<'PYTHON'
import json
import sys

with open(sys.argv[1]) as report:
    for package in json.load(report)["install"]:
        print(f"{package['metadata']['name']}=={package['metadata']['version']}")
PYTHON
  } | LC_ALL=C sort --ignore-case --unique
} >constraints.txt
rm -rf "$fresh"
