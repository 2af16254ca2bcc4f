"""What a figure was taken on and of: machine, libraries, revision and bundle."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.serving.bundles import ServedBundle
from benchmarks.serving.peer_list import PEERS_PYTHON, REPOSITORY
from service.bench.machine import machine_facts
from vreid.bundle import Bundle

_PEER_PACKAGES = ("bentoml", "fastapi", "litserve", "onnxruntime", "uvicorn")


def origin() -> dict[str, Any]:
    """What all parts of a run have in common."""
    return {"machine": machine_facts(), "peers": _peer_packages(), "revision": revision()}


def bundle_facts(served: ServedBundle) -> dict[str, str]:
    """Which bundle, down to each of its files: the manifest holds their hashes."""
    manifest = Bundle.load(served.directory).manifest
    content = (served.directory / "manifest.json").read_bytes()
    return {
        "name": f"{manifest.name} {manifest.version}",
        "fingerprint": manifest.fingerprint,
        "manifest_sha256": hashlib.sha256(content).hexdigest(),
    }


def revision() -> str:
    """The commit, and a hash of what was changed since; empty outside a checkout of git."""
    commit = _git("describe", "--always", "--abbrev=12")
    changes = _git("diff", "HEAD", "--", "*.py")
    if not changes:
        return commit
    return f"{commit}+{hashlib.sha256(changes.encode()).hexdigest()[:8]}"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _peer_packages() -> dict[str, str]:
    """Versions in the environment of the peers, from the names of its folders."""
    environment: Path = PEERS_PYTHON.parents[1]
    found = {}
    for folder in sorted(environment.glob("lib/python3*/site-packages/*.dist-info")):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        if name.lower() in _PEER_PACKAGES:
            found[name.lower()] = version
    return found
