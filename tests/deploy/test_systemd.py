"""The systemd unit, read as systemd reads it."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from service.settings import Settings, unknown_variables

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "vreid.service"
MOST_EXPOSED = 3.0
"""Of systemd's own scale from 0, closed, to 10."""


@pytest.fixture(scope="module")
def service() -> configparser.SectionProxy:
    """The section [Service]."""
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    return unit["Service"]


def test_memory_is_bounded_and_no_index_is_asked_for_a_package_of_this_name(
    service: configparser.SectionProxy,
) -> None:
    assert service["MemoryMax"] == "4G"
    installed = re.findall(r"pip install (.*)", UNIT.read_text())
    assert installed
    assert all("--constraint" in each and ".whl" in each for each in installed)


def test_it_is_given_longer_than_it_drains(service: configparser.SectionProxy) -> None:
    drain = Settings.model_fields["drain_timeout"].default
    assert int(service["TimeoutStopSec"]) >= drain + 10


def test_the_variables_are_settings(service: configparser.SectionProxy) -> None:
    given = dict(each.split("=", 1) for each in service["Environment"].split())
    assert unknown_variables(given) == []


def test_it_has_no_right_that_it_does_not_need(service: configparser.SectionProxy) -> None:
    assert service["CapabilityBoundingSet"] == ""
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    # Where systemd is not installed, the other tests of this file remain.
    program = shutil.which("systemd-analyze")
    if program is None:
        return
    copy = tmp_path / UNIT.name
    text = re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE)
    copy.write_text(text)
    done = run(program, "verify", "--man=no", "--recursive-errors=no", copy)
    assert (done.returncode, UNIT.name in done.stderr) == (0, False), done.stderr
    exposed = run(program, "security", "--offline=yes", "--no-pager", copy)
    level = re.search(r"exposure level for \S+: ([\d.]+)", exposed.stdout)
    assert level is not None, exposed.stdout + exposed.stderr
    assert float(level[1]) <= MOST_EXPOSED


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
