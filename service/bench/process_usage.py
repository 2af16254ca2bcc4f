"""Processor time and memory of a process and its children, from /proc."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_NUMBER = re.compile(r"[\s_:.-]*\d+$")
_FIELDS_BEFORE = 11
"""Fields of a stat line between the name and the time in user mode."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes; pages that several processes share count once in `now`, once each in `peak`."""

    now: int
    peak: int


def family(process: int) -> list[int]:
    """The process and what descends from it, those that are alive."""
    parents: dict[int, list[int]] = defaultdict(list)
    for number in (int(path.name) for path in _PROC.iterdir() if path.name.isdigit()):
        with suppress(OSError, IndexError):
            parents[int(_stat(_PROC / str(number))[1][1])].append(number)
    found = [process]
    for one in found:
        found += parents.get(one, [])
    return [one for one in found if (_PROC / str(one)).exists()]


def thread_seconds(process: int) -> dict[str, dict[int, float]]:
    """Processor seconds of every thread of the family, by the thread's name and number."""
    seconds: dict[str, dict[int, float]] = defaultdict(dict)
    for one in family(process):
        for name, thread, taken in _threads(one):
            seconds[name][thread] = taken
    return dict(seconds)


def seconds_between(
    before: Mapping[str, Mapping[int, float]], after: Mapping[str, Mapping[int, float]]
) -> dict[str, float]:
    """Processor seconds by thread name that were spent between two `thread_seconds`, most first."""
    spent = {
        name: sum(
            seconds - before.get(name, {}).get(thread, 0.0) for thread, seconds in threads.items()
        )
        for name, threads in after.items()
    }
    return dict(sorted(spent.items(), key=lambda each: -each[1]))


def memory(process: int) -> Memory:
    """What the family has resident, and the sum of what each of it had at most."""
    now = peak = 0
    for one in family(process):
        with suppress(OSError):
            rollup = _kilobytes(_PROC / str(one) / "smaps_rollup", "Pss:")
            now += 1024 * rollup
            peak += 1024 * _kilobytes(_PROC / str(one) / "status", "VmHWM:")
    return Memory(now, peak)


def forget_peak(process: int) -> bool:
    """Begin the peaks of the family anew; False where the system does not allow it."""
    try:
        for one in family(process):
            # 5 sets the peak to what is resident now (proc(5)).
            (_PROC / str(one) / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _threads(process: int) -> Iterator[tuple[str, int, float]]:
    with suppress(OSError):
        own_name = _stat(_PROC / str(process))[0]
        for path in (_PROC / str(process) / "task").iterdir():
            with suppress(OSError, IndexError):
                name, fields = _stat(path)
                thread = int(path.name)
                ticks = int(fields[_FIELDS_BEFORE]) + int(fields[_FIELDS_BEFORE + 1])
                yield _label(name, own_name, thread == process), thread, ticks / _TICKS


def _label(name: str, own_name: str, first: bool) -> str:
    """The name of a kind of thread; the first thread of a process runs its event loop."""
    if first:
        return "event loop"
    # A thread that nobody named has the name of its process: those that libraries start.
    return "libraries" if name == own_name else _NUMBER.sub("", name)


def _stat(path: Path) -> tuple[str, list[str]]:
    """The name, and the fields after it: state, parent and so on."""
    line = (path / "stat").read_text()
    # A name may itself have parentheses and spaces.
    name, _, rest = line.partition("(")[2].rpartition(")")
    return name, rest.split()


def _kilobytes(path: Path, key: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0
