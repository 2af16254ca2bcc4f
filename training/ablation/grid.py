"""Grids: TOML files that say which recipes are compared, and with which table of the paper."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.evaluation.published import Table, published
from vreid.errors import ConfigurationError

GRIDS = Path(__file__).parents[1] / "configs" / "ablations"
"""The grids that come with this package."""

Scalar = bool | int | float | str


@dataclass(frozen=True)
class Row:
    """One recipe of a grid, trained once for each seed.

    Attributes:
        name: as tables print it.
        folder: its directory under that of the ablation.
        recipe: the configuration it changes.
        changes: "section.key=value" each, as `vreid train --set` takes them.
        published: the row of the published table beside it, None where there is none.
        missing_ratio: measure with modalities taken away too (Fig. 10).
    """

    name: str
    folder: str
    recipe: Path
    changes: tuple[str, ...] = ()
    published: str | None = None
    missing_ratio: bool = False


@dataclass(frozen=True)
class Grid:
    """Rows to compare.

    Attributes:
        name: of its file, without the ending.
        title: one line about it.
        policy: the scoring policy of its table.
        published: the paper's table, None where there is none.
        source: the recipe's source whose test split is measured; None for the first one.
        rows: in the order of the table.
    """

    name: str
    title: str
    policy: str
    published: Table | None
    source: str | None
    rows: tuple[Row, ...]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _RowDefinition(_Section):
    name: str = Field(min_length=1)
    recipe: str | None = None
    changes: dict[str, Any] = Field(default={}, alias="set")
    published: str | None = None
    missing_ratio: bool = False


class _SweepDefinition(_Section):
    key: str = Field(min_length=1)
    values: tuple[Scalar, ...] = Field(min_length=1)


class _GridDefinition(_Section):
    recipe: str
    title: str = ""
    policy: Literal["center", "concat", "shared"] = "concat"
    published: Table | None = None
    source: str | None = None
    changes: dict[str, Any] = Field(default={}, alias="set")
    rows: tuple[_RowDefinition, ...] = ()
    sweep: _SweepDefinition | None = None


def find_grid(name: str) -> Path:
    """The file meant by a path, or by the bare name of a grid that comes with this package.

    Raises:
        ConfigurationError: there is none; the message lists those that come with this package.
    """
    for candidate in (Path(name), GRIDS / f"{name}.toml"):
        if candidate.is_file():
            return candidate
    raise ConfigurationError(
        f"there is no grid {name}; give a TOML file, or one of {', '.join(shipped_grids())}"
    )


def shipped_grids() -> list[str]:
    """The names of the grids that come with this package."""
    return sorted(path.stem for path in GRIDS.glob("*.toml"))


def read_grid(path: Path) -> Grid:
    """Reads a grid; recipes are found relative to its file.

    Raises:
        ConfigurationError: the file is no grid, two rows share a directory, or a row names a
            published row that is not in the table.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        definition = _GridDefinition.model_validate(document)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as TOML ({error}); see {GRIDS} for examples"
        ) from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise ConfigurationError(f"{path} is no grid: {problems}") from error
    rows = tuple(_rows(definition, path))
    _check_rows(rows, definition.published, path)
    return Grid(
        name=path.stem,
        title=definition.title or path.stem,
        policy=definition.policy,
        published=definition.published,
        source=definition.source,
        rows=rows,
    )


def slug(name: str) -> str:
    """The name of a row as a directory: "+L_CdC+ALNU" is l_cdc_alnu."""
    return re.sub(r"[^a-z0-9.]+", "_", name.lower()).strip("_.")


def _rows(definition: _GridDefinition, path: Path) -> Iterator[Row]:
    known = published(definition.published) if definition.published else {}
    common = _changes(definition.changes)
    for row in definition.rows:
        yield Row(
            name=row.name,
            folder=slug(row.name),
            recipe=path.parent / (row.recipe or definition.recipe),
            changes=(*common, *_changes(row.changes)),
            published=row.published or (row.name if row.name in known else None),
            missing_ratio=row.missing_ratio,
        )
    if definition.sweep is None:
        return
    key = definition.sweep.key
    for value in definition.sweep.values:
        name = str(value)
        yield Row(
            name=name,
            folder=slug(f"{key.rpartition('.')[2]}_{name}"),
            recipe=path.parent / definition.recipe,
            changes=(*common, f"{key}={json.dumps(value)}"),
            published=name if name in known else None,
        )


def _changes(tree: Mapping[str, Any], prefix: str = "") -> tuple[str, ...]:
    """Nested tables as "section.key=value" each; JSON writes these values as TOML does."""
    found: list[str] = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found += _changes(value, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}={json.dumps(value)}")
    return tuple(found)


def _check_rows(rows: tuple[Row, ...], table: Table | None, path: Path) -> None:
    if not rows:
        raise ConfigurationError(f"{path} has no rows; add [[rows]] or a [sweep]")
    folders: dict[str, str] = {}
    for row in rows:
        if not row.folder:
            raise ConfigurationError(
                f"{path}: row {row.name!r} needs a letter or digit in its name"
            )
        if row.folder in folders:
            raise ConfigurationError(
                f"{path}: rows {folders[row.folder]!r} and {row.name!r} would share the directory "
                f"{row.folder}; rename one"
            )
        folders[row.folder] = row.name
        if row.published is not None and (table is None or row.published not in published(table)):
            raise ConfigurationError(
                f"{path}: row {row.name!r} names the published row {row.published!r}, which is not "
                f"in {table or 'any table, for the grid names none'}"
            )
