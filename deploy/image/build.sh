#!/usr/bin/env bash
# Builds an image target with docker where an engine answers, else with buildah, without an engine.
# usage: build.sh TARGET TAG
# environment: ENGINE      docker or buildah; default: what is there
#              BASE_IMAGE  instead of the Dockerfile's
#              WHEELS      folder of wheels.sh; without it pip in the build asks its index
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=$1
tag=$2

if [ -z "${ENGINE:-}" ]; then
  if docker info >/dev/null 2>&1; then
    ENGINE=docker
  elif command -v buildah >/dev/null; then
    ENGINE=buildah
  else
    echo "error: neither a docker engine nor buildah here; run: make system-packages" >&2
    exit 1
  fi
fi

options=(--target "$target" --tag "$tag"
  --build-arg "REVISION=$(git rev-parse --verify --quiet HEAD || echo unknown)")
[ -z "${BASE_IMAGE:-}" ] || options+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
[ -z "${WHEELS:-}" ] || options+=(--build-context "wheels=$WHEELS" --build-arg PIP_NO_INDEX=1)

case $ENGINE in
  docker) DOCKER_BUILDKIT=1 docker build "${options[@]}" . ;;
  # Only docker's format has room for a HEALTHCHECK.
  buildah) buildah build --isolation chroot --format docker --pull=missing "${options[@]}" . ;;
  *) echo "error: ENGINE is '$ENGINE'; say docker or buildah" >&2 && exit 1 ;;
esac
