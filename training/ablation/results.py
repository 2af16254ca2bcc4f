"""The results of an ablation, gathered from the figures that lie in its cells; in percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from training.ablation.cell import Cell, CellState, inspect
from training.ablation.grid import Grid, Row
from training.ablation.statistics import Claim, Spread, claims, kendall_tau, spread
from training.evaluation.missing_ratio import CURVE_POLICIES
from training.evaluation.published import (
    PublishedFigures,
    published,
    published_missing_ratio,
)

RESULTS = "results.json"

FIGURES = {"mAP": "map", "rank1": "rank1", "rank5": "rank5", "rank10": "rank10"}
"""What tables show: names in evaluation.json, and attributes of the published figures."""


@dataclass(frozen=True)
class RowResult:
    """One row of the table.

    Attributes:
        seeds: figures by seed and name, of the seeds that are measured.
        figures: over the seeds, by name; empty where none is measured.
        published_row: the paper's row beside it.
        published: its figures by name.
        absent: why seeds are not measured, by seed.
    """

    name: str
    folder: str
    seeds: Mapping[int, Mapping[str, float]]
    figures: Mapping[str, Spread]
    published_row: str | None
    published: Mapping[str, float | None]
    absent: Mapping[int, str]


@dataclass(frozen=True)
class Curve:
    """mAP of one row and policy over missing ratios.

    Attributes:
        points: over the seeds, by ratio in percent.
        drop: mAP at 0 % minus mAP at 100 %.
    """

    row: str
    policy: str
    points: Mapping[int, Spread]
    drop: Spread


@dataclass(frozen=True)
class GridResult:
    """Everything about one grid.

    Attributes:
        tau: Kendall's tau-b of mean mAP against the paper's.
        claims: the paper's order, neighbour by neighbour, in mAP.
        curves: of rows measured with missing modalities.
    """

    grid: Grid
    rows: Sequence[RowResult]
    tau: float | None
    claims: Sequence[Claim]
    curves: Sequence[Curve] = field(default_factory=tuple)


def gather(grid: Grid, cells: Sequence[Cell], failures: Mapping[str, str]) -> GridResult:
    """Reads the cells of a grid.

    Args:
        grid: the grid.
        cells: its cells, as `cells_of` gives them.
        failures: reasons by the names of cells that have just failed.
    """
    rows = []
    curves: list[Curve] = []
    for row in grid.rows:
        own = [(cell, inspect(cell)) for cell in cells if cell.row == row.name]
        if own:
            rows.append(_row_result(row, grid, own, failures))
            curves += _curves(row, [state for _, state in own])
    measured = {
        row.published_row: {seed: figures["mAP"] for seed, figures in row.seeds.items()}
        for row in rows
        if row.published_row is not None and row.seeds
    }
    means = {name: spread(list(by_seed.values())).mean for name, by_seed in measured.items()}
    table = published(grid.published) if grid.published else {}
    paper = {name: figures.map for name, figures in table.items()}
    return GridResult(grid, rows, kendall_tau(means, paper), claims(measured, paper), curves)


def to_json(results: Sequence[GridResult]) -> dict[str, Any]:
    """As results.json holds them; figures in percent."""
    return {"unit": "percent", "grids": [_grid_json(result) for result in results]}


def published_curve() -> dict[int, float]:
    """CCNet's mAP on MSVR310 by missing ratio in percent (Fig. 10)."""
    return {ratio: figures.map for ratio, figures in published_missing_ratio("CCNet").items()}


def _row_result(
    row: Row, grid: Grid, cells: Sequence[tuple[Cell, CellState]], failures: Mapping[str, str]
) -> RowResult:
    seeds: dict[int, dict[str, float]] = {}
    absent: dict[int, str] = {}
    for cell, state in cells:
        if state.figures is not None:
            seeds[cell.seed] = {name: 100 * state.figures[name] for name in FIGURES}
        else:
            absent[cell.seed] = failures.get(cell.name) or _why_absent(cell, state)
    values = {name: [figures[name] for figures in seeds.values()] for name in FIGURES}
    return RowResult(
        name=row.name,
        folder=row.folder,
        seeds=seeds,
        figures={name: spread(each) for name, each in values.items() if each},
        published_row=row.published,
        published=_published(grid, row),
        absent=absent,
    )


def _published(grid: Grid, row: Row) -> dict[str, float | None]:
    if grid.published is None or row.published is None:
        return {}
    figures: PublishedFigures = published(grid.published)[row.published]
    return {name: getattr(figures, attribute) for name, attribute in FIGURES.items()}


def _why_absent(cell: Cell, state: CellState) -> str:
    match state.stage:
        case "refused":
            return f"the directory holds another training: {state.reason}"
        case "absent":
            return "not trained"
        case "begun":
            return f"trained to epoch {state.epoch} of {cell.config.epochs}"
        case _:
            return "not measured"


def _curves(row: Row, states: Sequence[CellState]) -> list[Curve]:
    documents = [
        state.figures["missing_ratio"]
        for state in states
        if row.missing_ratio and state.figures and "missing_ratio" in state.figures
    ]
    return [_curve(row, policy, documents) for policy in CURVE_POLICIES] if documents else []


def _curve(row: Row, policy: str, documents: Sequence[Mapping[str, Any]]) -> Curve:
    ratios = [round(100 * ratio) for ratio in documents[0][policy]["ratios"]]
    by_seed = [[100 * value for value in document[policy]["mAP"]["mean"]] for document in documents]
    by_ratio = zip(ratios, zip(*by_seed, strict=True), strict=True)
    return Curve(
        row=row.name,
        policy=policy,
        points={ratio: spread(values) for ratio, values in by_ratio},
        drop=spread([values[0] - values[-1] for values in by_seed]),
    )


def _grid_json(result: GridResult) -> dict[str, Any]:
    grid = result.grid
    return {
        "grid": grid.name,
        "title": grid.title,
        "policy": grid.policy,
        "published": grid.published,
        "complete": not any(row.absent for row in result.rows),
        "rows": [asdict(row) for row in result.rows],
        "order": {
            "kendall_tau": result.tau,
            "claims": [asdict(claim) for claim in result.claims],
        },
        "missing_ratio": [asdict(curve) for curve in result.curves],
    }
