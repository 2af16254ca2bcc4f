"""The process of one cell: `python -m training.ablation.cell_process DIRECTORY/cell.json`.

It trains, or goes on training, and measures, so that torch is loaded once. It says what happens on
its standard output: the training's line after every epoch, and a last line beginning with "error: "
where it failed.
"""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.ablation.cell import EVALUATION, Cell, inspect
from training.ablation.measurement import measure
from training.errors import AblationError, TrainingInterruptedError
from training.loop import train
from vreid.errors import VreidError

DONE, FAILED, INTERRUPTED = 0, 1, 3
"""Exit statuses."""

MEASURING = "measuring"
"""The line that stands between training and measuring."""


def run_cell(cell: Cell) -> None:
    """Does what is missing of a cell.

    Raises:
        AblationError: another process works on this cell, or its directory holds something else.
        VreidError: training or measuring failed.
    """
    with _claimed(cell.directory):
        state = inspect(cell)
        if state.stage == "refused":
            raise AblationError(
                f"{cell.directory} holds another training ({state.reason}); "
                "give --redo to train it again"
            )
        if state.stage in ("absent", "begun"):
            # What was measured of other weights must not outlive them.
            (cell.directory / EVALUATION).unlink(missing_ok=True)
            train(cell.config, cell.directory, resume=state.stage == "begun")
        if state.stage != "done":
            print(MEASURING, flush=True)
            measure(cell)


@contextmanager
def _claimed(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AblationError(
                f"another process works on {directory}; wait for it or stop it"
            ) from error
        yield


def main(path: Path) -> int:
    """Runs the cell that a specification describes and returns the exit status."""
    try:
        run_cell(Cell.from_json(json.loads(path.read_text(encoding="utf-8")), str(path)))
    except TrainingInterruptedError as error:
        print(error, flush=True)
        return INTERRUPTED
    except VreidError as error:
        print(f"error: {error}", flush=True)
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
