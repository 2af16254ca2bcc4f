import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "setup" / "system-packages.sh"


def installed_by(*wanted: str) -> str:
    """Return what the script says that it would install."""
    done = subprocess.run(
        [SCRIPT, *wanted], env={"PATH": "/usr/bin:/bin", "DRY_RUN": "1"}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


@pytest.mark.parametrize("wanted", ["bash", "bash=no-such-package", "no-such-package|bash"])
def test_what_is_there_is_not_installed(wanted: str) -> None:
    assert installed_by(wanted) == ""


def test_a_program_that_is_absent_is_installed_by_its_package() -> None:
    assert installed_by("no-such-program=no-such-package") == (
        "installing system packages: no-such-package"
    )


def test_of_several_names_the_one_that_the_release_has_is_taken() -> None:
    # The package manager knows its own name, and this machine has no such program.
    asked = "no-such-program=no-such-package|apt|another"
    assert installed_by(asked) in ("", "installing system packages: apt")
    assert "no-such-package" not in installed_by(asked)


def test_a_name_that_no_release_has_is_told_by_the_package_manager() -> None:
    assert installed_by("one-that-is-not|other-that-is-not").endswith("other-that-is-not")
