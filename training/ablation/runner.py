"""Runs the cells of an ablation: some at a time, each once, stoppable at any moment."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from training.ablation.cell import (
    EVALUATION,
    Cell,
    CellState,
    inspect,
)
from training.ablation.children import Child, Slot, start
from training.ablation.progress import Board
from training.checkpoint import remove_run
from training.errors import AblationError, AblationInterruptedError
from training.interruption import StopRequest

POLL_SECONDS = 0.2
WRITE_SECONDS = 1.0


def run_cells(cells: Sequence[Cell], out: Path, places: Sequence[Slot]) -> dict[str, str]:
    """Does what is missing of every cell; a cell that fails does not hold up the others.

    Args:
        cells: none of them refused, see `refused`.
        out: directory of the ablation; gets progress.json.
        places: how many run at a time, and where.

    Returns:
        Reasons by the names of cells that failed.

    Raises:
        AblationInterruptedError: a signal stopped it; running trainings have written checkpoints.
    """
    states = [(cell, inspect(cell)) for cell in cells]
    waiting = deque(pair for pair in states if pair[1].stage != "done")
    board = Board(
        out, [(cell, state.epoch, state.stage == "done") for cell, state in states], len(places)
    )
    running: list[Child] = []
    try:
        with StopRequest() as stop:
            _run(waiting, running, deque(places), board, stop)
    finally:
        for child in running:
            child.kill()
        board.close()
    if stop.received:
        raise AblationInterruptedError(
            "stopped; finished cells are kept and the same command goes on with the others"
        )
    return board.failures()


def _run(
    waiting: deque[tuple[Cell, CellState]],
    running: list[Child],
    free: deque[Slot],
    board: Board,
    stop: StopRequest,
) -> None:
    written, stopping = 0.0, False
    while running or (waiting and not stop.received):
        if stop.received and not stopping:
            stopping = True
            board.say(
                f"stopping: waiting for {len(running)} cells to finish a step and write their "
                "checkpoints; a second signal ends them at once"
            )
            for child in running:
                child.stop()
        while waiting and free and not stop.received:
            cell, state = waiting.popleft()
            child = start(cell, free.popleft(), state.epoch)
            running.append(child)
            board.started(child)
        for child in list(running):
            ended = child.status is not None
            child.observe()
            board.observed(child)
            if ended:
                running.remove(child)
                free.append(child.slot)
                board.ended(child)
        if time.monotonic() - written > WRITE_SECONDS:
            board.write()
            written = time.monotonic()
        if running:
            time.sleep(POLL_SECONDS)


def refused(cells: Iterable[Cell]) -> dict[Path, str]:
    """Why directories hold something else than their cells, by directory."""
    found = {}
    for cell in cells:
        state = inspect(cell)
        if state.stage == "refused":
            found[cell.directory] = state.reason or ""
    return found


def check_none_refused(cells: Iterable[Cell]) -> None:
    """Refuses to run cells whose directories hold something else.

    Raises:
        AblationError: names them, with what differs.
    """
    reasons = refused(cells)
    if reasons:
        listed = "\n".join(f"  {directory}: {reason}" for directory, reason in reasons.items())
        raise AblationError(
            "these directories hold trainings of another recipe; give --redo to train them again, "
            f"or another --out:\n{listed}"
        )


def clear_refused(cells: Iterable[Cell]) -> None:
    """Removes the trainings and figures that belong to another recipe, and nothing else.

    Raises:
        CheckpointError: a training cannot be removed.
    """
    for directory in refused(cells):
        (directory / EVALUATION).unlink(missing_ok=True)
        remove_run(directory)
