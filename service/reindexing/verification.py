"""What is looked at before a generation is served: everything in it, and a sample twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.gallery.gallery import Gallery
from service.gallery.record import Record
from service.gallery.store.feed import last_sequence
from service.gallery.store.store import GalleryStore
from service.reindexing.comparison import side_by_side
from service.reindexing.differences import explained, held_of, set_aside
from service.reindexing.embedding import NotReembedded, SightingEmbedder
from service.reindexing.synchronisation import Synchronisation
from vreid.bundle import Bundle

# Engines sum in another order in a batch of another size; beyond that, features are the same.
_SAME = 0.9999

# Problems of one kind that are named; the rest are counted.
_NAMED = 5

_LOOKED_UP_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found out about a generation.

    Attributes:
        records: how many it has.
        left_out: how many records of the served generation it does not have.
        readable: how many of its records can be read.
        sampled: how many records were embedded again to compare.
        identical: how many of these have the same features to the last bit.
        lowest_cosine: between stored and repeated features of one modality; None without a sample.
        found_first: how many of the sample found themselves first, searched by repeated features.
        problems: what is wrong, as sentences; the generation may be served when there are none.
    """

    records: int
    left_out: int
    readable: int
    sampled: int
    identical: int
    lowest_cosine: float | None
    found_first: int
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether the generation may be served."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class _Sample:
    sequences: tuple[int, ...] = ()
    identical: int = 0
    lowest_cosine: float | None = None
    found_first: int = 0
    problems: tuple[str, ...] = ()


def verify(
    directory: Path,
    generation: str,
    served: GalleryStore,
    target: GalleryStore,
    followed: Synchronisation,
    bundle: Bundle | None,
    embedder: SightingEmbedder | None,
    sample: int,
) -> Verification:
    """Look at a generation; the served one may be changed meanwhile.

    Every record is read. Of `sample` records spread over the gallery, the images are embedded
    again one by one, compared, and searched for with the gallery's own search; that builds its
    index too. Without a bundle and an `embedder` there is no sample.
    """
    left_out = {each.sequence for each in followed.rejected()}
    problems = _missing_records(served, target, left_out, followed.position)
    readable, damaged = _read_everything(target)
    problems += damaged
    drawn = _Sample()
    if bundle is not None and embedder is not None and sample:
        drawn = _compare_sample(directory, generation, target, bundle, embedder, sample)
        problems += drawn.problems
    return Verification(
        records=target.count(),
        left_out=len(left_out),
        readable=readable,
        sampled=len(drawn.sequences),
        identical=drawn.identical,
        lowest_cosine=drawn.lowest_cosine,
        found_first=drawn.found_first,
        problems=tuple(problems),
    )


def counts_agree(served: GalleryStore, target: GalleryStore, left_out: int) -> bool:
    """Whether a generation has as many records as it should; exact while nothing can be changed.

    Cheap enough to be asked while writes to the gallery wait.
    """
    with served.database.reading() as connection:
        aside = set_aside(connection)
    with target.database.reading() as connection:
        kept = len(held_of(connection, aside))
    return target.count() == served.count() - left_out + kept


class _Some:
    """Ids of one kind of problem: how many, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self._named: list[str] = []

    def add(self, record_id: str) -> None:
        self.count += 1
        if self.count <= _NAMED + 1:
            self._named.append(record_id)

    def __str__(self) -> str:
        return _shown(self._named)


def _missing_records(
    served: GalleryStore, target: GalleryStore, left_out: set[int], position: int
) -> list[str]:
    """Sentences about records that one generation has and the other has not, up to a change."""
    lost, extra, other = _Some(), _Some(), _Some()
    with target.database.reading() as there, served.database.reading() as here:
        # The target's moment is before the served generation's: what has been deleted from both
        # since then is told by the feed of the latter.
        for connection in (there, here):
            connection.execute("BEGIN")
            last_sequence(connection)
        unexplained: dict[int, str] = {}
        for number, served_id, target_id in side_by_side(here, there):
            if served_id is not None and target_id is None:
                if number <= position and number not in left_out:
                    lost.add(served_id)
            elif served_id is None and target_id is not None:
                unexplained[number] = target_id
                if len(unexplained) == _LOOKED_UP_AT_ONCE:
                    _add_unexplained(here, unexplained, position, extra)
            elif served_id is not None and served_id != target_id:
                other.add(served_id)
        _add_unexplained(here, unexplained, position, extra)
        for connection in (there, here):
            connection.execute("COMMIT")
    return [
        f"{some.count} {what}: {some}"
        for some, what in (
            (lost, "records are missing"),
            (extra, "records are there that the gallery has no more"),
            (other, "records have another id"),
        )
        if some.count
    ]


def _add_unexplained(
    served: sqlite3.Connection, found: dict[int, str], position: int, extra: _Some
) -> None:
    """Count those that were neither set aside nor deleted just now, and empty the dictionary."""
    known = explained(served, found, position)
    for number, record_id in found.items():
        if number not in known:
            extra.add(record_id)
    found.clear()


def _read_everything(target: GalleryStore) -> tuple[int, list[str]]:
    readable, damaged = 0, []
    for each in target.all_records():
        if isinstance(each, Record):
            readable += 1
        else:
            damaged.append(each.id)
    if not damaged:
        return readable, []
    return readable, [f"{len(damaged)} records cannot be read: {_shown(damaged)}"]


def _compare_sample(
    directory: Path,
    generation: str,
    target: GalleryStore,
    bundle: Bundle,
    embedder: SightingEmbedder,
    sample: int,
) -> _Sample:
    sequences = _spread(target, sample)
    compared: list[int] = []
    identical, found_first, cosines = 0, 0, list[float]()
    changed, not_found = list[str](), list[str]()
    with Gallery.open(directory, bundle, follow_interval=None, generation=generation) as gallery:
        for again in chain.from_iterable(embedder.embed(sequences, batch_size=1)):
            stored = target.by_sequence([again.sequence]).records.get(again.sequence)
            if isinstance(again, NotReembedded) or stored is None:
                # Deleted or relabelled since, or its files went away: nothing to compare with.
                continue
            compared.append(again.sequence)
            cosine = _lowest_cosine(stored.features, again.features, stored.mask)
            cosines.append(cosine)
            identical += bool(np.array_equal(stored.features, again.features))
            if cosine < _SAME:
                changed.append(stored.id)
            first = gallery.search(again.features, stored.mask, k=1, policy="center")
            # The same images may have been stored twice.
            if first and np.array_equal(first[0].record.features, stored.features):
                found_first += 1
            else:
                not_found.append(stored.id)
    problems = [
        f"{len(ids)} of {len(compared)} {what}: {_shown(ids)}"
        for ids, what in (
            (changed, "sampled records get other features when they are embedded again"),
            (not_found, "sampled records are not found first by their own images"),
        )
        if ids
    ]
    return _Sample(
        tuple(compared), identical, min(cosines, default=None), found_first, tuple(problems)
    )


def _spread(target: GalleryStore, sample: int) -> list[int]:
    """Numbers of records at equal distances in the order."""
    count = target.count()
    places = set(np.linspace(0, count - 1, min(sample, count)).astype(int).tolist())
    with target.database.reading() as connection:
        rows = connection.execute("SELECT sequence FROM record ORDER BY sequence")
        return [int(row[0]) for place, row in enumerate(rows) if place in places]


def _lowest_cosine(
    stored: NDArray[np.float16], again: NDArray[np.float16], mask: NDArray[np.bool_]
) -> float:
    one, other = stored[mask].astype(np.float64), again[mask].astype(np.float64)
    products = (one * other).sum(axis=1)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float((products / lengths).min())


def _shown(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:_NAMED])) + (", ..." if len(ids) > _NAMED else "")
