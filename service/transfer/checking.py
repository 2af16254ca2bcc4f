"""Which rows of a file are records: the rules of `NewRecord`, asked for a block at a time.

Arrays find the rows that may break a rule; what is wrong with one of them is then said by the code
that checks single records, so there is one set of rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidRecord
from service.gallery.record import (
    NewRecord,
    check_id,
    check_label,
    checked_attributes,
    checked_time,
)
from service.gallery.store.blocks import RecordBlock
from service.gallery.store.rows import microseconds
from service.transfer.rows import Cell, FileRows, Unusable
from vreid.modality import Modality

_FIRST_MOMENT = microseconds(datetime(1, 1, 1, tzinfo=UTC))
_LAST_MOMENT = microseconds(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
# Clocks of two machines differ; a record stored later than this is a mistake.
_FUTURE_ALLOWED = timedelta(days=1)
_LONGEST_HASH = 128
_LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is no record; `id` is None when that is what is wrong with it."""

    row: int
    id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """The records of some rows, the number of each one's row in the file, and the other rows."""

    block: RecordBlock
    numbers: Sequence[int]
    rejected: Sequence[RejectedRow]


def checked(rows: FileRows) -> CheckedRows:
    """The records among the rows, and why the others are none."""
    count = len(rows.mask)
    problems = dict(rows.problems)
    features = _checked_features(rows, problems)

    def column(name: str, check: Callable[[Cell], Cell]) -> list[Cell]:
        return _checked_column(rows.columns.get(name, [None] * count), check, problems)

    columns = {
        "id": column("id", _id),
        "identity": column("identity", lambda cell: _label("identity", cell)),
        "camera": column("camera", lambda cell: _label("camera", cell)),
        "scene": column("scene", lambda cell: _label("scene", cell)),
        "captured_at": column("captured_at", _captured_at),
        "attributes": column("attributes", _attributes),
        "content_hash": column("content_hash", lambda cell: _hash("content_hash", cell)),
        "images_hash": column("images_hash", lambda cell: _hash("images_hash", cell)),
        "source": column("source", _source),
        "created_at": column("created_at", _created_at),
    }
    good = [row for row in range(count) if row not in problems]
    block = RecordBlock(features, rows.mask, **columns)  # type: ignore[arg-type]
    return CheckedRows(
        block.rows(good),
        [rows.first + row for row in good],
        [
            RejectedRow(rows.first + row, _shown_id(columns["id"][row]), problems[row])
            for row in sorted(problems)
        ],
    )


def _checked_features(rows: FileRows, problems: dict[int, str]) -> NDArray[np.float16]:
    """The features as they are stored; adds a problem for each row that has none."""
    with np.errstate(over="ignore", invalid="ignore"):
        stored = rows.features.astype(np.float16)
    stored[~rows.mask] = 0
    for row in np.flatnonzero(_doubtful(stored, rows.mask)).tolist():
        if row in problems:
            continue
        try:
            NewRecord(rows.features[row], rows.mask[row])
        except InvalidRecord as error:
            problems[row] = str(error)
    return stored


def _doubtful(stored: NDArray[np.float16], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows (N,) without a modality, or with one whose features are all zero or not finite."""
    # As integers: a float16 has only ones in its exponent when it is infinite or no number.
    magnitude = stored.view(np.uint16) & 0x7FFF
    largest = magnitude.max(axis=2)
    fits = (largest > 0) & (largest < 0x7C00)
    found: NDArray[np.bool_] = ~mask.any(axis=1) | (mask & ~fits).any(axis=1)
    return found


def _checked_column(
    cells: Sequence[Cell], check: Callable[[Cell], Cell], problems: dict[int, str]
) -> list[Cell]:
    """The column after `check`, which is asked once for each distinct value."""
    known: dict[tuple[type, Cell], Cell] = {}
    found: list[Cell] = []
    for row, cell in enumerate(cells):
        key = (type(cell), cell)
        if key not in known:
            try:
                known[key] = cell if isinstance(cell, Unusable) else check(cell)
            except InvalidRecord as error:
                known[key] = Unusable(str(error))
        value = known[key]
        if isinstance(value, Unusable):
            problems.setdefault(row, value.reason)
        found.append(value)
    return found


def _id(cell: Cell) -> Cell:
    if cell is None:
        raise InvalidRecord("It has no id; give every record one that is its own.")
    check_id(str(cell))
    return cell


def _label(name: str, cell: Cell) -> Cell:
    check_label(name, None if cell is None else str(cell))
    return cell


def _captured_at(cell: Cell) -> Cell:
    return _moment("captured_at", cell)


def _created_at(cell: Cell) -> Cell:
    moment = _moment("created_at", cell)
    if moment is not None and moment > microseconds(datetime.now(UTC) + _FUTURE_ALLOWED):
        raise InvalidRecord(f"created_at {cell} lies in the future; correct it or leave it out.")
    return moment


def _moment(name: str, cell: Cell) -> int | None:
    if isinstance(cell, str):
        try:
            time = checked_time(datetime.fromisoformat(cell))
        except ValueError:
            raise InvalidRecord(
                f"{name} is {cell[:60]!r}; write ISO 8601 with a time zone, such as "
                "2024-05-01T18:30:00Z."
            ) from None
        return None if time is None else microseconds(time)
    if isinstance(cell, int) and not _FIRST_MOMENT <= cell <= _LAST_MOMENT:
        raise InvalidRecord(
            f"{name} is {cell} microseconds, which lies outside the years 1 to 9999; correct it."
        )
    return cell if isinstance(cell, int) else None


def _attributes(cell: Cell) -> Cell:
    if cell is None:
        return "{}"
    given = checked_attributes(_object("attributes", cell))
    return json.dumps(given, ensure_ascii=False)


def _source(cell: Cell) -> Cell:
    if cell is None:
        return "{}"
    given = _object("source", cell)
    if not isinstance(given, dict):
        raise InvalidRecord("source is no JSON object of modalities and paths; leave it out.")
    for modality, path in given.items():
        if modality not in {each.value for each in Modality} or not (
            isinstance(path, str) and len(path) <= _LONGEST_PATH
        ):
            raise InvalidRecord(
                'source must be a JSON object such as {"rgb": "gate/0001.jpg"}; correct it or '
                "leave it out."
            )
    return json.dumps(given)


def _hash(name: str, cell: Cell) -> Cell:
    if cell is None:
        return None
    text = str(cell)
    if len(text) > _LONGEST_HASH or not (text.isascii() and text.isprintable()):
        raise InvalidRecord(f"The {name} is no hash; leave it out.")
    return cell


def _object(name: str, cell: Cell) -> dict[str, str | int | float | bool]:
    """What a JSON text says; whether it is an object is for the caller to check."""
    try:
        read: dict[str, str | int | float | bool] = json.loads(str(cell))
    except (ValueError, RecursionError):
        raise InvalidRecord(
            f'{name} is no JSON text; write an object, as in {{"colour": "red"}}.'
        ) from None
    return read


def _shown_id(cell: Cell) -> str | None:
    return cell if isinstance(cell, str) else None


def without_repeated_ids(block: RecordBlock) -> Iterator[list[int]]:
    """Row numbers in rounds, none of which has an id twice; together they are all rows in order.

    Nearly always that is one round of all rows.
    """
    remaining = list(range(len(block)))
    while remaining:
        seen: set[str] = set()
        now: list[int] = []
        later: list[int] = []
        for row in remaining:
            (later if block.id[row] in seen else now).append(row)
            seen.add(block.id[row])
        yield now
        remaining = later
