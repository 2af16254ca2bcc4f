"""A real process, stopped by a real signal and begun again."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.training.processes import (
    PATIENCE,
    run_vreid,
    start_vreid,
    train_arguments,
    wait_until,
)
from training.checkpoint import find_checkpoint, read_state, read_weights

pytestmark = pytest.mark.long

CHANGES = ["epochs=6", "ema_decay=0.9"]


def at_the_start(run: Path) -> bool:
    return (run / "tensorboard").exists()


def after_an_epoch(run: Path) -> bool:
    return (run / "checkpoint" / "config.json").exists()


def test_a_run_stopped_by_sigterm_and_resumed_gives_the_weights_of_one_not_stopped(
    tree: Path, tmp_path: Path
) -> None:
    # Where images are kept and how many workers there are must not matter either.
    plain = [*CHANGES, "compute.image_cache=none"]
    changes = [*CHANGES, "compute.image_cache=disk", "compute.loader_workers=2"]
    whole, parts, said = tmp_path / "whole", tmp_path / "parts", tmp_path / "said"
    assert run_vreid(train_arguments(whole, tree, plain), said) == 0, said.read_text()
    for moment in (at_the_start, after_an_epoch):
        process = start_vreid(train_arguments(parts, tree, changes, resume_if_begun(parts)), said)
        wait_until(partial(moment, parts), process, said)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        process.join(PATIENCE)
        # Before the run takes signals over, one ends it as it ends any program.
        assert process.exitcode in (1, -signal.SIGTERM), said.read_text()
        assert "Traceback" not in said.read_text()
    end = run_vreid(train_arguments(parts, tree, changes, resume_if_begun(parts)), said)
    assert end == 0, said.read_text()
    first, second = find_checkpoint(whole), find_checkpoint(parts)
    for ours, theirs in (
        (read_weights(first), read_weights(second)),
        (read_state(first).model, read_state(second).model),
    ):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def resume_if_begun(run: Path) -> list[str]:
    return ["--resume"] if (run / "checkpoint").exists() else []
