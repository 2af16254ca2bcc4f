"""Which records a search, a listing or a deletion takes: the conditions, and who satisfies them.

A `Filter` is a tree: its members must all hold, and `all_of`, `any_of` and `negated` hold further
filters. `filter_json` reads and writes it as JSON. It is evaluated for all rows of columns at once
by `rows`, and for one record by `matches`; both say the same.

A condition that asks for a value is not satisfied by a record without one: a record without a
camera is not of camera 2, so it is not excluded with camera 2 either, and `negated` keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidFilter
from service.gallery.columns.attribute_values import AttributeRows, Range, is_same
from service.gallery.columns.columns import NO_TIME, LabelName
from service.gallery.record import AttributeValue
from service.gallery.store.rows import microseconds


@dataclass(frozen=True, slots=True)
class Exists:
    """The record has a value, whatever it is; with `wanted` False, it has none."""

    wanted: bool = True


LabelCondition: TypeAlias = tuple[str, ...] | Exists
"""One of these labels, or any or none."""

AttributeCondition: TypeAlias = tuple[AttributeValue, ...] | Range | Exists
"""One of these values, a value in a range, or any or none."""


class FilterColumns(Protocol):
    """What a filter asks of columns of N rows."""

    @property
    def size(self) -> int:
        """N."""
        ...

    @property
    def captured_at(self) -> NDArray[np.int64]:
        """Microseconds since 1970 (N,), or NO_TIME."""
        ...

    @property
    def attributes(self) -> AttributeRows:
        """Attributes by name and value."""
        ...

    def with_label(self, name: LabelName, values: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which rows (N,) carry one of the labels."""
        ...

    def has_label(self, name: LabelName) -> NDArray[np.bool_]:
        """Which rows (N,) carry any label of that name."""
        ...


class Labelled(Protocol):
    """What a filter asks of one record: `Record`, `NewRecord` and `Labels` have it."""

    @property
    def identity(self) -> str | None:
        """Which vehicle it is."""
        ...

    @property
    def camera(self) -> str | None:
        """Which camera saw it."""
        ...

    @property
    def scene(self) -> str | None:
        """Where it was seen."""
        ...

    @property
    def captured_at(self) -> datetime | None:
        """When it was seen, with a time zone."""
        ...

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """What else is known."""
        ...


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold; None, empty and False mean no condition.

    `captured_from` (included) and `captured_to` (excluded) carry a time zone; `captured` asks
    whether the time is known. `attributes` maps a name to what its value must be.

    `exclude_same_camera` and `exclude_same_scene` leave out what comes from where the query comes
    from; `relative_to` turns them into conditions on records.

    Raises `InvalidFilter` for a time without a zone.
    """

    camera: LabelCondition | None = None
    identity: LabelCondition | None = None
    scene: LabelCondition | None = None
    captured_from: datetime | None = None
    captured_to: datetime | None = None
    attributes: Mapping[str, AttributeCondition] = field(default_factory=dict)
    exclude_camera: tuple[str, ...] | None = None
    exclude_scene: tuple[str, ...] | None = None
    exclude_identity: tuple[str, ...] | None = None
    captured: Exists | None = None
    exclude_same_camera: bool = False
    exclude_same_scene: bool = False
    all_of: tuple[Filter, ...] = ()
    any_of: tuple[Filter, ...] = ()
    negated: Filter | None = None

    def __post_init__(self) -> None:
        for time in (self.captured_from, self.captured_to):
            if time is not None and time.utcoffset() is None:
                raise InvalidFilter(
                    f"The filter's time {time.isoformat()} has no time zone; "
                    "add one, as in 2024-05-01T00:00:00Z."
                )

    @classmethod
    def from_json(cls, document: object) -> Filter:
        """Read a filter as `service.gallery.filters.filter_json` describes it.

        Raises `InvalidFilter` naming the member that is unknown or has a value of the wrong kind.
        """
        # That module makes filters, so it can only be imported when this one is complete.
        from service.gallery.filters.filter_json import read_filter

        return read_filter(document)

    @property
    def compares_with_query(self) -> frozenset[LabelName]:
        """Which labels of the query (camera, scene) the filter needs; see `relative_to`."""
        own: set[LabelName] = set()
        if self.exclude_same_camera:
            own.add("camera")
        if self.exclude_same_scene:
            own.add("scene")
        return frozenset(own.union(*(part.compares_with_query for part in self.parts())))

    def relative_to(self, cameras: Sequence[str], scenes: Sequence[str]) -> Filter:
        """The filter for a query from these cameras and scenes; none given means not known.

        What is not known is the same as nothing, so then no record is left out for it.
        """
        return replace(
            self,
            exclude_camera=_with(self.exclude_camera, cameras, self.exclude_same_camera),
            exclude_scene=_with(self.exclude_scene, scenes, self.exclude_same_scene),
            exclude_same_camera=False,
            exclude_same_scene=False,
            all_of=tuple(part.relative_to(cameras, scenes) for part in self.all_of),
            any_of=tuple(part.relative_to(cameras, scenes) for part in self.any_of),
            negated=None if self.negated is None else self.negated.relative_to(cameras, scenes),
        )

    def refuse_query(self) -> None:
        """Raise `InvalidFilter` when the filter compares with a query; see `relative_to`."""
        for name in sorted(self.compares_with_query):
            raise InvalidFilter(
                f"The filter's exclude_same_{name} compares with the {name} of a query, and there "
                f"is none here; use exclude_{name} with its name."
            )

    def rows(self, columns: FilterColumns) -> NDArray[np.bool_]:
        """Which rows (N,) of the columns satisfy the filter; a fresh array.

        Raises `InvalidFilter` when it compares with a query and `relative_to` was not called.
        """
        self.refuse_query()
        kept = np.ones(columns.size, dtype=np.bool_)
        for label, wanted, unwanted in self.labels():
            if isinstance(wanted, Exists):
                kept &= columns.has_label(label) == wanted.wanted
            elif wanted is not None:
                kept &= columns.with_label(label, wanted)
            if unwanted is not None:
                kept &= ~columns.with_label(label, unwanted)
        if self.captured is not None:
            kept &= (columns.captured_at != NO_TIME) == self.captured.wanted
        if self.captured_from is not None or self.captured_to is not None:
            kept &= columns.captured_at != NO_TIME
        if self.captured_from is not None:
            kept &= columns.captured_at >= microseconds(self.captured_from)
        if self.captured_to is not None:
            kept &= columns.captured_at < microseconds(self.captured_to)
        for name, condition in self.attributes.items():
            kept &= _attribute_rows(columns.attributes, name, condition)
        for part in self.all_of:
            kept &= part.rows(columns)
        if self.any_of:
            some = np.zeros(columns.size, dtype=np.bool_)
            for part in self.any_of:
                some |= part.rows(columns)
            kept &= some
        if self.negated is not None:
            kept &= ~self.negated.rows(columns)
        return kept

    def matches(self, record: Labelled) -> bool:
        """Whether one record satisfies the filter.

        Raises `InvalidFilter` when it compares with a query and `relative_to` was not called.
        """
        self.refuse_query()
        return (
            all(
                _label_matches(getattr(record, label), wanted, unwanted)
                for label, wanted, unwanted in self.labels()
            )
            and self._time_matches(record.captured_at)
            and all(
                _attribute_matches(record.attributes.get(name), condition)
                for name, condition in self.attributes.items()
            )
            and all(part.matches(record) for part in self.all_of)
            and (not self.any_of or any(part.matches(record) for part in self.any_of))
            and (self.negated is None or not self.negated.matches(record))
        )

    def labels(self) -> tuple[tuple[LabelName, LabelCondition | None, tuple[str, ...] | None], ...]:
        """Each label's name, which ones are wanted, and which ones are not."""
        return (
            ("camera", self.camera, self.exclude_camera),
            ("identity", self.identity, self.exclude_identity),
            ("scene", self.scene, self.exclude_scene),
        )

    def parts(self) -> Iterator[Filter]:
        """The filters directly in this one."""
        yield from self.all_of
        yield from self.any_of
        if self.negated is not None:
            yield self.negated

    def _time_matches(self, time: datetime | None) -> bool:
        if self.captured is not None and (time is not None) != self.captured.wanted:
            return False
        if self.captured_from is not None and (time is None or time < self.captured_from):
            return False
        return self.captured_to is None or (time is not None and time < self.captured_to)


def _with(
    labels: tuple[str, ...] | None, more: Sequence[str], compares: bool
) -> tuple[str, ...] | None:
    return (*(labels or ()), *more) if compares and more else labels


def _attribute_rows(
    attributes: AttributeRows, name: str, condition: AttributeCondition
) -> NDArray[np.bool_]:
    if isinstance(condition, Exists):
        present = attributes.present(name)
        return present if condition.wanted else ~present
    if isinstance(condition, Range):
        return attributes.between(name, condition)
    return attributes.equal(name, condition)


def _label_matches(
    label: str | None, wanted: LabelCondition | None, unwanted: tuple[str, ...] | None
) -> bool:
    if unwanted is not None and label in unwanted:
        return False
    if isinstance(wanted, Exists):
        return (label is not None) == wanted.wanted
    return wanted is None or label in wanted


def _attribute_matches(value: AttributeValue | None, condition: AttributeCondition) -> bool:
    if isinstance(condition, Exists):
        return (value is not None) == condition.wanted
    if value is None:
        return False
    if isinstance(condition, Range):
        return condition.contains(value)
    return any(is_same(value, each) for each in condition)
