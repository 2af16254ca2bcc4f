"""What a gallery is asked, wherever it lies, and the bounds of what may be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidSearch
from vreid.modality import MODALITIES

MAX_RESULTS = 10_000
MAX_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Query:
    """Branch features (3, D) and mask (3,) of what is searched for."""

    features: NDArray[np.floating]
    mask: NDArray[np.bool_]


class Position(NamedTuple):
    """A place in a ranking: behind `depth` results, the last with this key and sequence number."""

    depth: int
    key: float
    sequence: int


def checked_query(
    features: NDArray[np.floating], mask: NDArray[np.bool_], feature_size: int
) -> Query:
    """The query. Raises `InvalidSearch` unless it has the shape of the gallery's features."""
    expected = (len(MODALITIES), feature_size)
    given, present = np.asarray(features), np.asarray(mask, dtype=np.bool_)
    if given.shape != expected or present.shape != expected[:1]:
        raise InvalidSearch(
            f"The query has features of shape {given.shape} and a mask of shape {present.shape}; "
            f"this gallery needs {expected} and {expected[:1]}. Embed it with the gallery's bundle."
        )
    if not present.any():
        raise InvalidSearch("The query's mask names no modality; give at least one image.")
    return Query(given, present)


def check_stretch(k: int, after: Position | None) -> None:
    """Raise `InvalidSearch` for k outside 1 to MAX_RESULTS or a position deeper than that."""
    if not 1 <= k <= MAX_RESULTS:
        raise InvalidSearch(f"k is {k}; ask for 1 to {MAX_RESULTS} results.")
    if after is not None and not 0 <= after.depth <= MAX_RESULTS:
        raise InvalidSearch(
            f"Results behind the first {after.depth} cannot be had; narrow the search by a "
            f"filter, or ask for the first {MAX_RESULTS}."
        )


def check_page_size(limit: int) -> None:
    """Raise `InvalidSearch` unless the limit is 1 to MAX_PAGE."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidSearch(f"The limit {limit} is out of range; give 1 to {MAX_PAGE}.")


def unknown_cursor(cursor: str) -> InvalidSearch:
    """What is raised for a cursor that no page gave."""
    return InvalidSearch(
        f"The cursor {cursor[:40]!r} was not given by a page; leave it out to begin at the start."
    )
