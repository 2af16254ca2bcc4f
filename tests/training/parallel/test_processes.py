"""What processes tell each other, two of them and one alone."""

import json
import socket
from pathlib import Path

import pytest
from torch import distributed

from tests.training.processes import PATIENCE, start_process
from training.errors import ComputeError, ReportedElsewhereError
from training.parallel.processes import Processes


def gather_and_fail(rank: int, port: int, file: Path) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    processes = Processes(rank, 2)
    told = processes.gather(None if rank == 0 else "second")
    processes.raise_first(None)
    try:
        processes.raise_first(ComputeError("broken") if rank == 1 else None)
    except (ComputeError, ReportedElsewhereError) as error:
        file.write_text(json.dumps([told, type(error).__name__, str(error)]), encoding="utf-8")
    distributed.destroy_process_group()


def test_values_keep_their_rank_and_the_failure_of_one_reaches_both(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = [tmp_path / "0", tmp_path / "1"]
    parts = [start_process(gather_and_fail, rank, port, file) for rank, file in enumerate(files)]
    for part in parts:
        part.join(PATIENCE)
        assert part.exitcode == 0
    first, second = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    assert first == [[None, "second"], "ComputeError", "broken"]
    assert second == [[None, "second"], "ReportedElsewhereError", "process 0 reports: broken"]


def test_one_process_tells_itself_what_two_would() -> None:
    alone = Processes()
    assert alone.gather(None) == [None]
    alone.raise_first(None)
    with pytest.raises(ComputeError, match="broken"):
        alone.raise_first(ComputeError("broken"))
