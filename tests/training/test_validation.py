"""Measuring while training."""

import json
from pathlib import Path

import pytest
import torch

from training.checkpoint import find_checkpoint, load_model, read_weights
from training.config import TrainingConfig, ValidationConfig
from training.loop import train
from vreid.errors import ConfigurationError


def test_the_best_checkpoint_is_kept_and_training_does_not_notice(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    measured = tiny.model_copy(update={"validation": ValidationConfig(every=1)})
    with_it, without = train(measured, tmp_path / "with"), train(tiny, tmp_path / "without")
    ours, theirs = read_weights(with_it), read_weights(without)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    best = tmp_path / "with" / "best"
    figures = json.loads((best / "figures.json").read_text())
    assert figures["epoch"] in (1, 2)
    assert 0 < figures["mAP"] <= 1
    assert load_model(best)[1].name == tiny.name
    assert find_checkpoint(tmp_path / "with") == tmp_path / "with" / "checkpoint"
    assert not (tmp_path / "without" / "best").exists()


def test_a_source_that_is_none_is_refused(tiny: TrainingConfig) -> None:
    document = tiny.to_json()
    document["validation"] = {"every": 1, "source": "elsewhere"}
    with pytest.raises(ConfigurationError, match="elsewhere"):
        TrainingConfig.from_json(document, "here")
