"""What `make` says on the way."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("target", ["demo", "docs"])
def test_what_is_installed_and_how_large_it_is_stands_before_pip_begins(target: str) -> None:
    # As in a clone: nothing is installed yet, and nothing is run here.
    told = subprocess.run(
        ["make", "--dry-run", "VENV=nowhere", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    before, pip, _ = told.partition("pip install -qq")
    assert pip
    assert re.search(r"^echo \"installing .* into nowhere: about [0-9.]+ GB", before, re.MULTILINE)
