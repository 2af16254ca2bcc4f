"""The center loss in a run: its centers are written to checkpoints and go on from there."""

from pathlib import Path

import torch

from training.checkpoint import read_state
from training.config import TrainingConfig
from training.loop import train
from training.losses import ObjectiveWeights


def with_center_loss(config: TrainingConfig, epochs: int) -> TrainingConfig:
    objective = ObjectiveWeights(center=0.1, cross_directional=0.0)
    return config.model_copy(update={"objective": objective, "epochs": epochs})


def test_the_centers_are_in_the_checkpoint_and_a_resumed_run_begins_with_them(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    config = with_center_loss(tiny, epochs=1)
    state = read_state(train(config, tmp_path))
    centers = state.objective["center.centers"]
    assert torch.isfinite(centers).all()
    assert centers.any(dim=1).all()
    # A complete run that is resumed takes no step, and writes what it was restored with.
    again = read_state(train(config, tmp_path, resume=True))
    assert torch.equal(again.objective["center.centers"], centers)
