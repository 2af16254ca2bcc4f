"""What several processes of a test run read is made by one of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.made_once import made_once

ROOT = Path(__file__).parents[1]

READS = """
import pytest
from tests.made_once import made_once

@pytest.mark.parametrize("number", range(6))
def test_read(number, tmp_path_factory):
    def make(folder):
        (folder / "part").write_text("whole")
        with (folder.parent / "how often").open("a") as made:
            made.write("once ")

    assert (made_once(tmp_path_factory, "thing", make) / "part").read_text() == "whole"
"""


def test_processes_that_want_it_at_the_same_moment_get_the_same(tmp_path: Path) -> None:
    (tmp_path / "test_reads.py").write_text(READS)
    run = tmp_path / "run"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    command += ["--rootdir", str(tmp_path), "--numprocesses", "2", "--basetemp", str(run)]
    plain = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, str(tmp_path / "test_reads.py")],
        env=plain | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert (run / "how often").read_text() == "once "


def test_what_could_not_be_made_is_tried_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        made_once(tmp_path_factory, "failing", fail)
    folder = made_once(tmp_path_factory, "failing", lambda folder: (folder / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]
