"""A small model, data set and checkpoint, for tests of the whole export."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from export.reference_images import drawn_image
from training.checkpoint import (
    CheckpointDescription,
    Position,
    StartingPoint,
    TrainingState,
    save_checkpoint,
)
from training.config import TrainingConfig
from training.model import Branch, CCNet
from vreid.modality import Modality
from vreid.preprocessing import Preprocessing
from vreid.thermal import ThermalRendering

Images = dict[Modality, NDArray[np.float32]]

SIDE = 64

PREPROCESSING = Preprocessing(height=SIDE, width=SIDE, thermal=ThermalRendering("grey"))

FOLDERS = {Modality.RGB: "vis", Modality.NIR: "ni", Modality.TIR: "th"}

IDENTITIES = 6
SCENES = 2
VIEWS = 2


@torch.no_grad()
def settle(
    branch: Branch, images: NDArray[np.float32], untrained: Iterable[torch.nn.Module]
) -> Branch:
    """Let the untrained parts of a branch see the images, so that their statistics fit."""
    branch.eval()
    for part in untrained:
        for module in part.train().modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                # A little of the first unit variance is left: nothing is divided by almost zero.
                module.momentum = 0.9
    branch(torch.from_numpy(images))
    return branch.eval()


def write_msvr310(root: Path) -> Path:
    """Drawn vehicles in MSVR310's layout; every record but one is query and gallery alike."""
    _write_record(root / "bounding_box_train", identity=100, scene=1, view=0)
    for part in ("bounding_box_test", "query3"):
        for identity in range(IDENTITIES):
            for scene in range(1, SCENES + 1):
                for view in range(VIEWS):
                    _write_record(root / part, identity, scene, view)
    return root


def _write_record(part: Path, identity: int, scene: int, view: int) -> None:
    name = f"{identity:04d}_s{scene:03d}_v{view}_000.png"
    for modality, folder in FOLDERS.items():
        pixels = drawn_image(modality, identity).astype(float) * (0.7 + 0.2 * scene) + 10 * view
        directory = part / f"{identity:04d}" / folder
        directory.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        picture.save((directory / name).with_suffix(".jpg"), quality=92)


def write_checkpoint(run: Path, network: CCNet, started_from: StartingPoint | None = None) -> Path:
    """A run's checkpoint of a network on efficientnet_lite0 with the unit."""
    config = TrainingConfig.model_validate(
        {
            "name": "tested",
            "seed": 7,
            "epochs": 3,
            "model": {"backbone": "efficientnet_lite0"},
            "preprocessing": {"height": SIDE, "width": SIDE},
            "sources": {
                "synthetic": {
                    "dataset": "msvr310",
                    "root": str(run / "somewhere" / "private"),
                    "identities_per_batch": 2,
                    "samples_per_identity": 2,
                }
            },
            "optimiser": {"learning_rate": 1e-3},
        }
    )
    identities = tuple(f"synthetic/{number}" for number in range(network.identities))
    weights = network.state_dict()
    state = TrainingState(weights, {}, torch.get_rng_state(), None)
    description = CheckpointDescription(config, identities, Position(epoch=3), started_from)
    return save_checkpoint(run, description, weights, state)
