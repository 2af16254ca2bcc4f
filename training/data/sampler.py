"""Batches of P identities with K samples each, from one source or from several at once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from vreid.errors import ConfigurationError


class Draw(NamedTuple):
    """One place in an epoch: which sample stands there, and what seeds its augmentation."""

    sample: int
    epoch: int
    position: int


@dataclass(frozen=True)
class BatchShape:
    """P identities with K samples each."""

    identities: int
    samples: int


def identity_batches(
    labels: Sequence[int], shape: BatchShape, generator: np.random.Generator
) -> list[list[int]]:
    """Deals one epoch of P x K batches.

    Every identity gives its samples, shuffled, in groups of K; one with fewer than K gives one
    group drawn with replacement; what is left over of a larger one waits for another epoch. Each
    batch takes a group from P identities drawn at random, until fewer than P have any left.

    Args:
        labels: identity of each sample.
        shape: P and K.
        generator: decides everything.

    Returns:
        Batches of P * K positions in `labels`, groups in sequence.
    """
    groups = {
        identity: _groups(rows, shape.samples, generator)
        for identity, rows in _rows_by_identity(labels).items()
    }
    batches = []
    while len(groups) >= shape.identities:
        chosen = generator.choice(sorted(groups), shape.identities, replace=False).tolist()
        batches.append([row for identity in chosen for row in groups[identity].pop()])
        groups = {identity: left for identity, left in groups.items() if left}
    return batches


def _rows_by_identity(labels: Sequence[int]) -> dict[int, list[int]]:
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows[label].append(row)
    return dict(rows)


def _groups(rows: list[int], size: int, generator: np.random.Generator) -> list[list[int]]:
    if len(rows) < size:
        return [generator.choice(rows, size, replace=True).tolist()]
    shuffled = generator.permutation(rows).tolist()
    return [shuffled[start : start + size] for start in range(0, len(rows) - size + 1, size)]


class MixedSampler(Sampler[list[Draw]]):
    """Batches in which each source has its own P x K part.

    Samples of all sources are numbered in sequence, first source first. An epoch is as long as that
    of the leading source; the others begin again when they run out. The batches of an epoch depend
    on seed and epoch alone, so a resumed run sees what an uninterrupted one would have seen.

    Args:
        labels: of each source, the identity of each of its samples.
        shapes: of each source, P and K.
        seed: of all draws.
        leading: which source's epoch counts.
        rank, replicas: this process among those that train together.
        divided: whether processes divide the identities of every batch among themselves; else each
            takes every `replicas`-th batch whole.
        names: of the sources, for messages; their numbers when None.

    Raises:
        ConfigurationError: a source has fewer than P identities, or P is less than the number of
            processes that divide them.
    """

    def __init__(
        self,
        labels: Sequence[Sequence[int]],
        shapes: Sequence[BatchShape],
        seed: int,
        leading: int = 0,
        rank: int = 0,
        replicas: int = 1,
        divided: bool = False,
        names: Sequence[str] | None = None,
    ) -> None:
        called = names or [str(source) for source in range(len(labels))]
        for source, given, shape in zip(called, labels, shapes, strict=True):
            if len(set(given)) < shape.identities:
                raise ConfigurationError(
                    f"source {source} has {len(set(given))} training identities, fewer than the "
                    f"{shape.identities} of a batch; "
                    f"lower sources.{source}.identities_per_batch"
                )
            if divided and shape.identities < replicas:
                raise ConfigurationError(
                    f"source {source} has {shape.identities} identities per batch, fewer than the "
                    f"{replicas} processes that divide them; use fewer devices or raise "
                    f"sources.{source}.identities_per_batch"
                )
        self.labels = labels
        self.shapes = shapes
        self.seed = seed
        self.leading = leading
        self.rank, self.replicas = rank, replicas
        self.divided = divided
        self.offsets = np.cumsum([0, *(len(given) for given in labels)]).tolist()
        self._epoch, self._first = 0, 0

    def start_at(self, epoch: int, first_batch: int = 0) -> None:
        """Chooses the epoch that the next iteration gives, and how many batches it leaves out."""
        self._epoch, self._first = epoch, first_batch

    def epoch_batches(self, epoch: int) -> list[list[int]]:
        """This process's batches of an epoch, as sample numbers; equally many in each process."""
        return [[draw.sample for draw in batch] for batch in self._own_batches(epoch)]

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yields the batches of the chosen epoch."""
        yield from self._own_batches(self._epoch)[self._first :]

    def _own_batches(self, epoch: int) -> list[list[Draw]]:
        batches = self._whole_batches(epoch)
        if self.divided:
            places = self._own_places()
            return [[batch[place] for place in places] for batch in batches]
        return batches[self.rank : len(batches) - len(batches) % self.replicas : self.replicas]

    def _own_places(self) -> list[int]:
        """Where this process's identities stand in every batch."""
        places, first = [], 0
        for shape in self.shapes:
            rows = np.arange(first, first + shape.identities * shape.samples)
            identities = np.array_split(rows.reshape(-1, shape.samples), self.replicas)
            places += identities[self.rank].reshape(-1).tolist()
            first += len(rows)
        return places

    def _whole_batches(self, epoch: int) -> list[list[Draw]]:
        """The batches of an epoch before processes share them."""
        length = len(self._source_batches(self.leading, epoch, 0))
        parts = [self._exactly(source, epoch, length) for source in range(len(self.labels))]
        size = sum(shape.identities * shape.samples for shape in self.shapes)
        return [
            [
                Draw(row, epoch, number * size + place)
                for place, row in enumerate(row for part in batch for row in part)
            ]
            for number, batch in enumerate(zip(*parts, strict=True))
        ]

    def __len__(self) -> int:
        """Batches in the chosen epoch, those left out not counted."""
        return len(self._own_batches(self._epoch)) - self._first

    def _exactly(self, source: int, epoch: int, length: int) -> list[list[int]]:
        batches: list[list[int]] = []
        turn = 0
        while len(batches) < length:
            batches += self._source_batches(source, epoch, turn)
            turn += 1
        return batches[:length]

    def _source_batches(self, source: int, epoch: int, turn: int) -> list[list[int]]:
        generator = np.random.default_rng((self.seed, epoch, source, turn))
        offset = self.offsets[source]
        return [
            [offset + row for row in batch]
            for batch in identity_batches(self.labels[source], self.shapes[source], generator)
        ]
