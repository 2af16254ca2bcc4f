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

from tests.training.conftest import SMOKE, TINY
from tests.training.images import write_image
from training.checkpoint import read_description

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
    assert said.read_text().count("stopped after batch") == 2
    # At the end of an epoch no batch is taken of the next.
    assert read_description(config.parent).position.batch > 0
