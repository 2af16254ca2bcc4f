"""Directories that hold something else, or are taken."""

import fcntl
from pathlib import Path

import pytest

from tests.training.ablation.finished_cells import write_cell
from tests.training.conftest import SMOKE
from training.ablation.cell import Cell, cells_of, inspect
from training.ablation.cell_process import run_cell
from training.ablation.grid import Grid, Row
from training.ablation.runner import check_none_refused, clear_refused
from training.errors import AblationError


def cell(out: Path, *changes: str) -> Cell:
    row = Row("row", "row", SMOKE, changes)
    grid = Grid("grid", "Grid", "concat", None, None, (row,))
    return cells_of(grid, out, (1,), {"synthetic": out})[0]


def test_a_finished_cell_is_done_whatever_it_was_called_and_wherever_it_ran(tmp_path: Path) -> None:
    write_cell(cell(tmp_path, "name=other", "compute.loader_workers=3"), 0.5)
    wanted = cell(tmp_path)
    assert inspect(wanted).stage == "done"
    check_none_refused([wanted])
    run_cell(wanted)


def test_a_finished_cell_stays_finished_however_it_was_measured_meanwhile(tmp_path: Path) -> None:
    write_cell(cell(tmp_path), 0.5)
    assert inspect(cell(tmp_path, "validation.every=1")).stage == "done"


def test_figures_of_another_policy_are_to_be_measured_again(tmp_path: Path) -> None:
    write_cell(cell(tmp_path), 0.5)
    figures = cell(tmp_path).directory / "evaluation.json"
    figures.write_text(figures.read_text().replace("concat", "center"))
    assert inspect(cell(tmp_path)).stage == "trained"
    figures.write_text("{")
    assert inspect(cell(tmp_path)).stage == "trained"


def test_another_recipe_is_refused_by_name_until_it_is_cleared_away(tmp_path: Path) -> None:
    write_cell(cell(tmp_path, "objective.alpha=0.1"), 0.5)
    wanted = cell(tmp_path)
    (wanted.directory / "notes.txt").write_text("mine")
    with pytest.raises(AblationError, match=r"objective\.alpha is 0\.1 there, 0\.6 here"):
        check_none_refused([wanted])
    with pytest.raises(AblationError, match="--redo"):
        run_cell(wanted)
    clear_refused([wanted])
    assert inspect(wanted).stage == "absent"
    assert {path.name for path in wanted.directory.iterdir()} == {"notes.txt", "lock"}
    check_none_refused([wanted])


def test_nothing_of_a_refused_training_outlives_it(tmp_path: Path) -> None:
    write_cell(cell(tmp_path, "objective.alpha=0.1"), 0.5)
    wanted = cell(tmp_path)
    directory = wanted.directory
    for name in ("best", "best.previous", "best.new", "checkpoint.previous", "checkpoint.new"):
        (directory / name).mkdir()
        (directory / name / "figures.json").write_text('{"epoch": 3, "mAP": 0.99, "rank1": 1.0}')
    (directory / "tensorboard" / "version_0").mkdir(parents=True)
    (directory / "measured_epoch.txt").write_text("3")
    (directory / "bad_images.txt").write_text("one.jpg\tcut\n")
    (directory / "log.txt").write_text("said")
    clear_refused([wanted])
    assert [path.name for path in directory.iterdir()] == ["log.txt"]


def test_a_cell_that_another_process_works_on_is_left_alone(tmp_path: Path) -> None:
    write_cell(cell(tmp_path), 0.5)
    with (cell(tmp_path).directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AblationError, match="another process works on"):
            run_cell(cell(tmp_path))
