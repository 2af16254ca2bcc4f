"""Data sets as branch features, made once and then measured in many ways."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import compress
from pathlib import Path
from typing import NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.data import Dataset, labels_of
from training.joint_features import JointEngine, embed_jointly, is_joint, select
from vreid.embedding import branch_inputs, embed
from vreid.engines import BranchRunner
from vreid.image_source import Tile
from vreid.metrics import Junk, Labels
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing
from vreid.sample import Sample

StoredImages: TypeAlias = frozenset[Path | Tile]
"""The images that a sample was read from: files, or tiles of one."""


@dataclass(frozen=True)
class EmbeddedSamples:
    """Branch features and labels of N samples.

    Attributes:
        features: (N, 3, D) float32, rounded as a gallery stores them.
        mask: (N, 3) bool.
        labels: one entry per sample.
        sources: one entry per sample: the files or tiles it was read from, None where it was read
            from none. Samples of equal ones are one sample.
        joint: of a network that computes modalities together, its features (7, N, D) by subset, see
            `training.joint_features`; `features` are then those that `mask` chooses.
        chosen_by: the mask that `features` were chosen by from `joint`; never given.
    """

    features: NDArray[np.float32]
    mask: NDArray[np.bool_]
    labels: Labels
    sources: tuple[StoredImages | None, ...] | None = None
    joint: NDArray[np.float16] | None = None
    chosen_by: NDArray[np.bool_] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # A copy with another mask has other features; one with other features keeps its mask.
        if self.joint is not None and self.chosen_by is not self.mask:
            object.__setattr__(self, "features", select(self.joint, self.mask))
            object.__setattr__(self, "chosen_by", self.mask)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.mask)

    def restricted(self, modalities: Iterable[Modality]) -> "EmbeddedSamples":
        """The samples with only these modalities left; those that have none of them are dropped."""
        kept = [modality.index for modality in modalities]
        mask = np.zeros_like(self.mask)
        mask[:, kept] = self.mask[:, kept]
        return replace(self, mask=mask).rows(np.any(mask, axis=1))

    def having_all(self, modalities: Iterable[Modality]) -> "EmbeddedSamples":
        """The samples that have each of these modalities, with only these left."""
        kept = tuple(modalities)
        complete = np.all(self.mask[:, [modality.index for modality in kept]], axis=1)
        return self.rows(complete).restricted(kept)

    def rows(self, chosen: NDArray[np.bool_]) -> "EmbeddedSamples":
        """The samples marked in `chosen` (N,)."""
        sources = self.sources and tuple(compress(self.sources, chosen))
        return EmbeddedSamples(
            self.features[chosen],
            self.mask[chosen],
            _chosen_labels(self.labels, chosen),
            sources,
            None if self.joint is None else self.joint[:, chosen],
        )


@dataclass(frozen=True)
class EmbeddedDataset:
    """Query and gallery of a data set, embedded."""

    name: str
    query: EmbeddedSamples
    gallery: EmbeddedSamples
    junk: Junk
    symmetric: bool = False

    def exchanged(self) -> "EmbeddedDataset":
        """The same with query and gallery exchanged."""
        return replace(self, query=self.gallery, gallery=self.query)

    def restricted(self, modalities: Iterable[Modality]) -> "EmbeddedDataset":
        """Both sides `EmbeddedSamples.restricted`."""
        kept = tuple(modalities)
        return replace(
            self, query=self.query.restricted(kept), gallery=self.gallery.restricted(kept)
        )

    def having_all(self, modalities: Iterable[Modality]) -> "EmbeddedDataset":
        """Both sides `EmbeddedSamples.having_all`."""
        kept = tuple(modalities)
        return replace(
            self, query=self.query.having_all(kept), gallery=self.gallery.having_all(kept)
        )


def embed_dataset(
    dataset: Dataset,
    preprocessing: Preprocessing,
    engine: BranchRunner,
    feature_size: int,
    batch_size: int = 16,
    mirrored: bool = False,
) -> EmbeddedDataset:
    """Embeds query and gallery of a data set by the one preprocessing, equal images once.

    Args:
        dataset: what to embed.
        preprocessing: the model's.
        engine: runs the model.
        feature_size: D.
        batch_size: samples in one run.
        mirrored: embed the images' mirror images (left and right exchanged).

    Raises:
        ImageError: an image cannot be used.
        EngineError: the engine failed.
    """

    def embedded(samples: Sequence[Sample]) -> _Features:
        features, masks, joint = [], [], []
        starts = range(0, len(samples), batch_size)
        for start in tqdm(starts, "embedding", unit="batch", disable=None, leave=False):
            inputs = [
                _mirrored(branch_inputs(sample, preprocessing))
                if mirrored
                else branch_inputs(sample, preprocessing)
                for sample in samples[start : start + batch_size]
            ]
            if is_joint(engine):
                by_subset, mask = embed_jointly(inputs, cast(JointEngine, engine))
                part = select(by_subset, mask)
                joint.append(by_subset)
            else:
                part, mask = embed(inputs, engine, feature_size, batch_size)
            features.append(part)
            masks.append(mask)
        if not features:
            empty = np.zeros((0, len(MODALITIES), feature_size), dtype=np.float32)
            return _Features(empty, empty[..., 0].astype(np.bool_), None)
        return _Features(
            np.concatenate(features),
            np.concatenate(masks),
            np.concatenate(joint, axis=1) if joint else None,
        )

    # Sets that keep a copy of their gallery as queries would be embedded twice.
    both = [*dataset.query, *dataset.gallery]
    first, place = _distinct(both)
    found = embedded([both[row] for row in first])

    def side(samples: Sequence[Sample], rows: NDArray[np.int64]) -> EmbeddedSamples:
        return EmbeddedSamples(
            found.features[rows],
            found.mask[rows],
            labels_of(samples),
            tuple(_files(sample) for sample in samples),
            None if found.joint is None else found.joint[:, rows],
        )

    queries = len(dataset.query)
    return EmbeddedDataset(
        dataset.name,
        side(dataset.query, place[:queries]),
        side(dataset.gallery, place[queries:]),
        dataset.junk,
        dataset.symmetric,
    )


def same_samples(query: EmbeddedSamples, gallery: EmbeddedSamples) -> NDArray[np.bool_]:
    """(Q, G): whether query and gallery entry are one sample, which says nothing when it matches.

    Where a data set has no camera and no scene, its queries are its gallery and no junk rule
    takes a query out of its own ranking.
    """
    same = np.zeros((len(query), len(gallery)), dtype=np.bool_)
    columns: dict[StoredImages, list[int]] = {}
    for column, files in enumerate(gallery.sources or ()):
        if files is not None:
            columns.setdefault(files, []).append(column)
    for row, files in enumerate(query.sources or ()):
        if files is not None:
            same[row, columns.get(files, [])] = True
    return same


class _Features(NamedTuple):
    """Features (N, 3, D), mask (N, 3), and a joint network's features (7, N, D)."""

    features: NDArray[np.float32]
    mask: NDArray[np.bool_]
    joint: NDArray[np.float16] | None


def _distinct(samples: Sequence[Sample]) -> tuple[list[int], NDArray[np.int64]]:
    """Rows of the samples whose images are those of none before, and each sample's place there."""
    first: list[int] = []
    places: dict[tuple[tuple[Modality, bytes], ...], int] = {}
    place = np.empty(len(samples), dtype=np.int64)
    for row, sample in enumerate(samples):
        images = tuple(
            (modality, sha256(sample.content(modality)).digest())
            for modality in sorted(sample.images, key=MODALITIES.index)
        )
        place[row] = places.setdefault(images, len(first))
        if place[row] == len(first):
            first.append(row)
    return first, place


def _mirrored(inputs: Mapping[Modality, NDArray[np.uint8]]) -> dict[Modality, NDArray[np.uint8]]:
    """Branch pixels (H, W, 3) with left and right exchanged."""
    return {modality: image[:, ::-1] for modality, image in inputs.items()}


def _files(sample: Sample) -> StoredImages | None:
    files = frozenset(
        source for source in sample.images.values() if isinstance(source, Path | Tile)
    )
    return files if len(files) == len(sample.images) else None


def _chosen_labels(labels: Labels, chosen: NDArray[np.bool_]) -> Labels:
    def column(values: object) -> NDArray[np.object_] | None:
        return None if values is None else np.asarray(values, dtype=np.object_)[chosen]

    return Labels(
        identity=np.asarray(labels.identity, dtype=np.object_)[chosen],
        camera=column(labels.camera),
        scene=column(labels.scene),
        view=column(labels.view),
    )
