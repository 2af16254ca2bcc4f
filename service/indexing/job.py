"""The indexing job: a source in, records in a gallery out.

    items --threads--> prepared --batches--> embedded --one transaction a batch--> stored

At most a few batches are in memory whatever the size of the source, and what `read_source` needs.
A batch is durable when it is
counted; a job that is ended between two batches loses nothing, and running it again skips what is
there by content hash. The service may have the same gallery open meanwhile.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from service.errors import DuplicateRecord, IndexingError, InvalidRecord
from service.gallery.address import MilvusAddress
from service.gallery.opening import open_records, place_of
from service.gallery.protocol import RecordStore
from service.gallery.record import NewRecord, Record
from service.indexing.preparation import Outcome, Prepared, Rejected, Skipped, prepare
from service.indexing.rejects import RejectsFile
from service.indexing.relabelling import relabel
from service.indexing.sharding import Shard
from service.indexing.source import SourceItem, path_below, read_source
from vreid.bundle import Bundle
from vreid.decoding import DEFAULT_LIMITS, ImageLimits
from vreid.embedding import embed
from vreid.engines import BranchEngine, open_engine
from vreid.engines.processors import usable_processors
from vreid.image_source import file_of
from vreid.modality import MODALITIES, Modality, modalities_of

DEFAULT_BATCH_SIZE = 64

# Images in one run of a branch; larger runs need more memory and are no faster on a CPU.
_RUN_SIZE = 16
# Batches that are read and decoded ahead of the one that is embedded.
_BATCHES_AHEAD = 1


@dataclass(frozen=True, slots=True)
class IndexingSummary:
    """What a job did, in samples. `rejects` is the rejects file, None when there is none.

    `images` is how many images of each modality the indexed samples have. `updated` is how many
    records got other labels.
    """

    indexed: int
    skipped: int
    rejected: int
    seconds: float
    rejects: Path | None
    images: Mapping[Modality, int]
    updated: int = 0

    @property
    def throughput(self) -> float:
        """Samples handled a second."""
        return (self.indexed + self.updated + self.skipped + self.rejected) / max(
            self.seconds, 1e-9
        )


def index_source(
    source: Path,
    bundle: Bundle,
    gallery_directory: Path | str | MilvusAddress,
    *,
    engine: str = "auto",
    batch_size: int = DEFAULT_BATCH_SIZE,
    rejects: Path | None = None,
    identity_from_folder: bool = False,
    update: bool = False,
    keep_crops: bool = False,
    shard: Shard | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
    show_progress: bool = True,
) -> IndexingSummary:
    """Index every sample of a source that the gallery does not have yet.

    With `update`, a sample whose images the gallery has under other labels makes no second record:
    the record gets the sample's labels. With `keep_crops`, records hold their encoded images too.
    With a `shard`, only that part of the source is indexed.

    Raises `IndexingError` for a source that is not there, empty or unsupported,
    `FingerprintMismatch` for a gallery of another model, `GalleryError` when records cannot be
    stored, `EngineError` when the model cannot run. A bad sample raises nothing: it is rejected.
    """
    if batch_size < 1:
        raise IndexingError(f"The batch size {batch_size} is too small; give at least 1.")
    started = time.monotonic()

    def items() -> Iterator[SourceItem]:
        found = read_source(source, identity_from_folder=identity_from_folder)
        return found if shard is None else shard.of(found, source)

    # A pass without opening images: a source that cannot be read fails before anything is stored.
    total = sum(1 for _ in items())
    # Of a small source a shard may be empty, which is no mistake.
    if total == 0 and shard is None:
        raise IndexingError(f"{source} holds no images; name the folder or manifest that does.")
    manifest = bundle.manifest
    store = open_records(gallery_directory, bundle)
    rejected = RejectsFile(rejects or _default_rejects(place_of(gallery_directory)))
    threads = ThreadPoolExecutor(usable_processors(), thread_name_prefix="prepare")
    progress = tqdm(
        total=total, unit="sample", desc="indexing", disable=None if show_progress else True
    )
    indexed = skipped = updated = 0
    images: Counter[Modality] = Counter()
    try:
        opened = open_engine(bundle, engine)

        def prepare_item(item: SourceItem) -> Outcome:
            return prepare(
                item,
                manifest.preprocessing,
                limits,
                lambda content_hash: bool(store.known_content([content_hash])),
                store.ids_with_images if update else lambda images_hash: (),
                keep_crops,
            )

        for outcomes in _in_batches(items(), prepare_item, batch_size, threads):
            prepared = [each for each in outcomes if isinstance(each, Prepared)]
            records, unfit = _embedded(prepared, opened, manifest.feature_size, source)
            added, known, taken = _stored(records, store)
            indexed += len(added)
            images.update(each for record in added for each in modalities_of(record.mask))
            skipped += known + sum(isinstance(each, Skipped) for each in outcomes)
            relabelled, failed = relabel(outcomes, store)
            updated += relabelled
            for each in (*outcomes, *unfit, *taken, *failed):
                if isinstance(each, Rejected):
                    rejected.write(each)
            progress.update(len(outcomes))
    finally:
        threads.shutdown(cancel_futures=True)
        progress.close()
        rejected.close()
        store.close()
    return IndexingSummary(
        indexed,
        skipped,
        rejected.count,
        time.monotonic() - started,
        rejected.path,
        {modality: images[modality] for modality in MODALITIES},
        updated,
    )


def _in_batches(
    items: Iterable[SourceItem],
    prepare_item: Callable[[SourceItem], Outcome],
    batch_size: int,
    threads: ThreadPoolExecutor,
) -> Iterator[list[Outcome]]:
    """Prepared samples in the source's order, a batch ahead of the one that was taken."""
    remaining = iter(items)
    pending: deque[list[Future[Outcome]]] = deque()
    while batch := list(islice(remaining, batch_size)):
        pending.append([threads.submit(prepare_item, item) for item in batch])
        if len(pending) > _BATCHES_AHEAD:
            yield [future.result() for future in pending.popleft()]
    while pending:
        yield [future.result() for future in pending.popleft()]


def _embedded(
    batch: Sequence[Prepared], engine: BranchEngine, feature_size: int, source: Path
) -> tuple[list[tuple[str, NewRecord]], list[Rejected]]:
    """Records with their labels, and the samples that make no valid record."""
    if not batch:
        return [], []
    features, mask = embed([each.inputs for each in batch], engine, feature_size, _RUN_SIZE)
    records, rejected = [], []
    for each, own_features, own_mask in zip(batch, features, mask, strict=True):
        try:
            records.append((each.label, _record(each, own_features, own_mask, source)))
        except InvalidRecord as error:
            rejected.append(Rejected(each.label, str(error)))
    return records, rejected


def _record(
    prepared: Prepared, features: NDArray[np.float32], mask: NDArray[np.bool_], source: Path
) -> NewRecord:
    sample = prepared.sample
    return NewRecord(
        features=features,
        mask=mask,
        id=prepared.id,
        identity=sample.identity,
        camera=sample.camera,
        scene=sample.scene,
        captured_at=sample.captured_at,
        attributes=sample.attributes,
        content_hash=prepared.content_hash,
        images_hash=prepared.images_hash,
        source={
            modality: path_below(source, file)
            for modality, image in sample.images.items()
            if (file := file_of(image)) is not None
        },
        thumbnails=prepared.thumbnails,
        crops=prepared.crops,
    )


def _stored(
    records: Sequence[tuple[str, NewRecord]], store: RecordStore
) -> tuple[list[Record], int, list[Rejected]]:
    """Store a batch: the records that are new, how many were known, and those whose id is taken."""
    remaining, rejected = _first_of_each_id(records)
    while remaining:
        try:
            added = store.add([record for _, record in remaining], skip_known_content=True)
            return added, len(remaining) - len(added), rejected
        except DuplicateRecord as error:
            free = [each for each in remaining if each[1].id not in error.ids]
            rejected += [_id_taken(*each) for each in remaining if each[1].id in error.ids]
            remaining = free
    return [], 0, rejected


def _first_of_each_id(
    records: Sequence[tuple[str, NewRecord]],
) -> tuple[list[tuple[str, NewRecord]], list[Rejected]]:
    """The batch without records that repeat an id of an earlier one, and those that do."""
    seen: set[str] = set()
    kept, repeated = [], []
    for label, record in records:
        if record.id is not None and record.id in seen:
            repeated.append(_id_taken(label, record))
            continue
        if record.id is not None:
            seen.add(record.id)
        kept.append((label, record))
    return kept, repeated


def _id_taken(label: str, record: NewRecord) -> Rejected:
    return Rejected(label, str(DuplicateRecord([str(record.id)])))


def _default_rejects(gallery: Path | MilvusAddress) -> Path:
    """In the gallery's directory; a gallery in Milvus has none, so in the present one."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    directory = gallery if isinstance(gallery, Path) else Path()
    return directory / f"rejects-{now}.jsonl"
