"""From a record's number to the sighting with what the new bundle makes of its images."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidRecord
from service.gallery.record import checked_features
from service.gallery.store.store import GalleryStore
from service.indexing.pipeline import ToEmbed, embedded_in_order
from service.reindexing.images import ImagesMissing, branch_inputs, find_images
from service.reindexing.sightings import DamagedRow, Sighting, read_sighting
from vreid.bundle import Bundle
from vreid.engines import BranchEngine
from vreid.errors import VreidError

# Records that are embedded while a batch is stored.
_MOST_AHEAD = 128


@dataclass(frozen=True, slots=True)
class Reembedded:
    """A sighting and its new features, float16 (3, D)."""

    sighting: Sighting
    features: NDArray[np.float16] = field(repr=False)

    @property
    def sequence(self) -> int:
        """The record's number."""
        return self.sighting.sequence


@dataclass(frozen=True, slots=True)
class NotReembedded:
    """A record that cannot be embedded, and why."""

    sequence: int
    id: str
    reason: str


_Outcome: TypeAlias = Reembedded | NotReembedded | None


class SightingEmbedder:
    """Embeds records of one generation with another bundle and an engine that is open on it.

    `sources` are the folders in which files are looked for. `embed` raises `EngineError` when the
    model cannot run.
    """

    def __init__(
        self, store: GalleryStore, bundle: Bundle, engine: BranchEngine, sources: Sequence[Path]
    ) -> None:
        self._store = store
        self._bundle = bundle
        self._engine = engine
        self._sources = tuple(sources)

    def embed(
        self, sequences: Sequence[int], batch_size: int
    ) -> Generator[list[Reembedded | NotReembedded]]:
        """The records with these numbers in this order, a batch at a time.

        A record that has gone meanwhile is left out. The batches after it are read, decoded and
        embedded while one is stored; no run of the engine takes more records than a batch has.
        """
        with embedded_in_order(
            sequences,
            self._prepare,
            self._engine,
            self._bundle.manifest.feature_size,
            min(batch_size, _MOST_AHEAD),
        ) as embedded:
            while batch := list(islice(embedded, batch_size)):
                yield [each for each in batch if each is not None]

    def _prepare(self, sequence: int) -> _Outcome | ToEmbed[_Outcome]:
        sighting: Sighting | None = None
        try:
            with self._store.database.reading() as connection:
                connection.execute("BEGIN")
                sighting = read_sighting(connection, sequence)
            if sighting is None:
                return None
            found = find_images(sighting, self._sources)
            inputs = branch_inputs(found, self._bundle.manifest.preprocessing)
        except (DamagedRow, ImagesMissing, VreidError) as error:
            record_id = f"(record {sequence})" if sighting is None else sighting.id
            return NotReembedded(sequence, record_id, str(error))
        return ToEmbed(inputs, partial(_reembedded, sighting))


def _reembedded(
    sighting: Sighting, features: NDArray[np.float32], mask: NDArray[np.bool_]
) -> Reembedded | NotReembedded:
    try:
        return Reembedded(sighting, checked_features(features, sighting.mask))
    except InvalidRecord as error:
        return NotReembedded(sighting.sequence, sighting.id, str(error))
