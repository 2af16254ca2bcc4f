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
from tests.training.processes import PATIENCE, run_divided, run_vreid, train_arguments
from training.allocator import SETTINGS
from training.checkpoint import find_checkpoint, load_model, read_description, read_state

pytestmark = pytest.mark.long

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
            # With the allocator's settings given the command does not start itself again.
            env={**os.environ, "OMP_NUM_THREADS": "1", **SETTINGS},
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
    assert two_processes.wait(PATIENCE) == 1, said.read_text()
    assert said.read_text().count("stopped after batch") == 1
    # At the end of an epoch no batch is taken of the next.
    assert read_description(config.parent).position.batch > 0


# Double precision: Adam makes a whole step of a gradient that is nothing but rounding, unless the
# rounding is far below what it adds to its divisor.
FOUR_STEPS = [
    "compute.precision=64-true",
    "sources.synthetic.identities_per_batch=4",
    "epochs=2",
    "objective.center=0.1",
    "augmentation.padding=2",
]


def weights_of(run: Path) -> Tensor:
    """All weights that training changes, (parameters,)."""
    checkpoint = find_checkpoint(run)
    learned = [name for name, _ in load_model(checkpoint)[0].named_parameters()]
    state = read_state(checkpoint)
    assert {int(one["step"]) for one in state.optimiser["state"].values()} == {4}
    return torch.cat([state.model[name].flatten() for name in learned])


@pytest.fixture(scope="module")
def one_process(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process, which those of two are compared with."""
    folder = tmp_path_factory.mktemp("one")
    arguments = train_arguments(folder / "run", tree, FOUR_STEPS)
    assert run_vreid(arguments, folder / "said") == 0, (folder / "said").read_text()
    return folder / "run"


def run_two(tree: Path, folder: Path, *changes: str) -> Path:
    arguments = train_arguments(folder / "run", tree, [*FOUR_STEPS, *changes])
    statuses, said = run_divided(arguments, folder / "said")
    assert statuses == [0, 0], said
    assert said.count("checkpoint:") == 1
    return folder / "run"


def relative_difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def test_two_processes_give_the_weights_of_one_nearly(
    tree: Path, one_process: Path, tmp_path: Path
) -> None:
    two = run_two(tree, tmp_path)
    # 1e-13 was measured.
    assert relative_difference(weights_of(two), weights_of(one_process)) < 1e-5
    ours, theirs = (
        read_state(find_checkpoint(run)).objective["center.centers"] for run in (two, one_process)
    )
    assert theirs.any()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_processes_that_share_no_batch_statistics_do_not(
    tree: Path, one_process: Path, tmp_path: Path
) -> None:
    two = run_two(tree, tmp_path, "compute.sync_batch_norm=false")
    assert relative_difference(weights_of(two), weights_of(one_process)) > 1e-4


def test_an_error_in_one_process_ends_both_and_is_said_once(tree: Path, tmp_path: Path) -> None:
    broken = ["sources.synthetic.identities_per_batch=4", "optimiser.learning_rate=1e30"]
    statuses, said = run_divided(train_arguments(tmp_path / "run", tree, broken), tmp_path / "said")
    assert statuses == [1, 0], said
    assert said.count("error: the loss is") == 1
    assert "Traceback" not in said


def test_devices_that_cannot_share_batch_statistics_say_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    rows = []
    for number in range(4):
        for name in ("rgb_of_0", "rgb_of_1", "nir_of_1"):
            write_image(data / f"{name}_{number}.png", number)
        rows += [f"rgb_of_0_{number}.png,,0", f"rgb_of_1_{number}.png,nir_of_1_{number}.png,1"]
    (data / "manifest.csv").write_text("\n".join(["rgb,nir,identity", *rows]))
    arguments = train_arguments(tmp_path / "run", data, ["sources.synthetic.dataset=manifest"])
    statuses, said = run_divided(arguments, tmp_path / "said")
    assert statuses == [1, 0], said
    assert said.count("error: one device's part of a batch lacks a modality") == 1
    assert "compute.sync_batch_norm=false" in said
    assert not (tmp_path / "run" / "checkpoint").exists()
