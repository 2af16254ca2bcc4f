"""From a record's number to the sighting with what the new bundle makes of its images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidRecord
from service.gallery.record import checked_features
from service.gallery.store.store import GalleryStore
from service.reindexing.images import ImagesMissing, branch_inputs, find_images
from service.reindexing.sightings import DamagedRow, Sighting, read_sighting
from vreid.bundle import Bundle
from vreid.embedding import embed
from vreid.engines import BranchEngine, open_engine
from vreid.engines.processors import usable_processors
from vreid.errors import VreidError
from vreid.modality import Modality

# Images in one run of a branch; larger runs need more memory and are no faster on a CPU.
_RUN_SIZE = 16


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


@dataclass(frozen=True, slots=True)
class _Ready:
    sighting: Sighting
    inputs: Mapping[Modality, NDArray[np.float32]]


_Prepared: TypeAlias = _Ready | NotReembedded | None
_Prepare: TypeAlias = Callable[[int], _Prepared]


class SightingEmbedder:
    """Embeds records of one generation with another bundle.

    `sources` are the folders in which files are looked for. Raises `EngineError` when the model
    cannot run.
    """

    def __init__(
        self, store: GalleryStore, bundle: Bundle, engine: str, sources: Sequence[Path]
    ) -> None:
        self._store = store
        self._bundle = bundle
        self._engine: BranchEngine = open_engine(bundle, engine)
        self._sources = tuple(sources)

    def embed(
        self, sequences: Sequence[int], batch_size: int
    ) -> Iterator[list[Reembedded | NotReembedded]]:
        """The records with these numbers in this order, a batch at a time.

        A record that has gone meanwhile is left out. The images of one batch are read and decoded
        while those before it are embedded.
        """
        with ThreadPoolExecutor(usable_processors(), thread_name_prefix="prepare") as threads:
            try:
                for batch in _ahead(sequences, self._prepare, batch_size, threads):
                    yield self._embedded(batch)
            finally:
                threads.shutdown(cancel_futures=True)

    def _prepare(self, sequence: int) -> _Prepared:
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
        return _Ready(sighting, inputs)

    def _embedded(self, batch: Sequence[_Prepared]) -> list[Reembedded | NotReembedded]:
        ready = [each for each in batch if isinstance(each, _Ready)]
        outcomes: list[Reembedded | NotReembedded] = [
            each for each in batch if isinstance(each, NotReembedded)
        ]
        if not ready:
            return outcomes
        size = self._bundle.manifest.feature_size
        features, _ = embed([each.inputs for each in ready], self._engine, size, _RUN_SIZE)
        for each, own in zip(ready, features, strict=True):
            sighting = each.sighting
            try:
                outcomes.append(Reembedded(sighting, checked_features(own, sighting.mask)))
            except InvalidRecord as error:
                outcomes.append(NotReembedded(sighting.sequence, sighting.id, str(error)))
        return outcomes


def _ahead(
    sequences: Iterable[int], prepare: _Prepare, batch_size: int, threads: ThreadPoolExecutor
) -> Iterator[list[_Prepared]]:
    """Prepared records, a batch ahead of the one that was taken."""
    remaining = iter(sequences)

    def submit() -> list[Future[_Prepared]]:
        return [threads.submit(prepare, each) for each in islice(remaining, batch_size)]

    pending = submit()
    while pending:
        following = submit()
        yield [future.result() for future in pending]
        pending = following
