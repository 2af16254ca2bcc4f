"""From the configured sources to batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from training.config import SourceConfig, TrainingConfig
from training.data import load_dataset
from training.data.sampler import BatchShape, MixedSampler
from training.data.training_images import Batch, TrainingImages, TrainingItem, collate
from training.interruption import ignore_interrupts
from training.losses import label_space_of
from vreid.errors import ConfigurationError, DatasetError
from vreid.sample import Sample


@dataclass(frozen=True)
class TrainingSamples:
    """The training samples of all sources in sequence, with identities numbered through.

    Attributes:
        samples: all of them.
        labels: identity number of each.
        identities: "source/identity" by number.
        sizes: number of samples of each source.
    """

    samples: Sequence[Sample]
    labels: Sequence[int]
    identities: tuple[str, ...]
    sizes: tuple[int, ...]

    def labels_by_source(self) -> list[Sequence[int]]:
        """The labels, cut into sources."""
        ends = np.cumsum(self.sizes).tolist()
        return [self.labels[end - size : end] for end, size in zip(ends, self.sizes, strict=True)]

    def label_space(self) -> Tensor:
        """(3, identities) bool: which identities occur in which modality."""
        mask = torch.from_numpy(np.stack([sample.mask for sample in self.samples]))
        return label_space_of(torch.tensor(self.labels), mask, len(self.identities))


def with_roots(config: TrainingConfig, roots: Mapping[str, Path]) -> TrainingConfig:
    """Puts folders given on the command line into a configuration.

    Raises:
        ConfigurationError: a name is no source of the configuration, or a source has no folder.
    """
    unknown = roots.keys() - config.sources.keys()
    if unknown:
        raise ConfigurationError(
            f"{min(unknown)!r} is no source of {config.name}; it has {', '.join(config.sources)}"
        )
    sources = {
        name: source.model_copy(update={"root": roots[name].resolve()}) if name in roots else source
        for name, source in config.sources.items()
    }
    for name, source in sources.items():
        if source.root is None:
            raise ConfigurationError(
                f"source {name} (data set {source.dataset}) has no folder; "
                f"give --data {name}=FOLDER"
            )
    return config.model_copy(update={"sources": sources})


def load_training_samples(sources: Mapping[str, SourceConfig]) -> TrainingSamples:
    """Lists the training samples of every source; no image is opened.

    Raises:
        DatasetError: a data set cannot be loaded, or a training sample has no identity.
    """
    samples: list[Sample] = []
    names: list[str] = []
    sizes: list[int] = []
    for source_name, source in sources.items():
        train = load_dataset(source.dataset, source.root or Path(), source.split).train
        if not train or any(sample.identity is None for sample in train):
            raise DatasetError(
                f"source {source_name} has no training samples, or some without an identity; "
                "training needs samples of known identity"
            )
        samples += train
        names += [f"{source_name}/{sample.identity}" for sample in train]
        sizes.append(len(train))
    identities = tuple(dict.fromkeys(names))
    numbers = {name: number for number, name in enumerate(identities)}
    return TrainingSamples(samples, [numbers[name] for name in names], identities, tuple(sizes))


def make_sampler(
    config: TrainingConfig, samples: TrainingSamples, rank: int = 0, replicas: int = 1
) -> MixedSampler:
    """The sampler of a configuration's batches."""
    shapes = [
        BatchShape(source.identities_per_batch, source.samples_per_identity)
        for source in config.sources.values()
    ]
    return MixedSampler(
        samples.labels_by_source(), shapes, config.seed, rank=rank, replicas=replicas
    )


def make_loader(
    config: TrainingConfig, samples: TrainingSamples, sampler: MixedSampler
) -> DataLoader[TrainingItem]:
    """A loader of `Batch`; decodes every image at once."""
    images = TrainingImages(
        samples.samples,
        samples.labels,
        config.preprocessing.build(),
        config.augmentation,
        config.seed,
    )
    workers = config.compute.loader_workers
    return DataLoader(
        images,
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        worker_init_fn=ignore_interrupts,
        persistent_workers=workers > 0,
        multiprocessing_context="fork" if workers else None,
        # Its own generator: the loader would otherwise draw from the one that the run saves.
        generator=torch.Generator(),
    )


__all__ = ["Batch", "TrainingSamples", "load_training_samples", "make_loader", "make_sampler"]
