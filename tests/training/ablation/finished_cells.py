"""Cells that were never trained."""

import json
from typing import Any

import torch

from training.ablation.cell import Cell
from training.checkpoint import CheckpointDescription, Position, TrainingState, save_checkpoint


def write_cell(cell: Cell, share: float, drop: float | None = None) -> None:
    """A finished training without a network, and figures that are all one share."""
    description = CheckpointDescription(cell.config, ("synthetic/1",), Position(cell.config.epochs))
    state = TrainingState({}, {}, torch.get_rng_state(), None)
    save_checkpoint(cell.directory, description, {"none": torch.zeros(1)}, state)
    figures: dict[str, Any] = {"policy": "concat"}
    figures |= dict.fromkeys(("mAP", "rank1", "rank5", "rank10"), share)
    if drop is not None:
        curve = {"ratios": [0.0, 0.5, 1.0], "mAP": {"mean": [share, share, share - drop]}}
        figures["missing_ratio"] = {"center": curve, "shared": curve}
    (cell.directory / "evaluation.json").write_text(json.dumps(figures))
