"""Measuring while training."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from training.checkpoint import (
    CheckpointDescription,
    Position,
    TrainingState,
    find_checkpoint,
    load_model,
    read_weights,
    save_checkpoint,
)
from training.config import TrainingConfig, ValidationConfig
from training.errors import CheckpointError
from training.loop import train
from training.parallel.processes import Processes
from training.validation import Validation
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


def validate(tiny: TrainingConfig, run: Path, maps: Sequence[float]) -> None:
    """Measures a run's checkpoint after epoch 1, 2, ..., as if its mAP were the given ones."""
    validation = Validation(tiny, run, Processes())
    for epoch, value in enumerate(maps, start=1):
        validation._keep_if_best(epoch, {"mAP": value, "rank1": value})


@pytest.fixture
def run(tiny: TrainingConfig, tmp_path: Path) -> Path:
    """A run's directory with a checkpoint."""
    state = TrainingState({}, {}, torch.get_rng_state(), None)
    description = CheckpointDescription(tiny, ("a/1",), Position(1))
    save_checkpoint(tmp_path, description, {"w": torch.ones(2)}, state)
    return tmp_path


def test_the_best_is_the_one_with_the_highest_map(tiny: TrainingConfig, run: Path) -> None:
    validate(tiny, run, [0.2, 0.5, 0.4])
    assert json.loads((run / "best" / "figures.json").read_text())["epoch"] == 2
    assert sorted(path.name for path in run.iterdir()) == ["best", "checkpoint"]


def test_a_crash_between_the_renames_keeps_the_best(tiny: TrainingConfig, run: Path) -> None:
    validate(tiny, run, [0.5])
    (run / "best").rename(run / "best.previous")
    assert find_checkpoint(run / "best") == run / "best.previous"
    validate(tiny, run, [0.4])
    assert not (run / "best").exists(), "the lower one does not take its place"
    validate(tiny, run, [0.6])
    assert json.loads((run / "best" / "figures.json").read_text())["mAP"] == 0.6


@pytest.mark.parametrize("damaged", ["", "{}", "[]", '{"mAP": "high"}'])
def test_figures_that_cannot_be_read_are_said_and_the_best_is_left(
    tiny: TrainingConfig, run: Path, damaged: str
) -> None:
    validate(tiny, run, [0.5])
    (run / "best" / "figures.json").write_text(damaged)
    with pytest.raises(CheckpointError, match=r"figures\.json cannot be read"):
        validate(tiny, run, [0.6])
    assert (run / "best" / "figures.json").read_text() == damaged


def test_a_measurement_that_was_due_when_the_run_ended_is_made_on_resume(
    tiny: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.model_copy(update={"validation": ValidationConfig(every=1), "epochs": 1})

    def end(validation: Validation, epoch: int) -> dict[str, float]:
        raise CheckpointError(f"ended before epoch {epoch} was measured")

    with monkeypatch.context() as patch:
        patch.setattr(Validation, "after", end)
        with pytest.raises(CheckpointError, match="before epoch 1"):
            train(config, tmp_path)
    assert not (tmp_path / "best").exists()
    train(config, tmp_path, resume=True)
    figures = tmp_path / "best" / "figures.json"
    assert json.loads(figures.read_text())["epoch"] == 1
    figures.unlink()
    train(config, tmp_path, resume=True)
    assert not figures.exists(), "nothing is measured twice"
