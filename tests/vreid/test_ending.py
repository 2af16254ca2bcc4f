"""How a command's process ends, in real processes."""

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading, time
from vreid.ending import leave, skip_teardown
atexit.register(lambda: print("goodbye"))
threading.Thread(target=time.sleep, args=({sleep},)).start()
{skips}
print("said", end="")
leave({status})
"""


@pytest.mark.parametrize(("skips", "sleep"), [("skip_teardown()", 600), ("", 0)])
@pytest.mark.parametrize("status", [0, 1, 130])
def test_the_status_and_what_was_said_come_through(skips: str, sleep: int, status: int) -> None:
    # A thread of Python's own keeps the process for ten minutes unless teardown is skipped.
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(skips=skips, sleep=sleep, status=status)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "saidgoodbye\n", "")
