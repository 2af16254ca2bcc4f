"""Runs processes that decode inputs, and tells what came of each input."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.abuse.fuzzing.inputs import make_input

PROCESSES = 2
MEMORY = 4 * 2**30
"""Bytes of address space: a picture of the largest size that is allowed takes a fifth of it."""

LONGEST = 60.0
"""Seconds that one input may take, on any machine."""


@dataclass(slots=True)
class Outcomes:
    """What came of a run.

    Attributes:
        seed: of the inputs.
        counts: inputs by format and outcome.
        faults: sentences about inputs that did not end as they should, with seed and index.
        slowest: seconds and index of the inputs that took longest, the longest first.
        resident: bytes that each process held, as it went on.
        seconds: that the run took.
    """

    seed: int
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: list[tuple[float, int]] = field(default_factory=list)
    resident: list[list[int]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, index: int, line: Mapping[str, object]) -> None:
        """Count one input that has ended."""
        if "fault" in line:
            self.faults.append(f"{named(self.seed, index)}: {line['fault']}")
        self.counts[str(line["format"]), str(line.get("outcome", "fault"))] += 1
        seconds = line["seconds"]
        assert isinstance(seconds, float)
        self.slowest = sorted([*self.slowest, (seconds, index)], reverse=True)[:5]

    def count_of(self, outcome: str) -> int:
        """Return how many inputs ended so."""
        return sum(count for (_, each), count in self.counts.items() if each == outcome)


def named(seed: int, index: int) -> str:
    """Return how an input is called, and so written out."""
    return f"seed {seed} index {index} ({make_input(seed, index).name})"


def decode_in_processes(seed: int, inputs: int, processes: int = PROCESSES) -> Outcomes:
    """Decode the first inputs of a seed; a process that an input ends is begun anew behind it."""
    outcomes = Outcomes(seed, resident=[[] for _ in range(processes)])
    began = time.monotonic()
    runs = [_Run(outcomes, first, inputs, processes) for first in range(processes)]
    with selectors.DefaultSelector() as selector:
        waiting = list(runs)
        for run in runs:
            run.start(selector)
        while waiting:
            for key, _ in selector.select(timeout=1.0):
                key.data.read(selector)
            for run in runs:
                run.end_if_hung(selector)
            waiting = [run for run in waiting if not run.is_over]
    outcomes.seconds = time.monotonic() - began
    return outcomes


class _Run:
    """Every n-th input, by one process at a time."""

    def __init__(self, outcomes: Outcomes, first: int, inputs: int, processes: int) -> None:
        self._outcomes = outcomes
        self._next = self._first = first
        self._inputs, self._processes = inputs, processes
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._since = time.monotonic()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the run is over
        self.is_over = False

    def start(self, selector: selectors.BaseSelector) -> None:
        """Begin with the next input, or be over."""
        if self._next >= self._inputs:
            self.is_over = True
            self._errors.close()
            return
        self._rest = b""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.abuse.fuzzing.decoding_process"),
                *("--seed", str(self._outcomes.seed), "--start", str(self._next)),
                *("--stop", str(self._inputs), "--step", str(self._processes)),
                *("--memory", str(MEMORY)),
            ],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"},
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._since = time.monotonic()
        selector.register(self._process.stdout, selectors.EVENT_READ, self)

    def read(self, selector: selectors.BaseSelector) -> None:
        """Take what the process has written; where it has ended, begin another."""
        assert self._process is not None
        assert self._process.stdout is not None
        chunk = self._process.stdout.read()
        if chunk:
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
        elif chunk == b"":
            self._ended(selector)

    def end_if_hung(self, selector: selectors.BaseSelector) -> None:
        """End a process whose input takes too long."""
        if self._process is None or time.monotonic() - self._since < LONGEST:
            return
        self._process.kill()
        self._fault(f"took more than {LONGEST:g} s")
        self._ended(selector)

    def _take(self, line: Mapping[str, object]) -> None:
        self._since = time.monotonic()
        if "begin" in line:
            return
        self._outcomes.add(self._next, line)
        if isinstance(resident := line.get("resident"), int):
            self._outcomes.resident[self._first].append(resident)
        self._next += self._processes

    def _ended(self, selector: selectors.BaseSelector) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        selector.unregister(self._process.stdout)
        self._process.stdout.close()
        status = self._process.wait()
        self._process = None
        if self._next < self._inputs:
            self._fault(f"ended the process with status {status}: {self._last_words()}")
            self._next += self._processes
        self.start(selector)

    def _fault(self, what: str) -> None:
        self._outcomes.faults.append(f"{named(self._outcomes.seed, self._next)} {what}")

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-2000:].decode(errors="replace")


def write_failing(seed: int, faults: Sequence[str], folder: Path) -> Iterator[Path]:
    """Write out the inputs that the sentences about faults name."""
    folder.mkdir(parents=True, exist_ok=True)
    for fault in faults:
        index = int(fault.split("index ")[1].split()[0])
        path = folder / f"{seed}-{index}"
        path.write_bytes(make_input(seed, index).data)
        yield path
