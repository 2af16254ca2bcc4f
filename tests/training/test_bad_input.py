"""What a run does when something is wrong with its input, seen from outside: the real command."""

import os
import signal
from pathlib import Path

import pytest

from tests.training.images import small_msvr310
from tests.training.processes import (
    PATIENCE,
    run_vreid,
    start_vreid,
    train_arguments,
    wait_until,
)
from training.checkpoint import find_checkpoint, read_description, read_weights

pytestmark = pytest.mark.long

CORRUPT = Path("bounding_box_train/0002/ni/0002_s000_v1_001.jpg")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A tree of one's own, to be damaged."""
    return small_msvr310(tmp_path / "data")


def files_of_unfinished_writes(run: Path) -> list[Path]:
    return [path for path in run.rglob("*") if path.name.endswith((".new", ".unfinished"))]


@pytest.mark.parametrize(("cache", "workers"), [("memory", 0), ("none", 1)])
def test_a_corrupt_image_ends_the_run_and_is_named(
    data: Path, tmp_path: Path, cache: str, workers: int
) -> None:
    image = data / CORRUPT
    image.write_bytes(image.read_bytes()[:200])
    changes = [f"compute.image_cache={cache}", f"compute.loader_workers={workers}"]
    said = tmp_path / "said"
    assert run_vreid(train_arguments(tmp_path / "run", data, changes), said) == 1
    text = said.read_text()
    assert str(CORRUPT) in text
    assert "truncated or corrupt" in text
    assert "on_bad_image=skip" in text
    assert "Traceback" not in text
    assert files_of_unfinished_writes(tmp_path / "run") == []
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_an_image_that_vanishes_while_a_run_trains_leaves_its_last_checkpoint(
    data: Path, tmp_path: Path
) -> None:
    run, said = tmp_path / "run", tmp_path / "said"
    changes = ["compute.image_cache=none", "epochs=100000"]
    process = start_vreid(train_arguments(run, data, changes), said)
    wait_until(lambda: (run / "checkpoint" / "config.json").exists(), process, said)
    (data / CORRUPT).unlink()
    process.join(PATIENCE)
    assert process.exitcode == 1, said.read_text()
    assert str(CORRUPT) in said.read_text()
    assert "Traceback" not in said.read_text()
    checkpoint = find_checkpoint(run)
    assert read_description(checkpoint).position.epoch >= 1
    assert all(value.isfinite().all() for value in read_weights(checkpoint).values())
    assert files_of_unfinished_writes(run) == []


@pytest.mark.parametrize("cache", ["disk", "none"])
def test_a_bad_image_may_be_skipped_and_is_listed(data: Path, tmp_path: Path, cache: str) -> None:
    (data / CORRUPT).write_bytes(b"")
    changes = [f"compute.image_cache={cache}", "compute.on_bad_image=skip", "epochs=3"]
    run, said = tmp_path / "run", tmp_path / "said"
    assert run_vreid(train_arguments(run, data, changes), said) == 0, said.read_text()
    (line,) = (run / "bad_images.txt").read_text().splitlines()
    assert line.startswith(str(data / CORRUPT))
    assert "0 bytes" in line
    assert said.read_text().count("warning: left out") == 1


def test_an_identity_with_one_sample_trains(data: Path, tmp_path: Path) -> None:
    for image in data.glob("bounding_box_train/0003/*/*"):
        if "s000_v0" not in image.name:
            image.unlink()
    run, said = tmp_path / "run", tmp_path / "said"
    assert run_vreid(train_arguments(run, data), said) == 0, said.read_text()
    assert len(read_description(find_checkpoint(run)).identities) == 4


def test_data_of_another_layout_is_refused_with_its_folder(tmp_path: Path) -> None:
    said = tmp_path / "said"
    (tmp_path / "photographs").mkdir()
    assert run_vreid(train_arguments(tmp_path / "run", tmp_path / "photographs"), said) == 1
    assert str(tmp_path / "photographs") in said.read_text()
    assert said.read_text().startswith("error: ")
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_a_checkpoint_of_another_architecture_is_refused(data: Path, tmp_path: Path) -> None:
    first, said = tmp_path / "first", tmp_path / "said"
    assert run_vreid(train_arguments(first, data, ["epochs=1"]), said) == 0, said.read_text()
    other = ["epochs=1", "model.normalisation=none"]
    options = ["--from", str(first)]
    assert run_vreid(train_arguments(tmp_path / "second", data, other, options), said) == 1
    assert str(first / "checkpoint") in said.read_text()
    assert "another architecture" in said.read_text()
    assert run_vreid(train_arguments(first, data, other, ["--resume"]), said) == 1
    assert "another model" in said.read_text()


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_no_broken_checkpoint(
    data: Path, tmp_path: Path
) -> None:
    run, said = tmp_path / "run", tmp_path / "said"
    broken = ["optimiser.learning_rate=1e30"]
    assert run_vreid(train_arguments(run, data, broken), said) == 1
    assert f"{data}/bounding_box_train/000" in said.read_text()
    assert "gradient_clip" in said.read_text()
    assert not (run / "checkpoint").exists()
    assert files_of_unfinished_writes(run) == []


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the worker by /proc")
def test_a_loader_worker_that_is_killed_ends_the_run_and_leaves_its_last_checkpoint(
    tree: Path, tmp_path: Path
) -> None:
    run, said = tmp_path / "run", tmp_path / "said"
    changes = ["compute.loader_workers=1", "epochs=100000"]
    process = start_vreid(train_arguments(run, tree, changes), said)
    wait_until(lambda: (run / "checkpoint" / "config.json").exists(), process, said)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    process.join(PATIENCE)
    assert process.exitcode == 1, said.read_text()
    assert "error: a loader worker is gone" in said.read_text()
    assert "Traceback" not in said.read_text()
    assert read_description(find_checkpoint(run)).position.epoch >= 1
    assert files_of_unfinished_writes(run) == []
