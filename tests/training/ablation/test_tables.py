"""Tables and results of cells written by hand."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.training.ablation.finished_cells import write_cell
from tests.training.conftest import SMOKE
from training.ablation.cell import cells_of, merged
from training.ablation.grid import Grid, Row
from training.ablation.results import GridResult, gather, to_json
from training.ablation.tables import put_into_page, render
from vreid.errors import ConfigurationError

ROWS = (
    Row("baseline", "baseline", SMOKE, ("objective.cross_directional=0",), "baseline"),
    Row("+ALNU", "alnu", SMOKE, (), "+ALNU", missing_ratio=True),
    Row("ours", "ours", SMOKE, ("objective.alpha=0.1",)),
)
GRID = Grid("made_up", "A made-up table", "concat", "table5_msvr310", None, ROWS)


@pytest.fixture
def result(tmp_path: Path) -> GridResult:
    shares: Mapping[str, tuple[float, ...]] = {
        "baseline": (0.20, 0.22, 0.24),
        "+ALNU": (0.30, 0.33, 0.36),
        "ours": (0.5,),
    }
    cells = cells_of(GRID, tmp_path, (1, 2, 3), {"synthetic": tmp_path})
    for cell in cells:
        if cell.seed <= len(shares[cell.row]):
            drop = 0.1 * cell.seed if cell.row == "+ALNU" else None
            write_cell(cell, shares[cell.row][cell.seed - 1], drop)
    return gather(GRID, cells, {"ours seed 2": "the loss is nan"})


def test_rows_stand_beside_the_papers_with_their_seeds(result: GridResult) -> None:
    lines = render([result]).splitlines()[4:13]
    assert len(set(map(len, lines[:5]))) == 1
    assert [re.split(r" *\| *", line.strip("| ")) for line in (lines[0], *lines[2:5])] == [
        ["row", "n", "mAP", "rank-1", "rank-5", "rank-10"],
        ["baseline", "3", *(f"22.0 ± 2.0 / {paper}" for paper in (25.6, 39.4, 58.5, 67.9))],
        ["+ALNU", "3", *(f"33.0 ± 3.0 / {paper}" for paper in (29.4, 47.2, 66.0, 74.3))],
        ["ours", "1", "50.0", "50.0", "50.0", "50.0"],
    ]
    assert lines[5:] == ["", "- ours, seed 2: the loss is nan", "- ours, seed 3: not trained", ""]


def test_the_claim_has_its_paired_difference_and_interval(result: GridResult) -> None:
    text = render([result])
    assert "Kendall's tau +1.00" in text
    assert "The paper's claims between neighbours (1): 1 as published" in text
    # Differences 10, 11 and 12: deviation 1, and 4.302653 / sqrt(3) either way.
    assert "| +ALNU > baseline | +3.8  | +11.0 ± 1.0 | +8.5 to +13.5 | 3 of 3" in text


def test_what_rounds_to_zero_has_no_sign(tmp_path: Path) -> None:
    cells = cells_of(GRID, tmp_path, (1, 2, 3), {"synthetic": tmp_path})
    shares = {"baseline": (0.2, 0.2, 0.2), "+ALNU": (0.1998, 0.1997, 0.1999)}
    for cell in cells:
        if cell.row in shares:
            drop = -0.0001 if cell.row == "+ALNU" else None
            write_cell(cell, shares[cell.row][cell.seed - 1], drop)
    text = render([gather(GRID, cells, {})])
    assert "| +ALNU > baseline | +3.8  | 0.0 ± 0.0 | 0.0 to 0.0   | 0 of 3" in text
    (center,) = [line for line in text.splitlines() if line.startswith("| +ALNU | center")]
    assert center.endswith("| 0.0 ± 0.0 |")


def test_each_cells_figures_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = cells_of(GRID, tmp_path, (1,), {"synthetic": tmp_path})
    for cell in cells:
        write_cell(cell, 0.5, 0.1)
    read: list[Path] = []
    read_text = Path.read_text

    def noted(path: Path, encoding: str | None = None) -> str:
        read.append(path)
        return read_text(path, encoding)

    monkeypatch.setattr(Path, "read_text", noted)
    gather(GRID, cells, {})
    ours = [path for path in read if path.is_relative_to(tmp_path)]
    assert len(ours) == len(set(ours)) == 2 * len(cells)


def test_the_curve_ends_in_its_drop_beside_the_papers(result: GridResult) -> None:
    lines = render([result]).splitlines()
    (center,) = [line for line in lines if line.startswith("| +ALNU | center")]
    assert [cell.strip() for cell in center.split("|")[1:-1]] == [
        *("+ALNU", "center", "3"),
        *("33.0 ± 3.0", "33.0 ± 3.0", "13.0 ± 7.0", "20.0 ± 10.0"),
    ]
    (paper,) = [line for line in lines if line.startswith("| paper")]
    assert [cell.strip() for cell in paper.split("|")[1:-1]] == [
        *("paper", "center", "1", "34.4", "28.1", "21.8", "12.6"),
    ]


def test_results_are_plain_json_and_say_whether_they_are_complete(result: GridResult) -> None:
    document = json.loads(json.dumps(to_json([result])))
    (grid,) = document["grids"]
    assert not grid["complete"]
    assert grid["rows"][0]["figures"]["mAP"] == {
        "mean": pytest.approx(22),
        "deviation": pytest.approx(2),
        "n": 3,
    }
    assert grid["order"]["claims"][0]["interval"] == pytest.approx([8.515862, 13.484138])


def test_a_section_goes_between_its_marks_and_nowhere_else(result: GridResult) -> None:
    page = Path("page.md")
    once = put_into_page("a\n<!-- made_up -->\n<!-- end made_up -->\nb\n", result, page)
    assert once == put_into_page(once, result, page)
    assert once == f"a\n<!-- made_up -->\n\n{render([result])}\n<!-- end made_up -->\nb\n"
    with pytest.raises(ConfigurationError, match="end made_up"):
        put_into_page("a", result, page)


def test_two_grids_share_equal_cells_and_refuse_different_ones(tmp_path: Path) -> None:
    one = cells_of(GRID, tmp_path, (1,), {"synthetic": tmp_path})
    assert merged([*one, *one]) == one
    other_row = Row("also", "baseline", SMOKE, ("objective.alpha=0.9",))
    other = Grid("other", "Other", "concat", None, None, (other_row,))
    with pytest.raises(ConfigurationError, match="share the directory"):
        merged([*one, *cells_of(other, tmp_path, (1,), {"synthetic": tmp_path})])
