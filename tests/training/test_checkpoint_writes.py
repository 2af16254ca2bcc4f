"""Checkpoints on a machine that fails while one is written."""

import resource
import time
from pathlib import Path

import pytest
import torch

from tests.training.processes import PATIENCE, start_process
from training.checkpoint import (
    CheckpointDescription,
    Position,
    TrainingState,
    find_checkpoint,
    read_description,
    read_state,
    read_weights,
    save_checkpoint,
)
from training.config import TrainingConfig
from training.errors import CheckpointError

VALUES = 300_000


def write(config: TrainingConfig, run: Path, number: int) -> None:
    """Writes a checkpoint in which every file knows its number."""
    tensor = torch.full((VALUES,), float(number))
    state = TrainingState({"w": tensor}, {}, torch.get_rng_state(), None)
    description = CheckpointDescription(config, ("a/1",), Position(number))
    save_checkpoint(run, description, {"w": tensor}, state)


def number_of(run: Path) -> int:
    """The number of a readable checkpoint; its files must agree."""
    checkpoint = find_checkpoint(run)
    number = read_description(checkpoint).position.epoch
    for weights in (read_weights(checkpoint), read_state(checkpoint).model):
        assert weights["w"].shape == (VALUES,)
        assert bool((weights["w"] == number).all())
    return number


def write_for_ever(config: TrainingConfig, run: Path) -> None:
    number = 1
    while True:
        write(config, run, number)
        number += 1


def write_with_little_room(config: TrainingConfig, run: Path, said: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (VALUES, VALUES))
    try:
        write(config, run, 2)
    except CheckpointError as error:
        said.write_text(str(error))


def test_kill_9_leaves_a_whole_checkpoint_at_any_moment(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    write(tiny, tmp_path, 0)
    for milliseconds in (1, 7, 20, 45, 80):
        writer = start_process(write_for_ever, tiny, tmp_path)
        deadline = time.monotonic() + PATIENCE
        while not (tmp_path / "checkpoint.new").exists() and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(milliseconds / 1000)
        writer.kill()
        writer.join(PATIENCE)
        assert writer.exitcode == -9
        number_of(tmp_path)


def test_a_full_disk_is_said_and_leaves_the_checkpoint_before(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    run, said = tmp_path / "run", tmp_path / "said"
    write(tiny, run, 1)
    writer = start_process(write_with_little_room, tiny, run, said)
    writer.join(PATIENCE)
    assert "make room" in said.read_text()
    assert str(run) in said.read_text()
    assert number_of(run) == 1
    assert [path.name for path in run.iterdir()] == ["checkpoint"]


def test_a_write_that_fails_for_good_is_a_checkpoint_error(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(CheckpointError, match="make room"):
        write(tiny, tmp_path / "file", 1)
