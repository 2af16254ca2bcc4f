"""The processes of cells, as the runner starts, reads and stops them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from training.ablation.cell import LOG, SPECIFICATION, Cell
from training.ablation.cell_process import DONE, INTERRUPTED, MEASURING
from training.ablation.document import write_document
from training.allocator import SETTINGS

_EPOCH = re.compile(r"epoch (\d+)/\d+: (.+)")
_VALUE = re.compile(r" ([-+.\w]+)(?:,|$)")


@dataclass(frozen=True)
class Slot:
    """A place where one cell runs at a time.

    Attributes:
        number: 0-based.
        threads: of its process, where the environment does not say.
        device: for CUDA_VISIBLE_DEVICES; None leaves it as it is.
    """

    number: int
    threads: int
    device: str | None = None


def slots(jobs: int | None, devices: Sequence[str]) -> list[Slot]:
    """Divides the machine: `jobs` places (by default one for each device), dealt out to devices."""
    count = jobs or len(devices) or 1
    threads = max(1, len(os.sched_getaffinity(0)) // count)
    return [
        Slot(number, threads, devices[number % len(devices)] if devices else None)
        for number in range(count)
    ]


def environment(slot: Slot, on_cpu: bool, given: Mapping[str, str]) -> dict[str, str]:
    """A child's environment; what the user set wins over the allocator's settings and threads."""
    own = {
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": str(slot.threads),
        "MKL_NUM_THREADS": str(slot.threads),
        **(SETTINGS if on_cpu else {}),
        **given,
    }
    if slot.device is not None:
        own["CUDA_VISIBLE_DEVICES"] = slot.device
    return own


@dataclass
class Child:
    """A running cell.

    Attributes:
        epoch: complete epochs.
        loss: mean over the last epoch, None before the first.
        measuring: training is over.
    """

    cell: Cell
    slot: Slot
    process: subprocess.Popen[bytes]
    epoch: int
    loss: float | None = None
    measuring: bool = False
    _started: float = field(default_factory=time.monotonic)
    _first_epoch: int = 0
    _last_epoch_at: float = 0.0
    _read: int = 0

    def observe(self) -> None:
        """Reads what the process has said since the last time."""
        with (self.cell.directory / LOG).open("rb") as log:
            log.seek(self._read)
            said = log.read()
        complete = said[: said.rfind(b"\n") + 1]
        self._read += len(complete)
        for line in complete.decode(errors="replace").splitlines():
            if line == MEASURING:
                self.measuring = True
            elif match := _EPOCH.match(line):
                self.epoch = int(match[1])
                self.loss = _sum(match[2])
                self._last_epoch_at = time.monotonic()

    @property
    def seconds_per_epoch(self) -> float | None:
        """Mean over the epochs since this process started, its start included."""
        epochs = self.epoch - self._first_epoch
        return (self._last_epoch_at - self._started) / epochs if epochs else None

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self.process.poll()

    @property
    def interrupted(self) -> bool:
        """Whether it ended because it was asked to."""
        return self.status in (INTERRUPTED, -signal.SIGTERM)

    @property
    def failure(self) -> str | None:
        """Why it failed; None where it did not."""
        status = self.status
        if status in (None, DONE) or self.interrupted:
            return None
        if status is not None and status < 0:
            return (
                f"killed by {signal.Signals(-status).name}; if that was for want of memory, give "
                "fewer --jobs or a smaller batch"
            )
        lines = (
            (self.cell.directory / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        )
        last = next((line for line in reversed(lines) if line.strip()), f"exit status {status}")
        return last.removeprefix("error: ")

    def stop(self) -> None:
        """Asks it to end after the step at hand, with a checkpoint."""
        with suppress(ProcessLookupError):
            self.process.terminate()

    def kill(self) -> None:
        """Ends it and its loader's workers at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start(cell: Cell, slot: Slot, epoch: int) -> Child:
    """Starts the process of a cell, which says everything to the cell's log."""
    cell.directory.mkdir(parents=True, exist_ok=True)
    specification = cell.directory / SPECIFICATION
    write_document(specification, cell.to_json())
    log = cell.directory / LOG
    with log.open("ab") as said:
        said.write(f"$ {cell.command}\n".encode())
        said.flush()
        position = said.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "training.ablation.cell_process", str(specification)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment(slot, _on_cpu(cell), os.environ),
            # Ctrl-C reaches this process only, which passes it on once: a second one would stop
            # the training without a checkpoint.
            start_new_session=True,
        )
    return Child(cell, slot, process, epoch, _first_epoch=epoch, _read=position)


def _on_cpu(cell: Cell) -> bool:
    accelerator = cell.config.compute.accelerator
    return accelerator == "cpu" or (accelerator == "auto" and not torch.cuda.is_available())


def last_loss(directory: Path) -> float | None:
    """The loss that a cell's log in `directory` told last; None where it told none."""
    log = directory / LOG
    if not log.exists():
        return None
    told = _EPOCH.findall(log.read_text(encoding="utf-8", errors="replace"))
    return _sum(told[-1][1]) if told else None


def _sum(ingredients: str) -> float | None:
    """The loss is the sum of its weighted ingredients: "cross_entropy 3.1, triplet 0.2"."""
    try:
        return sum(float(value) for value in _VALUE.findall(ingredients))
    except ValueError:
        return None
