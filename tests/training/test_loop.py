"""Training, stopping and going on."""

import re
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor

import training.loop
from tests.training.signals import handle_sigterm
from training.checkpoint import (
    CheckpointDescription,
    Position,
    StartingPoint,
    TrainingState,
    find_checkpoint,
    load_model,
    read_description,
    read_state,
    read_weights,
    save_checkpoint,
)
from training.config import TrainingConfig
from training.data.training_images import Batch
from training.errors import CheckpointError, NonFiniteLossError, TrainingInterruptedError
from training.loop import train
from training.run import Run
from training.sources import load_training_samples
from vreid.bundle import file_sha256


def interrupt_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has this process handle SIGTERM during the given step."""
    step, taken = training.loop._step, 0

    def counted(run: Run, batch: Batch) -> dict[str, float]:
        nonlocal taken
        taken += 1
        if taken == steps:
            handle_sigterm()
        return step(run, batch)

    monkeypatch.setattr(training.loop, "_step", counted)


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_a_resumed_run_gives_the_weights_of_an_uninterrupted_one(
    tiny: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.model_copy(update={"ema_decay": 0.9})
    whole = train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        with pytest.raises(TrainingInterruptedError, match="--resume"):
            train(config, tmp_path / "parts")
    stopped = read_description(find_checkpoint(tmp_path / "parts"))
    assert stopped.position == Position(epoch=0, batch=3)
    resumed = train(config, tmp_path / "parts", resume=True)
    assert equal(read_weights(whole), read_weights(resumed))
    assert equal(read_state(whole).model, read_state(resumed).model)
    assert not equal(read_state(whole).model, read_weights(whole))


def test_a_finished_run_resumes_to_itself_and_is_not_overwritten(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    config = tiny.model_copy(update={"epochs": 1})
    checkpoint = train(config, tmp_path)
    weights = read_weights(checkpoint)
    assert read_description(checkpoint).position == Position(1)
    assert equal(weights, read_weights(train(config, tmp_path, resume=True)))
    with pytest.raises(CheckpointError, match="--resume"):
        train(config, tmp_path)
    with pytest.raises(CheckpointError, match="another seed"):
        train(config.model_copy(update={"seed": 5}), tmp_path, resume=True)

    model, loaded = load_model(tmp_path)
    assert not model.training
    assert loaded.portable() == config.portable()
    assert model.identities == 4
    assert any((tmp_path / "tensorboard").rglob("events.*"))


def test_a_run_starts_from_the_weights_of_another_and_says_so(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    first = train(tiny.model_copy(update={"epochs": 1}), tmp_path / "first")
    still = tiny.optimiser.model_copy(update={"learning_rate": 1e-30})
    config = tiny.model_copy(update={"epochs": 1, "optimiser": still})
    second = train(config, tmp_path / "second", start=tmp_path / "first")
    began, ended = read_weights(first), read_weights(second)
    learned = [name for name, _ in load_model(second)[0].named_parameters()]
    assert all(torch.equal(began[name], ended[name]) for name in learned)
    began_with = read_description(second).started_from
    assert began_with == StartingPoint(
        file_sha256(first / "model.safetensors"), read_description(first).config.portable(), 1
    )
    third = train(config, tmp_path / "third", start=second)
    earlier = read_description(third).started_from
    assert earlier is not None
    assert earlier.started_from == began_with, "the whole chain is kept"


def test_the_moving_average_starts_from_the_weights_of_the_other_run_too(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    first = train(tiny.model_copy(update={"epochs": 1}), tmp_path / "first")
    still = tiny.optimiser.model_copy(update={"learning_rate": 1e-30})
    config = tiny.model_copy(update={"epochs": 1, "optimiser": still, "ema_decay": 0.9})
    second = train(config, tmp_path / "second", start=first)
    began, ended = read_weights(first), read_weights(second)
    learned = [name for name, _ in load_model(second)[0].named_parameters()]
    assert all(torch.equal(began[name], ended[name]) for name in learned)


def test_a_checkpoint_names_no_folder_and_the_run_resumes_from_others(
    tiny: TrainingConfig, tree: Path, tmp_path: Path
) -> None:
    config = tiny.model_copy(update={"epochs": 1})
    checkpoint = train(config, tmp_path / "run")
    text = (checkpoint / "config.json").read_text()
    assert str(tree) not in text
    assert str(tmp_path) not in text
    (tmp_path / "moved").symlink_to(tree)
    moved = config.sources["synthetic"].model_copy(update={"root": tmp_path / "moved"})
    elsewhere = config.model_copy(update={"sources": {"synthetic": moved}})
    assert train(elsewhere, tmp_path / "run", resume=True) == checkpoint


def test_starting_from_a_run_on_other_identities_is_refused(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    config = tiny.model_copy(update={"epochs": 1})
    train(config, tmp_path / "first")
    source = tiny.sources["synthetic"]
    renamed = config.model_copy(update={"sources": {"others": source}})
    with pytest.raises(CheckpointError, match="same data sets"):
        train(renamed, tmp_path / "second", start=tmp_path / "first")


def test_resuming_where_nothing_was_begun_is_refused(tiny: TrainingConfig, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        train(tiny, tmp_path, resume=True)


def test_a_loss_that_is_not_finite_names_the_batchs_files(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    broken = tiny.optimiser.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(NonFiniteLossError, match=r"bounding_box_train/000\d/vis/000\d_s"):
        train(tiny.model_copy(update={"optimiser": broken}), tmp_path)


def test_signal_handlers_are_given_back(tiny: TrainingConfig, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    train(tiny.model_copy(update={"epochs": 1}), tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_identities_are_numbered_through_the_sources(tiny: TrainingConfig) -> None:
    source = tiny.sources["synthetic"]
    samples = load_training_samples({"one": source, "two": source})
    assert len(samples.identities) == 8
    assert samples.identities[0] == "one/0001"
    assert [min(labels) for labels in samples.labels_by_source()] == [0, 4]
    assert samples.label_space().all()


class TestCheckpointDirectory:
    """The files on disk."""

    @pytest.fixture
    def saved(self, tiny: TrainingConfig, tmp_path: Path) -> Path:
        """A run's directory whose checkpoint was written twice."""
        for epoch in (1, 2):
            self.write(tiny, tmp_path, epoch)
        return tmp_path

    @staticmethod
    def write(config: TrainingConfig, run: Path, epoch: int) -> None:
        state = TrainingState({"w": torch.ones(2)}, {"lr": 0.1}, torch.get_rng_state(), None)
        description = CheckpointDescription(config, ("a/1",), Position(epoch))
        save_checkpoint(run, description, {"w": torch.full((2,), float(epoch))}, state)

    def test_a_new_checkpoint_takes_the_place_of_the_old_one(self, saved: Path) -> None:
        assert sorted(path.name for path in saved.iterdir()) == ["checkpoint"]
        assert read_description(saved / "checkpoint").position == Position(2)
        assert read_weights(saved / "checkpoint")["w"].tolist() == [2, 2]
        assert read_state(saved / "checkpoint").optimiser == {"lr": 0.1}

    def test_it_is_found_by_run_directory_or_file(self, saved: Path) -> None:
        checkpoint = saved / "checkpoint"
        for path in (saved, checkpoint, checkpoint / "model.safetensors"):
            assert find_checkpoint(path) == checkpoint

    def test_a_crash_between_the_renames_loses_nothing(self, saved: Path) -> None:
        (saved / "checkpoint").rename(saved / "checkpoint.previous")
        (saved / "checkpoint.new").mkdir()
        for path in (saved, saved / "checkpoint"):
            assert find_checkpoint(path) == saved / "checkpoint.previous"

    def test_the_loss_scalers_state_is_kept(self, tiny: TrainingConfig, tmp_path: Path) -> None:
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0).state_dict()
        state = TrainingState({}, {}, torch.get_rng_state(), None, scaler)
        description = CheckpointDescription(tiny, ("a/1",), Position(1))
        assert read_state(save_checkpoint(tmp_path, description, {}, state)).precision == scaler

    @pytest.mark.parametrize("name", ["model.safetensors", "training_state.pt", "config.json"])
    def test_a_damaged_file_is_named(self, saved: Path, name: str) -> None:
        (saved / "checkpoint" / name).write_bytes(b"{}")
        reader = {"m": read_weights, "t": read_state, "c": read_description}[name[0]]
        with pytest.raises(CheckpointError, match=re.escape(name)):
            reader(saved / "checkpoint")

    def test_weights_of_another_model_are_refused(self, saved: Path) -> None:
        with pytest.raises(CheckpointError, match="not those of its configuration"):
            load_model(saved)
