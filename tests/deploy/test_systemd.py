"""The systemd units, read as systemd reads them."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from service.settings import Settings
from service.variables import unknown_variables
from tests.e2e.processes import clean_environment, command
from tests.service.calibrated_bundle import make_bundle
from vreid.bundle import Bundle

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "deploy" / "systemd"
NAMES = ("vreid.service", "vreid-worker.service", "vreid-backup.service", "vreid-crops.service")
MOST_EXPOSED = 2.0
"""Of systemd's own scale from 0, closed, to 10."""


def section(name: str) -> configparser.SectionProxy:
    """The section [Service] of a unit; of settings that are given twice, the last."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(FOLDER / name)
    return unit["Service"]


def settings_of(name: str) -> list[str]:
    return [line for line in (FOLDER / name).read_text().splitlines() if re.match(r"\w+=", line)]


def test_there_are_the_units_that_are_tested_and_a_timer() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*NAMES, "vreid-backup.timer"}


def test_memory_is_bounded_and_no_index_is_asked_for_a_package_of_this_name() -> None:
    assert section("vreid.service")["MemoryMax"] == "4G"
    installed = re.findall(r"pip install (.*)", (FOLDER / "vreid.service").read_text())
    assert installed
    assert all("--constraint" in each and ".whl" in each for each in installed)


@pytest.mark.parametrize("name", NAMES[:2])
def test_it_is_given_longer_than_it_drains(name: str) -> None:
    drain = Settings.model_fields["drain_timeout"].default
    assert int(section(name)["TimeoutStopSec"]) >= drain + 10


@pytest.mark.parametrize("name", NAMES)
def test_the_variables_are_settings(name: str) -> None:
    given = dict(each.split("=", 1) for each in section(name).get("Environment", "").split())
    assert unknown_variables(given) == []


@pytest.mark.parametrize("name", NAMES)
def test_it_has_no_right_that_it_does_not_need(name: str) -> None:
    service = section(name)
    assert (service["User"], service["Group"]) == ("vreid", "vreid")
    assert service["CapabilityBoundingSet"] == ""
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["LimitCORE"] == "0"
    assert {"SystemCallFilter=@system-service", "SystemCallFilter=~@privileged"} <= set(
        settings_of(name)
    )


def test_the_watched_folder_may_be_written_and_a_refused_key_is_not_tried_again() -> None:
    service = section("vreid-crops.service")
    program, script, folder = service["ExecStart"].split()
    assert program == "/opt/vreid/bin/python"
    assert (REPOSITORY / script.removeprefix("/opt/vreid/share/")).is_file()
    assert service["ReadWritePaths"].split() == [folder]
    assert int(service["RestartPreventExitStatus"]) == os.EX_CONFIG
    assert service["Restart"] == "always"


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """The units with a program that exists."""
    for path in FOLDER.iterdir():
        text = re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text)
    return tmp_path


def test_systemd_finds_no_fault(copies: Path) -> None:
    program = shutil.which("systemd-analyze")
    assert program is not None, "systemd-analyze is absent; run: make system-packages"
    units = sorted(copies.iterdir())
    done = run(program, "verify", "--man=no", "--recursive-errors=no", *units)
    assert (done.returncode, done.stderr.count("vreid")) == (0, 0), done.stderr
    for name in NAMES:
        exposed = run(program, "security", "--offline=yes", "--no-pager", copies / name)
        level = re.search(r"exposure level for \S+: ([\d.]+)", exposed.stdout)
        assert level is not None, exposed.stdout + exposed.stderr
        assert float(level[1]) <= MOST_EXPOSED, exposed.stdout


def backup_step(step: str, program: Path, gallery: Path, backups: Path) -> None:
    """Run a command of the backup's unit as systemd does."""
    environment = clean_environment() | {"VREID_GALLERY": str(gallery), "BACKUPS": str(backups)}
    script = re.fullmatch(r"/bin/sh -ec '(.*)'", section("vreid-backup.service")[step])
    assert script is not None
    text = script[1].replace("%%", "%").replace("/opt/vreid/bin/vreid", str(program))
    done = subprocess.run(["sh", "-ec", text], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def folder_of_age(path: Path, days: int) -> Path:
    path.mkdir(parents=True)
    (path / "manifest.json").touch()
    subprocess.run(["touch", "--date", f"{days} days ago", path], check=True)
    return path


def test_the_backup_s_commands_keep_what_is_young_and_sound(tmp_path: Path) -> None:
    bundle = Bundle.load(make_bundle(tmp_path / "bundle").path)
    from service.gallery.opening import open_records

    gallery, backups = tmp_path / "gallery", tmp_path / "backups"
    open_records(gallery, bundle, lock_timeout=3.0).close()
    young = folder_of_age(backups / "20260110T030000Z", 3)
    folder_of_age(backups / "20260101T030000Z", 20)
    program = tmp_path / "vreid"
    python, option, start = command([])
    program.write_text(f'#!/bin/sh\nexec {python} {option} "{start}" "$@"\n')
    program.chmod(0o755)
    for step in ("ExecStart", "ExecStartPost"):
        backup_step(step, program, gallery, backups)
    (made,) = set(backups.iterdir()) - {young}
    assert (made / "manifest.json").is_file()


def test_old_backups_are_removed_and_neither_the_newest_nor_what_is_none(tmp_path: Path) -> None:
    backups = tmp_path / "back ups"
    for day in range(1, 4):
        folder_of_age(backups / f"2026010{day}T030000Z", 40 - day)
    others = [folder_of_age(backups / name, 90) for name in ("lost+found", "of another program")]
    file = backups / "20250101T030000Z"
    file.touch()
    subprocess.run(["touch", "--date", "90 days ago", file], check=True)
    backup_step("ExecStartPost", tmp_path / "none", tmp_path / "none", backups)
    assert set(backups.iterdir()) == {backups / "20260103T030000Z", *others, file}


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=240
    )
