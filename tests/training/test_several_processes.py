"""Training in two processes, begun by the command as a user begins it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.training.conftest import SMOKE, TINY
from tests.training.images import write_image
from tests.training.processes import run_divided, run_vreid, train_arguments
from training.checkpoint import find_checkpoint, read_description, read_state

PATIENCE = 60.0
"""Seconds after which something hangs; the whole test takes a fifth of that."""

needs_children_in_proc = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="finds the second process by Linux's /proc"
)


@pytest.fixture
def rgb_only(tmp_path: Path) -> Path:
    """A manifest without a single NIR or TIR image: two branches get no row in any batch."""
    names = [f"{identity}_{number}.png" for identity in range(4) for number in range(4)]
    for seed, name in enumerate(names):
        write_image(tmp_path / "data" / name, seed)
    lines = "".join(f"{name},{name[0]}\n" for name in names)
    (tmp_path / "data" / "manifest.csv").write_text(f"rgb,identity\n{lines}")
    return tmp_path / "data"


@pytest.fixture
def two_processes(rgb_only: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run without a near end, in `run`; what it says goes to `said`."""
    changes = [
        *TINY,
        "epochs=100000",
        "compute.devices=2",
        "sources.synthetic.dataset=manifest",
    ]
    command = [
        str(Path(sys.executable).with_name("vreid")),
        *("train", str(SMOKE), "--out", str(tmp_path / "run"), "--data", f"synthetic={rgb_only}"),
        *(part for change in changes for part in ("--set", change)),
    ]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            command,
            stdout=said,
            stderr=said,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@needs_children_in_proc
def test_idle_branches_do_not_stop_a_run_and_a_signal_to_one_process_stops_both(
    two_processes: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    config, said = tmp_path / "run" / "checkpoint" / "config.json", tmp_path / "said"
    deadline = time.monotonic() + PATIENCE
    while not config.exists():
        assert two_processes.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.1)
    main = two_processes.pid
    (second,) = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    os.kill(int(second), signal.SIGTERM)
    assert two_processes.wait(PATIENCE) == 1
    assert said.read_text().count("stopped after batch") == 1
    # At the end of an epoch no batch is taken of the next.
    assert read_description(config.parent).position.batch > 0


# One batch an epoch: what Adam keeps of its first gradient is a tenth of it. Later weights are no
# measure, because Adam makes a whole step of a gradient that is nothing but rounding.
ONE_BATCH = ["sources.synthetic.identities_per_batch=4", "epochs=1"]
FOUR_SAMPLES = "sources.synthetic.samples_per_identity=4"


def first_gradient(run: Path) -> Tensor:
    """All gradients of a run's one step, (parameters,)."""
    state = read_state(find_checkpoint(run)).optimiser["state"]
    return torch.cat([state[number]["exp_avg"].flatten() for number in sorted(state)]) * 10


def difference_of_two_processes(tree: Path, folder: Path, *changes: str) -> float:
    """Of the gradients, relative to those of one process."""
    settings = [*ONE_BATCH, FOUR_SAMPLES, "augmentation.padding=2", *changes]
    said = folder / "said"
    assert run_vreid(train_arguments(folder / "one", tree, settings), said) == 0, said.read_text()
    statuses, text = run_divided(train_arguments(folder / "two", tree, settings), said)
    assert statuses == [0, 0], text
    assert text.count("checkpoint:") == 1
    one, two = first_gradient(folder / "one"), first_gradient(folder / "two")
    return float((one - two).norm() / one.norm())


def test_two_processes_give_the_gradients_of_one_up_to_rounding(tree: Path, tmp_path: Path) -> None:
    assert difference_of_two_processes(tree, tmp_path) < 1e-3


def test_processes_that_share_no_statistics_do_not(tree: Path, tmp_path: Path) -> None:
    # That the test above can fail: without one of its conditions the gradients differ.
    apart = "compute.sync_batch_norm=false"
    assert difference_of_two_processes(tree, tmp_path, apart) > 0.05


def test_an_error_in_one_process_ends_both_and_is_said_once(tree: Path, tmp_path: Path) -> None:
    broken = ["sources.synthetic.identities_per_batch=4", "optimiser.learning_rate=1e30"]
    statuses, said = run_divided(train_arguments(tmp_path / "run", tree, broken), tmp_path / "said")
    assert statuses == [1, 0], said
    assert said.count("error: the loss is") == 1
    assert "Traceback" not in said
