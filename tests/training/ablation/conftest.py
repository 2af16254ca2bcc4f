"""A tiny grid, run once by the command in real processes."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.training.conftest import SMOKE, TINY
from tests.training.images import MSVR310_FOLDERS, write_image
from vreid.cli import application

GRID = f"""
title = "A tiny table"
recipe = "{SMOKE}"
published = "table5_msvr310"

[[rows]]
name = "baseline"
set = {{ model.normalisation = "none", objective.cross_directional = 0.0 }}

[[rows]]
name = "+L_CdC+ALNU"
missing_ratio = true
"""
SETTINGS = [*TINY, "epochs=2"]

Ablate = Callable[..., Result]


@pytest.fixture(scope="session")
def puzzling_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of 4 identities whose pictures say nothing: figures tell the slightest difference."""
    root = tmp_path_factory.mktemp("puzzling")
    seed = 0
    for split in ("bounding_box_train", "bounding_box_test", "query3"):
        for identity, scene, view in product(range(1, 5), (0, 1), (0, 1)):
            name = f"{identity:04}_s{scene:03}_v{view}_{2 * scene + view:03}.jpg"
            for folder in MSVR310_FOLDERS:
                write_image(root / split / f"{identity:04}" / folder / name, seed := seed + 1)
    return root


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grid") / "tiny.toml"
    path.write_text(GRID)
    return path


@pytest.fixture(scope="session")
def ablate(puzzling_tree: Path) -> Ablate:
    """Runs the command over the tree; the cells are processes of their own."""

    def run(grid: Path, out: Path, *more: object, seeds: str = "1,2") -> Result:
        changes = [part for change in SETTINGS for part in ("--set", change)]
        arguments = ["ablate", grid, "--out", out, "--seeds", seeds, *changes, *more]
        if "--report-only" not in more:
            arguments += ["--data", f"synthetic={puzzling_tree}"]
        environment = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        return CliRunner(env=environment).invoke(application, [str(each) for each in arguments])

    return run


@pytest.fixture(scope="session")
def whole(grid: Path, ablate: Ablate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the tiny grid, run without interruption."""
    out = tmp_path_factory.mktemp("whole")
    result = ablate(grid, out, "--jobs", 2)
    assert result.exit_code == 0, result.output
    return out


def results_of(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "results.json").read_text())
    (grid,) = document["grids"]
    return dict(grid)
