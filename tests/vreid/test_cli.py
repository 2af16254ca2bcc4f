"""The `vreid` command where not every package is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from export.bundle_export import DEFAULT_VERSION

HEAVY = ("torch", "torchvision", "timm", "onnx", "pydantic", "lightning_fabric", "embreex")


def vreid_without(
    packages: tuple[str, ...], *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run `vreid` in a process in which `packages` cannot be imported."""
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({packages!r}))\n"
        "from vreid.cli import main\n"
        "main()"
    )
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_package_that_a_running_command_misses_is_named_with_what_installs_it(
    tmp_path: Path,
) -> None:
    done = vreid_without(("embreex",), "synth", tmp_path / "vehicles", "--identities", "1")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: 'vreid synth' needs the package 'embreex', which is not installed; "
        "in the project's folder run: .venv/bin/pip install -c constraints.txt "
        "--editable '.[train,cpu]'  "
        "(or: make environment)\n"
    )


def test_a_package_that_a_command_misses_when_it_is_found_is_named_too() -> None:
    done = vreid_without(("pydantic",), "config")
    assert done.returncode == 1
    assert "'vreid config' needs the package 'pydantic'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_module_of_the_project_keeps_its_traceback(tmp_path: Path) -> None:
    done = vreid_without(
        ("training.synth.generate",), "synth", tmp_path / "vehicles", "--identities", "1"
    )
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("command", ["train", "evaluate", "export", "synth"])
def test_help_needs_no_heavy_package(command: str) -> None:
    done = vreid_without(HEAVY, command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage:")


def test_the_help_of_export_names_the_version_that_it_gives() -> None:
    assert f"[default: ({DEFAULT_VERSION})]" in vreid_without((), "export", "--help").stdout


def test_the_seed_of_synth_is_0_unless_given() -> None:
    line = next(
        line
        for line in vreid_without((), "synth", "--help").stdout.splitlines()
        if "--seed" in line
    )
    assert "default: 0" in line
