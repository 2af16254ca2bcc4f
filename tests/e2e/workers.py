"""Real `vreid worker` processes."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.processes import clean_environment, command

_STORED = " stored the entry "


@dataclass
class WorkerProcess:
    """A running `vreid worker`."""

    process: subprocess.Popen[str]
    log: Path

    def kill(self) -> None:
        """End the process as a power cut would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> int:
        """Ask the process to end; returns its exit status."""
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(timeout=60)

    def stored(self) -> list[str]:
        """The entries that it acknowledged, in this order."""
        lines = self.log.read_text().splitlines()
        return [line.rpartition(_STORED)[2] for line in lines if _STORED in line]


@contextmanager
def working(bundle: Path, gallery: Path, environment: dict[str, str]) -> Iterator[WorkerProcess]:
    """Run `vreid worker` until the block ends; it takes entries when the block begins."""
    with tempfile.NamedTemporaryFile(prefix="vreid-worker-", suffix=".log") as log:
        process = subprocess.Popen(
            command(["worker", "--bundle", bundle, "--gallery", gallery]),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=clean_environment() | environment,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("vreid worker takes entries"), Path(log.name).read_text()
            yield WorkerProcess(process, Path(log.name))
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(timeout=60)
            assert process.stdout is not None
            process.stdout.close()
