"""How far every cell is: on the screen and in progress.json."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NoReturn

import click
from tqdm import tqdm

from training.ablation.cell import Cell
from training.ablation.children import Child, last_loss
from training.ablation.document import write_document

Status = Literal["waiting", "training", "measuring", "done", "failed", "stopped"]

PROGRESS = "progress.json"


@dataclass
class CellProgress:
    """One cell's line.

    Attributes:
        epoch, epochs: complete ones, and all.
        loss: mean over the last epoch.
        seconds_left: of its training, an estimate from this process's epochs.
        reason: why it failed.
    """

    row: str
    seed: int
    status: Status
    epoch: int
    epochs: int
    loss: float | None = None
    seconds_left: float | None = None
    reason: str | None = None


class Board:
    """Keeps the lines of all cells.

    A terminal shows a bar for each running cell and one for all epochs; anything else gets a line
    when a cell starts, ends, or fails.

    Args:
        out: directory of the ablation.
        cells: all of them, with their complete epochs.
        places: how many run at a time.
    """

    def __init__(self, out: Path, cells: Sequence[tuple[Cell, int, bool]], places: int) -> None:
        self._path = out / PROGRESS
        self._places = places
        self._seconds_per_epoch: float | None = None
        self.lines = {
            cell.directory: CellProgress(
                cell.row,
                cell.seed,
                "done" if done else "waiting",
                epoch,
                cell.config.epochs,
                last_loss(cell.directory),
            )
            for cell, epoch, done in cells
        }
        self._bars: dict[int, tqdm[NoReturn]] = {}
        self._all: tqdm[NoReturn] = tqdm(
            desc="all epochs",
            total=sum(line.epochs for line in self.lines.values()),
            initial=sum(line.epoch for line in self.lines.values()),
            position=places,
            unit="epoch",
            disable=None,
        )

    def started(self, child: Child) -> None:
        """A cell's process has begun."""
        line = self.lines[child.cell.directory]
        line.status, line.reason = "training", None
        self.say(f"{child.cell.name}: started, log in {child.cell.directory}")
        self._bars[child.slot.number] = tqdm(
            desc=child.cell.name,
            total=line.epochs,
            initial=line.epoch,
            position=child.slot.number,
            unit="epoch",
            leave=False,
            disable=None,
        )

    def observed(self, child: Child) -> None:
        """Takes over what a running cell has said."""
        line = self.lines[child.cell.directory]
        line.status = "measuring" if child.measuring else "training"
        line.epoch, line.loss = child.epoch, child.loss
        pace = child.seconds_per_epoch
        if pace is not None:
            self._seconds_per_epoch = pace
            line.seconds_left = pace * (line.epochs - line.epoch)
        bar = self._bars[child.slot.number]
        if bar.n != line.epoch:
            bar.update(line.epoch - bar.n)
        if child.measuring:
            bar.set_postfix_str("measuring")
        elif line.loss is not None:
            bar.set_postfix_str(f"loss {line.loss:.3f}")
        total = sum(each.epoch for each in self.lines.values())
        if self._all.n != total:
            self._all.update(total - self._all.n)

    def ended(self, child: Child) -> None:
        """A cell's process has ended."""
        line = self.lines[child.cell.directory]
        line.seconds_left = None
        if child.interrupted:
            line.status, line.reason = "stopped", "a signal stopped it; the same command goes on"
        elif child.failure is not None:
            line.status, line.reason = "failed", child.failure
        else:
            line.status = "done"
        self._bars.pop(child.slot.number).close()
        self.say(f"{child.cell.name}: {line.status}{f', {line.reason}' if line.reason else ''}")

    def write(self) -> None:
        """Writes progress.json."""
        counts = Counter(line.status for line in self.lines.values())
        document = {
            "counts": dict(sorted(counts.items())),
            "seconds_left": self._seconds_left(),
            "cells": [asdict(line) for line in self.lines.values()],
        }
        write_document(self._path, document)

    def close(self) -> None:
        """Takes the bars off the screen and writes the last state."""
        for bar in [*self._bars.values(), self._all]:
            bar.close()
        self.write()

    def failures(self) -> dict[str, str]:
        """Reasons by the names of cells that have failed or were stopped."""
        return {
            f"{line.row} seed {line.seed}": line.reason or ""
            for line in self.lines.values()
            if line.status in ("failed", "stopped")
        }

    def _seconds_left(self) -> float | None:
        """Of all trainings: the epochs left at the last pace, shared between the places."""
        if self._seconds_per_epoch is None:
            return None
        left = sum(
            line.epochs - line.epoch for line in self.lines.values() if line.status != "failed"
        )
        return left * self._seconds_per_epoch / self._places

    def say(self, sentence: str) -> None:
        """Prints a line above the bars."""
        if self._all.disable:
            click.echo(sentence, err=True)
        else:
            tqdm.write(sentence, file=sys.stderr)
