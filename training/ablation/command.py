"""The command `ablate`; it imports what it runs when it runs, torch above all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from training.cli import parse_roots
from vreid.errors import ConfigurationError

if TYPE_CHECKING:
    from training.ablation.cell import Cell
    from training.ablation.grid import Grid
    from training.ablation.results import GridResult


def _numbers(context: click.Context, parameter: click.Parameter, given: str) -> tuple[int, ...]:
    try:
        numbers = tuple(dict.fromkeys(int(part) for part in given.split(",")))
    except ValueError as error:
        raise click.BadParameter(f"{given!r} is no list of numbers such as 1,2,3") from error
    if min(numbers) < 0:
        raise click.BadParameter(f"{given!r} has a negative number")
    return numbers


def _names(context: click.Context, parameter: click.Parameter, given: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in given.split(",") if part.strip())


@click.command()
@click.argument("grids", nargs=-1, required=True, metavar="GRID...")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the ablation.",
)
@click.option(
    "--data", "roots", multiple=True, metavar="SOURCE=FOLDER", help="Where a source's data lies."
)
@click.option("--seeds", default="1,2,3", show_default=True, callback=_numbers)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Cells at a time; one, or one for each of --devices, by default.",
)
@click.option(
    "--devices", default="", callback=_names, help="GPUs to deal the cells out to, such as 0,1."
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting of every cell; what a row sets wins.",
)
@click.option("--rows", default="", callback=_names, help="Only these rows, by name or directory.")
@click.option("--redo", is_flag=True, help="Train cells again whose recipe has changed.")
@click.option("--report-only", is_flag=True, help="Run nothing; write the tables of what is there.")
@click.option(
    "--page",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Markdown file whose part between <!-- GRID --> and <!-- end GRID --> gets the tables.",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of tables.")
def ablate(
    grids: tuple[str, ...],
    out: Path,
    roots: tuple[str, ...],
    seeds: tuple[int, ...],
    jobs: int | None,
    devices: tuple[str, ...],
    changes: tuple[str, ...],
    rows: tuple[str, ...],
    redo: bool,
    report_only: bool,
    page: Path | None,
    as_json: bool,
) -> None:
    """Train and measure every row of GRID with every seed, beside the paper's figures.

    GRID is a TOML file, or the name of one in training/configs/ablations.
    Finished cells are kept, begun ones go on. Ctrl-C or SIGTERM finishes the steps at hand and
    exits with status 1; the same command goes on.
    """
    from training.ablation.cell import cells_of, merged
    from training.ablation.children import slots
    from training.ablation.grid import find_grid, read_grid
    from training.ablation.runner import check_none_refused, clear_refused, run_cells
    from training.errors import AblationError

    chosen = _chosen([read_grid(find_grid(name)) for name in grids], rows)
    folders = None if report_only else parse_roots(roots)
    planned = [(grid, cells_of(grid, out, seeds, folders, changes)) for grid in chosen]
    every = merged(cell for _, cells in planned for cell in cells)
    _check_sources(every, folders or {})
    failures: dict[str, str] = {}
    try:
        if not report_only:
            if redo:
                clear_refused(every)
            check_none_refused(every)
            failures = run_cells(every, out, slots(jobs, devices))
    finally:
        results = _write(planned, out, failures, page)
    _print(results, as_json)
    if failures:
        listed = "\n".join(f"  {name}: {reason}" for name, reason in failures.items())
        raise AblationError(
            f"{len(failures)} of {len(every)} cells failed; mend the causes and give the same "
            f"command again:\n{listed}"
        )


def _chosen(grids: list[Grid], rows: tuple[str, ...]) -> list[Grid]:
    """The grids with only the rows asked for; a grid that has none of them is left out."""
    if not rows:
        return grids
    unknown = set(rows) - {
        name for grid in grids for row in grid.rows for name in (row.name, row.folder)
    }
    if unknown:
        known = ", ".join(row.name for grid in grids for row in grid.rows)
        raise ConfigurationError(f"--rows: there is no row {min(unknown)!r}; there are {known}")
    restricted = [
        replace(grid, rows=tuple(row for row in grid.rows if {row.name, row.folder} & set(rows)))
        for grid in grids
    ]
    return [grid for grid in restricted if grid.rows]


def _check_sources(cells: Iterable[Cell], folders: Mapping[str, Path]) -> None:
    known = dict.fromkeys(name for cell in cells for name in cell.config.sources)
    unknown = [name for name in folders if name not in known]
    if unknown:
        raise ConfigurationError(
            f"--data {unknown[0]}: no recipe of the grid has that source; they have "
            f"{', '.join(known)}"
        )


def _write(
    planned: list[tuple[Grid, tuple[Cell, ...]]],
    out: Path,
    failures: Mapping[str, str],
    page: Path | None,
) -> list[GridResult]:
    from training.ablation.document import write_document, write_text
    from training.ablation.results import RESULTS, gather, to_json
    from training.ablation.tables import TABLE, put_into_page, render

    results = [gather(grid, cells, failures) for grid, cells in planned]
    write_document(out / RESULTS, to_json(results))
    write_text(out / TABLE, render(results))
    if page is not None:
        text = page.read_text(encoding="utf-8")
        for result in results:
            text = put_into_page(text, result, page)
        write_text(page, text)
    return results


def _print(results: list[GridResult], as_json: bool) -> None:
    from training.ablation.results import to_json
    from training.ablation.tables import render

    click.echo(json.dumps(to_json(results)) if as_json else render(results), nl=as_json)
