import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.image.requirements import requirements

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS = sorted(PROJECT["optional-dependencies"])


def pins() -> dict[str, str]:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_each_line_is_one_name_and_one_version_and_names_no_place() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert [p for p in pinned if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", p)] == []


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_requirement_of_the_project_is_pinned_to_a_version_it_allows(extra: str) -> None:
    pinned = pins()
    for line in requirements([extra], build=True):
        requirement = Requirement(line)
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} has no pin; run: make lock"
        assert requirement.specifier.contains(version), f"{line} excludes {version}"


def test_torch_and_torchvision_are_the_pair_that_is_tested_together() -> None:
    pinned = pins()
    assert (pinned["torch"], pinned["torchvision"]) == ("2.14.1", "0.29.1")


def test_an_unknown_extra_is_an_error() -> None:
    with pytest.raises(KeyError):
        requirements(["no-such-extra"])
