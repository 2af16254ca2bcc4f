"""From the configured sources to batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from training.config import SourceConfig, TrainingConfig
from training.data import load_dataset
from training.data.decoded_file import decode_into_file
from training.data.decoded_images import (
    BadImage,
    Concatenated,
    DecodedAnew,
    DecodedImages,
    decode_in_memory,
    decoded_bytes,
)
from training.data.sampler import BatchShape, MixedSampler
from training.data.training_images import TrainingImages, TrainingItem, collate
from training.errors import ComputeError
from training.interruption import ignore_interrupts
from training.losses import label_space_of
from training.parallel.processes import Processes
from vreid.errors import ConfigurationError, DatasetError
from vreid.sample import Sample

T = TypeVar("T")


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
        return self._cut(self.labels)

    def by_source(self) -> list[Sequence[Sample]]:
        """The samples, cut into sources."""
        return self._cut(self.samples)

    def _cut(self, values: Sequence[T]) -> list[Sequence[T]]:
        ends = np.cumsum(self.sizes).tolist()
        return [values[end - size : end] for end, size in zip(ends, self.sizes, strict=True)]

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
        if not train:
            raise DatasetError(
                f"source {source_name} (data set {source.dataset} at {source.root}) has no "
                "training samples: it can be measured and calibrated with, not trained on; give "
                f"--data {source_name}=FOLDER with a folder that has some"
            )
        if any(sample.identity is None for sample in train):
            raise DatasetError(
                f"source {source_name} has training samples without an identity; give each its "
                "identity, or leave it out"
            )
        samples += train
        names += [f"{source_name}/{sample.identity}" for sample in train]
        sizes.append(len(train))
    identities = tuple(dict.fromkeys(names))
    numbers = {name: number for number, name in enumerate(identities)}
    return TrainingSamples(samples, [numbers[name] for name in names], identities, tuple(sizes))


def make_sampler(
    config: TrainingConfig, samples: TrainingSamples, processes: Processes
) -> MixedSampler:
    """The sampler of this process's batches.

    Raises:
        ConfigurationError: a source has too few identities for its part of a batch, or a batch too
            few for the processes that divide it.
    """
    shapes = [
        BatchShape(source.identities_per_batch, source.samples_per_identity)
        for source in config.sources.values()
    ]
    return MixedSampler(
        samples.labels_by_source(),
        shapes,
        config.seed,
        rank=processes.rank,
        replicas=processes.count,
        divided=config.compute.batch_split == "identities",
        names=list(config.sources),
    )


def decode_sources(
    config: TrainingConfig,
    samples: TrainingSamples,
    directory: Path,
    processes: Processes,
    progress: Callable[[], None],
    first_on_machine: bool = True,
) -> DecodedImages:
    """Decodes the images and keeps them where the configuration says.

    Args:
        config: of the run.
        samples: of all sources.
        directory: of the run.
        processes: of the run; all call this at once.
        progress: called between samples; what it raises ends the work.
        first_on_machine: whether this process is the one of its machine that writes files.

    Raises:
        ImageCacheError: the file of decoded images cannot be written or read.
    """
    compute, preprocessing = config.compute, config.preprocessing.build()
    kept = compute.image_cache
    if kept == "auto":
        bound = compute.image_cache_mib << 20
        kept = "memory" if decoded_bytes(samples.samples, preprocessing) <= bound else "disk"
    folder = compute.image_cache_folder or directory / "decoded"
    show = processes.rank == 0

    def decode(source: Sequence[Sample]) -> DecodedImages:
        if kept == "none":
            return DecodedAnew(source, preprocessing)
        if kept == "memory":
            return decode_in_memory(source, preprocessing, progress, show)
        return decode_into_file(source, preprocessing, folder, progress, show)

    with processes.together():
        if kept == "disk" and first_on_machine:
            # The others find the file complete when their turn comes.
            for source in samples.by_source():
                decode(source)
    with processes.together():
        parts = [decode(source) for source in samples.by_source()]
    return Concatenated(parts, samples.sizes)


def make_loader(
    config: TrainingConfig,
    samples: TrainingSamples,
    sampler: MixedSampler,
    decoded: DecodedImages | None = None,
) -> DataLoader[TrainingItem | BadImage]:
    """A loader of `Batch`.

    Args:
        config: of the run.
        samples: of all sources.
        sampler: of the batches.
        decoded: the samples' pixels; decoded anew at every draw when None.
    """
    images = TrainingImages(
        samples.samples,
        samples.labels,
        config.preprocessing.build(),
        config.augmentation,
        config.seed,
        decoded,
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


@contextmanager
def workers_of(loader: DataLoader[TrainingItem | BadImage]) -> Iterator[None]:
    """Ends the loader's workers with the block, however it ends.

    They outlive SIGTERM, by which Python would end them when the process exits: it would wait for
    ever. While an error is on its way nothing else lets go of the loader.

    Raises:
        ComputeError: a worker ended before; torch says so wherever the block is by then.
    """
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:
        # While a batch is handed over, the end of a worker shows as that of its connection.
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise ComputeError(
            f"a loader worker is gone ({str(error).partition(chr(10))[0]}); where memory is short "
            "lower compute.loader_workers, then go on with --resume"
        ) from error
    finally:
        # torch has no public way to end persistent workers.
        iterator = loader._iterator
        if isinstance(iterator, _MultiProcessingDataLoaderIter):
            iterator._shutdown_workers()
