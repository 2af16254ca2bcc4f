#!/usr/bin/env bash
# Makes build/airgap/vreid-VERSION.tar: everything that a machine without a network needs.
# usage: make.sh PYTHON
# environment: EXTRAS  default service,cpu,parquet; on GPU machines service,gpu,parquet
#              MODEL   folder of a model bundle in place of the shipped one
#              IMAGE   no: without the container image; default: with it where one can be built
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1
folder=build/airgap/vreid
archive=build/airgap/images/vreid-cpu.tar.gz
since=$SECONDS

options=(--extras "${EXTRAS:-service,cpu,parquet}")
[ -z "${MODEL:-}" ] || options+=(--model "$MODEL")

mkdir -p "$(dirname "$archive")"
if [ "${IMAGE:-}" = no ]; then
  echo "without the container image"
elif docker info >/dev/null 2>&1; then
  ENGINE=docker deploy/image/build.sh cpu vreid:cpu
  docker save vreid:cpu | gzip -1 >"$archive"
  options+=(--image "$archive")
elif command -v buildah >/dev/null && [ "$(id -u)" -eq 0 ]; then
  deploy/image/build-alone.sh "$python" localhost/vreid:cpu
  # shellcheck source=deploy/image/store.sh
  . deploy/image/store.sh
  # Docker's own format: every engine loads it, and it keeps the health check.
  rm -f "${archive%.gz}"
  buildah push --quiet localhost/vreid:cpu "docker-archive:${archive%.gz}:vreid:cpu"
  gzip -1 --force "${archive%.gz}"
  options+=(--image "$archive")
else
  echo "without the container image: neither a docker engine, nor buildah and root"
fi

rm -f build/airgap/vreid-*.tar
"$python" -m deploy.airgap.collect "$folder" "${options[@]}"
version=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["version"])' "$folder/bundle.json")
tar --create --owner=0 --group=0 --sort=name --file "build/airgap/vreid-$version.tar" --directory build/airgap vreid
printf '%s: %d MB in %d s\n' "build/airgap/vreid-$version.tar" \
  $(($(stat --format %s "build/airgap/vreid-$version.tar") / 1000000)) $((SECONDS - since))
