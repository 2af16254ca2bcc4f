"""`vreid ablate` from end to end, its cells in processes of their own."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from tests.training.ablation.conftest import Ablate, results_of
from tests.training.signals import handle_sigterm
from training.ablation.cell import LOG
from training.checkpoint import read_description
from training.errors import AblationError, AblationInterruptedError
from vreid.errors import ConfigurationError

PATIENCE = 240.0
"""Seconds after which something hangs; a training takes a few."""

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]


def test_every_cell_is_trained_and_measured_beside_the_papers_figures(whole: Path) -> None:
    result = results_of(whole)
    assert result["complete"]
    assert [row["name"] for row in result["rows"]] == ["baseline", "+L_CdC+ALNU"]
    for row in result["rows"]:
        cells = {
            seed: json.loads(
                (whole / row["folder"] / f"seed{seed}" / "evaluation.json").read_text()
            )
            for seed in ("1", "2")
        }
        values = [100 * cell["mAP"] for cell in cells.values()]
        assert row["figures"]["mAP"]["mean"] == pytest.approx(sum(values) / 2)
        assert row["figures"]["mAP"]["n"] == 2
        assert values[0] != values[1]
        assert all(cell["policy"] == "concat" for cell in cells.values())
        assert all("R+N+T" in cell["subsets"] for cell in cells.values())
    assert result["rows"][1]["published"] == {
        "mAP": 36.4,
        "rank1": 55.2,
        "rank5": 72.4,
        "rank10": 79.7,
    }
    (claim,) = result["order"]["claims"]
    assert (claim["higher"], claim["lower"]) == ("+L_CdC+ALNU", "baseline")
    assert claim["published"] == pytest.approx(10.8)
    assert result["order"]["kendall_tau"] == (1 if claim["spread"]["mean"] > 0 else -1)


def test_only_rows_that_ask_for_it_have_a_missing_ratio_curve(whole: Path) -> None:
    curves = results_of(whole)["missing_ratio"]
    assert [(curve["row"], curve["policy"]) for curve in curves] == [
        ("+L_CdC+ALNU", "center"),
        ("+L_CdC+ALNU", "shared"),
    ]
    assert list(curves[0]["points"]) == [str(ratio) for ratio in range(0, 101, 10)]
    assert curves[0]["drop"]["mean"] == pytest.approx(
        curves[0]["points"]["0"]["mean"] - curves[0]["points"]["100"]["mean"]
    )
    (baseline, _) = whole.glob("baseline/*/evaluation.json")
    assert "missing_ratio" not in json.loads(baseline.read_text())


def test_progress_tells_every_cells_epoch_and_loss(whole: Path) -> None:
    progress = json.loads((whole / "progress.json").read_text())
    assert progress["counts"] == {"done": 4}
    assert {(cell["epoch"], cell["epochs"]) for cell in progress["cells"]} == {(2, 2)}
    assert all(cell["loss"] > 0 for cell in progress["cells"])


def test_what_is_done_is_not_done_again_and_can_be_reported_alone(
    whole: Path, grid: Path, ablate: Ablate, tmp_path: Path
) -> None:
    logs = {path: path.stat().st_mtime_ns for path in whole.rglob(LOG)}
    assert len(logs) == 4
    again = ablate(grid, whole, "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["grids"][0] == results_of(whole)
    assert {path: path.stat().st_mtime_ns for path in whole.rglob(LOG)} == logs

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- tiny -->\nold\n<!-- end tiny -->\nafter\n")
    report = ablate(grid, whole, "--report-only", "--page", page)
    assert report.exit_code == 0, report.output
    assert "+L_CdC+ALNU > baseline" in report.stdout
    assert (whole / "table.md").read_text() == report.stdout
    assert page.read_text() == (
        f"before\n<!-- tiny -->\n\n{report.stdout}\n<!-- end tiny -->\nafter\n"
    )


def test_cells_that_the_train_command_made_are_adopted_and_others_are_refused(
    whole: Path, grid: Path, ablate: Ablate, tmp_path: Path
) -> None:
    # Only what `vreid train` and `vreid evaluate` leave behind.
    for checkpoint in whole.glob("*/*/checkpoint"):
        cell = tmp_path / checkpoint.parent.relative_to(whole)
        shutil.copytree(checkpoint, cell / "checkpoint")
        shutil.copy(checkpoint.parent / "evaluation.json", cell)
    adopted = ablate(grid, tmp_path)
    assert adopted.exit_code == 0, adopted.output
    assert results_of(tmp_path) == results_of(whole)
    assert not list(tmp_path.rglob(LOG))

    changed = ablate(grid, tmp_path, "--set", "optimiser.learning_rate=0.5", "--rows", "baseline")
    assert isinstance(changed.exception, AblationError)
    assert "optimiser.learning_rate is 0.001 there, 0.5 here" in str(changed.exception)
    assert "--redo" in str(changed.exception)
    report = ablate(
        grid, tmp_path, "--set", "optimiser.learning_rate=0.5", "--report-only", "--rows=baseline"
    )
    assert report.exit_code == 0, report.output
    assert "the directory holds another training" in report.stdout
    assert results_of(tmp_path)["rows"][0]["figures"] == {}


def test_a_cell_that_fails_is_reported_and_the_others_stay(
    whole: Path, grid: Path, ablate: Ablate, tmp_path: Path
) -> None:
    with_broken = tmp_path / "broken.toml"
    with_broken.write_text(
        grid.read_text() + '\n[[rows]]\nname = "broken"\nset = { optimiser.learning_rate = 1e30 }\n'
    )
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    result = ablate(with_broken, out, seeds="1")
    assert result.exit_code == 1
    assert isinstance(result.exception, AblationError)
    assert "broken seed 1: the loss is nan" in str(result.exception)
    rows = {row["name"]: row for row in results_of(out)["rows"]}
    assert "the loss is nan" in rows["broken"]["absent"]["1"]
    assert rows["baseline"]["figures"]["mAP"]["n"] == 1
    progress = json.loads((out / "progress.json").read_text())
    assert progress["counts"] == {"done": 2, "failed": 1}


def test_an_interrupted_grid_goes_on_to_the_same_figures(
    whole: Path, grid: Path, ablate: Ablate, tmp_path: Path
) -> None:
    def interrupt() -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not list(tmp_path.glob("*/*/checkpoint")):
            time.sleep(0.01)
        handle_sigterm()

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    stopped = ablate(grid, tmp_path, "--rows", "l_cdc_alnu", seeds="1")
    watcher.join()
    assert isinstance(stopped.exception, AblationInterruptedError), stopped.output
    assert "the same command goes on" in str(stopped.exception)
    (begun, *_) = tmp_path.glob("*/*/checkpoint")
    assert read_description(begun).position.epoch < 2
    assert not results_of(tmp_path)["complete"]

    finished = ablate(grid, tmp_path, "--rows", "l_cdc_alnu", seeds="1")
    assert finished.exit_code == 0, finished.output
    shutil.copytree(whole, tmp_path / "whole")
    uninterrupted = ablate(
        grid, tmp_path / "whole", "--report-only", "--rows", "l_cdc_alnu", seeds="1"
    )
    assert uninterrupted.exit_code == 0, uninterrupted.output
    assert finished.stdout == uninterrupted.stdout
    assert results_of(tmp_path) == results_of(tmp_path / "whole")


def test_options_that_mean_nothing_are_refused(grid: Path, ablate: Ablate, tmp_path: Path) -> None:
    row = ablate(grid, tmp_path, "--rows", "no such row")
    assert isinstance(row.exception, ConfigurationError)
    assert "there are baseline, +L_CdC+ALNU" in str(row.exception)
    data = ablate(grid, tmp_path, "--data", "elsewhere=folder")
    assert isinstance(data.exception, ConfigurationError)
    assert "--data elsewhere" in str(data.exception)
    assert ablate(grid, tmp_path, seeds="one").exit_code == 2
