"""Cells: one row of a grid with one seed, and how far it has come on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from training.ablation.grid import Grid, Row
from training.checkpoint import CheckpointDescription, find_checkpoint, read_description
from training.config import SourceConfig, TrainingConfig, read_config
from training.errors import CheckpointError
from training.recipe_differences import differences
from training.sources import with_roots
from vreid.errors import ConfigurationError, VreidError

EVALUATION = "evaluation.json"
SPECIFICATION = "cell.json"
LOG = "log.txt"

Stage = Literal["absent", "begun", "trained", "done", "refused"]


@dataclass(frozen=True)
class Cell:
    """One training and its measurement.

    Attributes:
        row: name of its row.
        seed: of the training.
        directory: of the run, as `vreid train --out` takes it; the figures lie there too.
        config: the recipe with its data sets' folders, on one device.
        source: whose test split is measured.
        policy: the scoring policy of the table.
        missing_ratio: measure with modalities taken away too.
        command: what trains the same by hand.
    """

    row: str
    seed: int
    directory: Path
    config: TrainingConfig
    source: str
    policy: str
    missing_ratio: bool
    command: str

    @property
    def name(self) -> str:
        """As messages call it."""
        return f"{self.row} seed {self.seed}"

    @property
    def measured_source(self) -> SourceConfig:
        """The data set that is measured."""
        return self.config.sources[self.source]

    def to_json(self) -> dict[str, Any]:
        """What the cell's process needs to know, in plain JSON values."""
        return {
            **{name: getattr(self, name) for name in ("row", "seed", "source", "policy")},
            "missing_ratio": self.missing_ratio,
            "command": self.command,
            "directory": str(self.directory),
            "config": self.config.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], where: str) -> Cell:
        """Reads back what `to_json` wrote.

        Raises:
            ConfigurationError: the configuration is not valid.
        """
        return cls(
            **{
                **document,
                "directory": Path(document["directory"]),
                "config": TrainingConfig.from_json(document["config"], where),
            }
        )


@dataclass(frozen=True)
class CellState:
    """How far a cell has come.

    Attributes:
        stage: absent (no checkpoint), begun, trained (not measured in full), done, or refused: the
            directory holds something else.
        epoch: complete epochs.
        reason: why it is refused.
        figures: what `vreid evaluate --json` says of a trained or done cell; None where it is to
            be measured again.
    """

    stage: Stage
    epoch: int = 0
    reason: str | None = None
    figures: Mapping[str, Any] | None = None


def cells_of(
    grid: Grid,
    out: Path,
    seeds: Sequence[int],
    roots: Mapping[str, Path] | None,
    changes: Iterable[str] = (),
) -> tuple[Cell, ...]:
    """The cells of a grid: every row with every seed.

    Args:
        grid: the grid.
        out: directory of the ablation.
        seeds: of the trainings.
        roots: folder by name of source, for those sources that a row's recipe has; None where
            nothing will run.
        changes: "section.key=value" for every cell; a row's own changes win over them.

    Raises:
        ConfigurationError: a recipe cannot be read, a change does not fit it, or a source has no
            folder.
    """
    common = tuple(changes)
    return tuple(_cell(grid, row, out, seed, roots, common) for row in grid.rows for seed in seeds)


def _cell(
    grid: Grid,
    row: Row,
    out: Path,
    seed: int,
    roots: Mapping[str, Path] | None,
    common: tuple[str, ...],
) -> Cell:
    changes = (*common, *row.changes, f"seed={seed}")
    config = read_config(row.recipe, changes)
    if roots is not None:
        known = {name: root for name, root in roots.items() if name in config.sources}
        config = with_roots(config, known)
    source = grid.source or next(iter(config.sources))
    if source not in config.sources:
        raise ConfigurationError(
            f"grid {grid.name} measures the source {source!r}, which {row.recipe} does not have; "
            f"it has {', '.join(config.sources)}"
        )
    directory = out / row.folder / f"seed{seed}"
    one_device = config.compute.model_copy(update={"devices": 1})
    return Cell(
        row=row.name,
        seed=seed,
        directory=directory,
        config=config.model_copy(update={"compute": one_device}),
        source=source,
        policy=grid.policy,
        missing_ratio=row.missing_ratio,
        command=" ".join(_train_command(row.recipe, directory, config, changes)),
    )


def _train_command(
    recipe: Path, directory: Path, config: TrainingConfig, changes: Iterable[str]
) -> Iterator[str]:
    yield from ("vreid", "train", str(recipe), "--out", str(directory))
    for name, source in config.sources.items():
        yield from ("--data", f"{name}={source.root}")
    for change in changes:
        yield from ("--set", f"'{change}'")


def merged(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """The cells of several grids, with a cell that two of them have taken once.

    Raises:
        ConfigurationError: two cells of different recipes or policies share a directory.
    """
    found: dict[Path, Cell] = {}
    for cell in cells:
        other = found.setdefault(cell.directory, cell)
        if differences(cell.config, other.config) or cell.policy != other.policy:
            raise ConfigurationError(
                f"rows {other.row!r} and {cell.row!r} of two grids differ but share the directory "
                f"{cell.directory}; run the grids with --out of their own"
            )
        found[cell.directory] = replace(
            other, missing_ratio=other.missing_ratio or cell.missing_ratio
        )
    return tuple(found.values())


def inspect(cell: Cell) -> CellState:
    """Looks at a cell's directory; whoever trained what lies there, `vreid train` included."""
    try:
        stored = _stored(cell)
    except VreidError as error:
        return CellState("refused", reason=str(error))
    if stored is None:
        return CellState("absent")
    changed = [*differences(cell.config, stored.config).values()]
    if stored.started_from is not None:
        changed.append("it began with the weights of another run")
    if changed:
        return CellState("refused", reason="; ".join(changed))
    epoch = stored.position.epoch
    if epoch < cell.config.epochs:
        return CellState("begun", epoch)
    figures = _figures(cell)
    complete = figures is not None and (not cell.missing_ratio or "missing_ratio" in figures)
    return CellState("done" if complete else "trained", epoch, figures=figures)


def _figures(cell: Cell) -> dict[str, Any] | None:
    """A half-written file counts as absent, and so does one that ranks by another policy."""
    try:
        document = json.loads((cell.directory / EVALUATION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or document.get("policy") != cell.policy:
        return None
    return document


def _stored(cell: Cell) -> CheckpointDescription | None:
    try:
        checkpoint = find_checkpoint(cell.directory)
    except CheckpointError:
        return None
    return read_description(checkpoint)
