"""The center loss in a run: its centers are written to checkpoints and go on from there."""

from pathlib import Path

import pytest
import torch

from tests.training.test_loop import equal, interrupt_after
from training.checkpoint import read_state, read_weights
from training.config import TrainingConfig
from training.errors import TrainingInterruptedError
from training.loop import train
from training.losses import ObjectiveWeights


def test_a_run_resumed_within_an_epoch_has_the_centers_and_weights_of_an_uninterrupted_one(
    tiny: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = ObjectiveWeights(center=0.1, cross_directional=0.0)
    config = tiny.model_copy(update={"objective": objective, "epochs": 1})
    whole = train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(TrainingInterruptedError):
            train(config, tmp_path / "parts")
    stopped = read_state(tmp_path / "parts" / "checkpoint").objective["center.centers"]
    resumed = train(config, tmp_path / "parts", resume=True)
    ours, theirs = (read_state(run).objective["center.centers"] for run in (resumed, whole))
    assert theirs.any(dim=1).all()
    assert not torch.equal(stopped, theirs), "the centers move after the interruption"
    assert torch.equal(ours, theirs)
    assert equal(read_weights(resumed), read_weights(whole))
