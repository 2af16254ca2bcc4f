"""A real process, stopped by a real signal and begun again."""

import os
import signal
from collections.abc import Callable
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

CHANGES = ["epochs=4", "ema_decay=0.9"]


def at_the_start(run: Path) -> bool:
    return (run / "tensorboard").exists()


def after_an_epoch(run: Path) -> bool:
    return (run / "checkpoint" / "config.json").exists()


@pytest.mark.parametrize(
    ("settings", "moments"),
    [
        (["compute.image_cache=disk", "compute.loader_workers=2"], [at_the_start, after_an_epoch]),
        (["compute.precision=bf16-mixed", "compute.image_cache=none"], [after_an_epoch]),
    ],
)
def test_a_run_stopped_by_sigterm_and_resumed_gives_the_weights_of_one_not_stopped(
    tree: Path, tmp_path: Path, settings: list[str], moments: list[Callable[[Path], bool]]
) -> None:
    changes, said = [*CHANGES, *settings], tmp_path / "said"
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    # Where images are kept and how many workers there are must not matter either.
    plain = [*CHANGES, *(setting for setting in settings if "precision" in setting)]
    assert run_vreid(train_arguments(whole, tree, plain), said) == 0, said.read_text()
    stops = 0
    for moment in moments:
        process = start_vreid(train_arguments(parts, tree, changes, resume_if_begun(parts)), said)
        wait_until(partial(moment, parts), process, said)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        process.join(PATIENCE)
        assert process.exitcode in (1, 0, -signal.SIGTERM), said.read_text()
        stops += process.exitcode == 1
        assert "Traceback" not in said.read_text()
    end = run_vreid(train_arguments(parts, tree, changes, resume_if_begun(parts)), said)
    assert end == 0, said.read_text()
    assert stops
    first, second = find_checkpoint(whole), find_checkpoint(parts)
    for ours, theirs in (
        (read_weights(first), read_weights(second)),
        (read_state(first).model, read_state(second).model),
    ):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def resume_if_begun(run: Path) -> list[str]:
    return ["--resume"] if (run / "checkpoint").exists() else []
