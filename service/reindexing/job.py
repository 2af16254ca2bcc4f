"""Embedding a gallery again: build, verify, swap; and going back to what was served before.

The gallery is in use meanwhile. A job that is ended at any moment goes on where it was when the
same command is run again.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from service.errors import GalleryDamaged, GalleryUnwritable, ReindexingError, ReindexingRunning
from service.gallery.store.generations import (
    generation_name,
    generations,
    previous_generation,
    served_generation,
)
from service.gallery.store.store import GalleryStore
from service.jobs.report import reported_job
from service.reindexing.embedding import NotReembedded, SightingEmbedder
from service.reindexing.swap import swap
from service.reindexing.synchronisation import Synchronisation
from service.reindexing.verification import Verification, verify
from vreid.bundle import Bundle
from vreid.engines import open_engine
from vreid.errors import FingerprintMismatch

DEFAULT_BATCH_SIZE = 64
DEFAULT_SAMPLE = 100

REJECTS_NAME = "reindex-rejects.jsonl"

_LOCK = "reindex.lock"


@dataclass(frozen=True, slots=True)
class Options:
    """How a gallery is embedded again.

    Attributes:
        sources: folders or manifests that were indexed, in which original files are looked for.
        engine: what runs the model, as `precision` and `threads` for `open_engine`.
        batch_size: records stored in one transaction.
        drop_missing: leave out records that cannot be embedded, instead of refusing the swap.
        swap: whether to serve the new generation when it is whole.
        sample: how many records are embedded twice for the verification.
        rejects: the file of records that cannot be embedded; by default in the gallery.
        show_progress: whether to draw a bar where there is a terminal.
    """

    sources: tuple[Path, ...] = ()
    engine: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
    drop_missing: bool = False
    swap: bool = True
    sample: int = DEFAULT_SAMPLE
    rejects: Path | None = None
    show_progress: bool = True


@dataclass(frozen=True, slots=True)
class ReindexingSummary:
    """What a job did.

    Attributes:
        generation: the name of the generation that was built.
        fingerprint: of its bundle.
        embedded: how many records this run embedded; a resumed run embeds the rest.
        rejected: the records that cannot be embedded.
        rejects: the file that names them and the reasons, None when there are none.
        verification: None when it was not reached: records were rejected and not to be left out.
        swapped: whether the generation is served now because of this run.
        served: whether it is served.
        seconds: how long it took.
    """

    generation: str
    fingerprint: str
    embedded: int
    rejected: tuple[NotReembedded, ...]
    rejects: Path | None
    verification: Verification | None
    swapped: bool
    served: bool
    seconds: float


def reindex(directory: Path, bundle: Bundle, options: Options) -> ReindexingSummary:
    """Embed a gallery again with a bundle and serve that, unless something speaks against it.

    What speaks against it is in the summary: `rejected` records, or `problems` of the verification.
    Raises `ReindexingRunning` when another process is at it, `GalleryError` when the gallery cannot
    be read or written, `EngineError` when the model cannot run, and `NotEmbeddable` or
    `VerificationFailed` for what came in the last moment. The served generation stays then.
    """
    with only_one(directory):
        return _bring(directory, _generation_of(directory, bundle), bundle, options)


def roll_back(directory: Path, bundle: Bundle | None, options: Options) -> ReindexingSummary:
    """Serve the generation again that was served before this one.

    It gets what has changed since: what was deleted is deleted there, other labels are carried
    over. Records that were stored since have to be embedded with the old bundle; without it they
    are `rejected`. Raises what `reindex` raises, `ReindexingError` when there is nothing to go back
    to, and `FingerprintMismatch` when the bundle is another one.
    """
    with only_one(directory):
        with (
            closing(GalleryStore.open_existing(directory)) as store,
            store.database.reading() as connection,
        ):
            name = previous_generation(connection)
        # A copy of a gallery may name as its previous generation what it is itself called.
        names = set(generations(directory)) - {served_generation(directory)}
        if name not in names:
            raise ReindexingError(
                f"{directory} has no generation before the one that is served; embed it again with "
                f"the old bundle: vreid reindex --bundle OLD_BUNDLE --gallery {directory}"
            )
        assert name is not None
        return _bring(directory, name, bundle, options)


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Keep other processes from working on the generations of a gallery.

    Raises `ReindexingRunning` when one does, `GalleryNotFound` when there is no gallery.
    """
    GalleryStore.open_existing(directory).close()
    try:
        file = (directory / _LOCK).open("a", encoding="ascii")
    except OSError as error:
        raise GalleryUnwritable(
            f"{directory / _LOCK} cannot be written ({error.strerror or error}); correct the "
            "permissions of the gallery's directory."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ReindexingRunning(
                f"Another process works on the generations of {directory}; wait until it has "
                f"ended. `vreid reindex --status --gallery {directory}` tells how far it is."
            ) from error
        yield


def _generation_of(directory: Path, bundle: Bundle) -> str:
    """The generation that a bundle made, or the name of the one that it will make."""
    for name in generations(directory):
        # One that was being made when its process died says nothing yet.
        with (
            suppress(GalleryDamaged),
            closing(GalleryStore.open_existing(directory, generation=name)) as store,
        ):
            if store.facts.fingerprint == bundle.fingerprint:
                return name
    return generation_name(bundle.fingerprint)


def _bring(
    directory: Path, name: str, bundle: Bundle | None, options: Options
) -> ReindexingSummary:
    started = time.monotonic()
    with ExitStack() as stack:
        served = stack.enter_context(closing(GalleryStore.open_existing(directory)))
        served_name = served_generation(directory)
        if name == served_name:
            fingerprint = served.facts.fingerprint
            if not has_left_out(served):
                remove_rejects(directory)
            seconds = time.monotonic() - started
            return ReindexingSummary(name, fingerprint, 0, (), None, None, False, True, seconds)
        target = stack.enter_context(closing(_open_target(directory, name, bundle)))
        embedder = (
            None
            if bundle is None
            else SightingEmbedder(
                served,
                bundle,
                open_engine(bundle, options.engine, options.threads, options.precision),
                options.sources,
            )
        )
        progress = stack.enter_context(
            tqdm(
                total=served.count(),
                initial=min(served.count(), target.count()),
                unit="record",
                desc="embedding",
                disable=None if options.show_progress else True,
            )
        )

        report = stack.enter_context(
            reported_job(directory, "reindex", "" if bundle is None else str(bundle.path))
        )
        report.expect(max(0, served.count() - target.count()))

        def advance(brought: int, rejected: int) -> None:
            progress.update(brought + rejected)
            report.advance(indexed=brought, rejected=rejected)

        following = Synchronisation(served, target, embedder, options.batch_size, advance)
        following.catch_up()
        rejected = following.rejected()
        verification = None
        swapped = False
        if options.drop_missing or not rejected:
            verification = verify(
                directory, name, served, target, following, bundle, embedder, options.sample
            )
            if options.swap and verification.sound:
                swap(
                    directory,
                    (served_name, served),
                    (name, target),
                    following,
                    drop_missing=options.drop_missing,
                )
                swapped = True
            else:
                # What was deleted while the new one was verified does not stay in it.
                following.catch_up()
            rejected = following.rejected()
        return ReindexingSummary(
            generation=name,
            fingerprint=target.facts.fingerprint,
            embedded=following.embedded,
            rejected=tuple(rejected),
            rejects=_write_rejects(directory, options.rejects, rejected),
            verification=verification,
            swapped=swapped,
            served=swapped,
            seconds=time.monotonic() - started,
        )


def _open_target(directory: Path, name: str, bundle: Bundle | None) -> GalleryStore:
    if bundle is None:
        return GalleryStore.open_existing(directory, generation=name)
    size = bundle.manifest.feature_size
    try:
        return GalleryStore.open(directory, bundle.fingerprint, size, generation=name)
    except FingerprintMismatch as error:
        raise FingerprintMismatch(
            f"The generation {name} of {directory} was made with another bundle than "
            f"{bundle.fingerprint}; name the bundle that made it."
        ) from error


def _write_rejects(
    directory: Path, chosen: Path | None, rejected: Sequence[NotReembedded]
) -> Path | None:
    """Write who was rejected and why, a JSON object a line; an older file is replaced.

    Without any, no file stays, also not the one that a run without `--rejects` left.
    """
    path = chosen or directory / REJECTS_NAME
    try:
        if not rejected:
            path.unlink(missing_ok=True)
            remove_rejects(directory)
            return None
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            for each in rejected:
                file.write(json.dumps({"id": each.id, "reason": each.reason}) + "\n")
    except OSError as error:
        raise ReindexingError(
            f"The rejects file {path} cannot be written ({error.strerror or error}); name another "
            "with --rejects."
        ) from error
    return path


def remove_rejects(directory: Path) -> None:
    """Remove the gallery's own list of records that could not be embedded. Raises OSError."""
    (directory / REJECTS_NAME).unlink(missing_ok=True)


def has_left_out(store: GalleryStore) -> bool:
    """Whether records of an earlier generation were left out of this one."""
    with store.database.reading() as connection:
        return connection.execute("SELECT 1 FROM left_out LIMIT 1").fetchone() is not None
