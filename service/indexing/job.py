"""The indexing job: a source in, records in a gallery out.

    items --threads--> prepared --lanes--> embedded --batches, one transaction each--> stored

Reading, embedding and storing go on at the same time (`service.indexing.pipeline`); in memory are
at most a few batches whatever the size of the source, and what `read_source` needs: decoded pixels
within `service.indexing.decoding_budget`, encoded images that are kept within _KEPT_BYTES.
A batch is durable when it is
counted; a job that is ended between two batches loses nothing, and running it again skips what is
there by content hash. The service may have the same gallery open meanwhile.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

from tqdm import tqdm

from service.errors import IndexingError
from service.gallery.address import MilvusAddress
from service.gallery.opening import open_records, place_of
from service.indexing.counting import ItemCount
from service.indexing.decoding_budget import DecodingBudget
from service.indexing.pipeline import ToEmbed, embedded_in_order
from service.indexing.preparation import (
    Prepared,
    Rejected,
    Relabelled,
    Skipped,
    prepare,
)
from service.indexing.rejects import RejectsFile
from service.indexing.relabelling import relabel
from service.indexing.sharding import Shard
from service.indexing.source import SourceItem, kept_bytes, paths_below, read_source
from service.indexing.storing import Embedded, as_record, store_new
from service.jobs.report import reported_job
from vreid.bundle import Bundle
from vreid.decoding import DEFAULT_LIMITS, ImageLimits
from vreid.engines import open_engine
from vreid.modality import MODALITIES, Modality, modalities_of

DEFAULT_BATCH_SIZE = 64

# Samples that are embedded while a batch is stored: enough for a disk that takes half a second.
_MOST_AHEAD = 128

# Bytes of encoded images that are kept: under way, and again in a batch that is stored together.
_KEPT_BYTES = 128 * 2**20

_Done: TypeAlias = Embedded | Skipped | Relabelled | Rejected


@dataclass(frozen=True, slots=True)
class IndexingSummary:
    """What a job did, in samples. `rejects` is the rejects file, None when there is none.

    `images` is how many images of each modality the indexed samples have. `updated` is how many
    records got other labels. `engine` and `precision` are what ran the model;
    `embedding_seconds` is what is left of `seconds` when it was open.
    """

    indexed: int
    skipped: int
    rejected: int
    seconds: float
    rejects: Path | None
    images: Mapping[Modality, int]
    updated: int
    engine: str
    precision: str
    embedding_seconds: float

    @property
    def throughput(self) -> float:
        """Samples handled a second."""
        return (self.indexed + self.updated + self.skipped + self.rejected) / max(
            self.seconds, 1e-9
        )

    @property
    def images_per_second(self) -> float:
        """Images of the indexed samples a second, since the engine was open."""
        return sum(self.images.values()) / max(self.embedding_seconds, 1e-9)


def index_source(
    source: Path,
    bundle: Bundle,
    gallery_directory: Path | str | MilvusAddress,
    *,
    engine: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
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

    `engine`, `precision` and `threads` are those of `vreid.engines.open_engine`.
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

    # Of a small source a shard may be empty, which is no mistake.
    if next(items(), None) is None and shard is None:
        raise IndexingError(f"{source} holds no images; name the folder or manifest that does.")
    manifest = bundle.manifest
    path_of = paths_below(source)
    place = place_of(gallery_directory)
    budget = DecodingBudget()
    indexed = skipped = updated = 0
    images: Counter[Modality] = Counter()
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_records(gallery_directory, bundle)))
        report = stack.enter_context(
            reported_job(place if isinstance(place, Path) else None, "index", str(source))
        )
        rejected = stack.enter_context(closing(RejectsFile(rejects or _default_rejects(place))))
        count = ItemCount(items())
        stack.callback(count.stop)
        opened = open_engine(bundle, engine, threads, precision)
        engine_open = time.monotonic()

        def weigh(item: SourceItem) -> int:
            return kept_bytes(item) if keep_crops else 0

        def prepare_item(item: SourceItem) -> _Done | ToEmbed[_Done]:
            outcome = prepare(
                item,
                manifest.preprocessing,
                limits,
                lambda content_hash: bool(store.known_content([content_hash])),
                store.ids_with_images if update else lambda images_hash: (),
                keep_crops,
                budget,
            )
            if not isinstance(outcome, Prepared):
                return outcome
            return ToEmbed(outcome.inputs, partial(as_record, outcome, path_of=path_of))

        done: Iterator[_Done] = stack.enter_context(
            embedded_in_order(
                items(),
                prepare_item,
                opened,
                manifest.feature_size,
                min(batch_size, _MOST_AHEAD),
                weigh,
                _KEPT_BYTES,
            )
        )
        # A source that cannot be read to its end fails before anything is stored.
        total = count.result()
        report.expect(total)
        progress = stack.enter_context(
            tqdm(
                total=total, unit="sample", desc="indexing", disable=None if show_progress else True
            )
        )
        for batch in _batches(done, batch_size):
            stored = store_new((each for each in batch if isinstance(each, Embedded)), store)
            indexed += len(stored.added)
            images.update(each for record in stored.added for each in modalities_of(record.mask))
            skipped += stored.known + sum(isinstance(each, Skipped) for each in batch)
            relabelled, failed = relabel(
                (each for each in batch if isinstance(each, Relabelled)), store
            )
            updated += relabelled
            for each in (*batch, *stored.rejected, *failed):
                if isinstance(each, Rejected):
                    rejected.write(each)
            progress.update(len(batch))
            report.advance(
                indexed=len(stored.added),
                updated=relabelled,
                skipped=stored.known + sum(isinstance(each, Skipped) for each in batch),
                rejected=sum(isinstance(each, Rejected) for each in batch)
                + len(stored.rejected)
                + len(failed),
            )
    ended = time.monotonic()
    return IndexingSummary(
        indexed,
        skipped,
        rejected.count,
        ended - started,
        rejected.path,
        {modality: images[modality] for modality in MODALITIES},
        updated,
        opened.name,
        opened.precision,
        ended - engine_open,
    )


def _batches(done: Iterator[_Done], most: int) -> Iterator[list[_Done]]:
    """What is stored together: at most so many, and fewer where they keep much."""
    batch: list[_Done] = []
    kept = 0
    for each in done:
        batch.append(each)
        kept += sum(map(len, each.record.crops.values())) if isinstance(each, Embedded) else 0
        if len(batch) == most or kept > _KEPT_BYTES:
            yield batch
            batch, kept = [], 0
    if batch:
        yield batch


def _default_rejects(gallery: Path | MilvusAddress) -> Path:
    """In the gallery's directory; a gallery in Milvus has none, so in the present one."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    directory = gallery if isinstance(gallery, Path) else Path()
    return directory / f"rejects-{now}.jsonl"
