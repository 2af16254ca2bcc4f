"""The generations that a gallery keeps: which there are, and removing those that are not served."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from service.errors import GalleryDamaged, GalleryUnwritable, ReindexingError
from service.gallery.store.database import DATABASE_NAME, sync_directory
from service.gallery.store.generations import (
    FIRST,
    INDEX_FOLDER,
    LOG_NAMES,
    forget_other_generations,
    generations,
    leftovers,
    previous_generation,
    served_generation,
    settle,
)
from service.gallery.store.only_there import OnlyThere, count_only_there
from service.gallery.store.store import GalleryStore
from service.reindexing.comparison import side_by_side
from service.reindexing.job import only_one, remove_rejects


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of a gallery.

    Attributes:
        name: its directory below the gallery's.
        fingerprint: of its bundle; empty when its making had only just begun.
        records: how many it has.
        bytes: of its files.
        served: whether it is served.
        previous: whether `--rollback` would serve it.
        only_here: how many of its records the served generation does not have, since they were
            left out of it or quarantined there.
        quarantined_here: how many records lie in its quarantine and not in the served generation.
        lacking: how many records of the served generation it does not have as they are now: not
            embedded yet, left out, or with other labels since.
    """

    name: str
    fingerprint: str
    records: int
    bytes: int
    served: bool
    previous: bool
    only_here: int = 0
    quarantined_here: int = 0
    lacking: int = 0


def list_generations(directory: Path) -> list[Generation]:
    """Every generation, the first one first. Raises `GalleryNotFound` and other `GalleryError`."""
    with closing(GalleryStore.open_existing(directory)) as serving:
        with serving.database.reading() as connection:
            before = previous_generation(connection)
        served = served_generation(directory)
        found = []
        for name in generations(directory):
            fingerprint, records, lost, lacking = "", 0, OnlyThere(0, 0), 0
            try:
                with closing(GalleryStore.open_existing(directory, generation=name)) as store:
                    fingerprint, records = store.facts.fingerprint, store.count()
                    if name != served:
                        lost = count_only_there(serving.database, store.database)
                        lacking = _count_lacking(serving, store)
            except GalleryDamaged:
                if name == served:
                    raise
                lacking = serving.count()
            found.append(
                Generation(
                    name=name,
                    fingerprint=fingerprint,
                    records=records,
                    bytes=sum(path.stat().st_size for path in _files(directory, name)),
                    served=name == served,
                    previous=name == before,
                    only_here=lost.records,
                    quarantined_here=lost.quarantined,
                    lacking=lacking,
                )
            )
    return found


def discard(directory: Path, *, with_only_copies: bool = False) -> list[Generation]:
    """Remove every generation that is not served, and return what they were.

    What is left of an earlier removal that was interrupted goes too, and the list of records that
    could not be embedded. A process that still has one open cannot go on with it. Raises
    `ReindexingError` when records would be lost that the served generation does not have, unless
    `with_only_copies` says so, `ReindexingRunning`, `GalleryUnwritable`, and what
    `list_generations` raises.
    """
    with only_one(directory):
        settle(directory)
        unserved = [each for each in list_generations(directory) if not each.served]
        if not with_only_copies:
            _refuse_loss(directory, unserved)
        path = directory
        try:
            for each in unserved:
                path = directory / each.name
                _remove(directory, each.name)
            for path in leftovers(directory):
                _remove_path(path)
            path = directory
            sync_directory(directory)
            remove_rejects(directory)
        except OSError as error:
            raise GalleryUnwritable(
                f"{path} cannot be removed ({error.strerror or error}); correct its permissions, "
                "end the processes that have it open, and run the command again."
            ) from error
        with closing(GalleryStore.open_existing(directory)) as store:
            with store.database.writing() as connection:
                forget_other_generations(connection)
            store.database.erase_log()
    return unserved


def _count_lacking(served: GalleryStore, other: GalleryStore) -> int:
    with served.database.reading() as here, other.database.reading() as there:
        return sum(1 for _, _, found in side_by_side(here, there) if found is None)


def _refuse_loss(directory: Path, unserved: Sequence[Generation]) -> None:
    losing = [each for each in unserved if each.only_here or each.quarantined_here]
    if losing:
        counts = "; ".join(
            f"{each.name} has {each.only_here} records and {each.quarantined_here} quarantined ones"
            for each in losing
        )
        raise ReindexingError(
            f"The generation that is served does not have all records: {counts} that are only "
            "there, and nothing was removed. Bring them over (vreid reindex, with --source for the "
            "original files), or remove them too: "
            f"vreid reindex --discard --with-only-copies --gallery {directory}"
        )


def _remove(directory: Path, name: str) -> None:
    """Remove a generation, its database last: as long as that is there, it is listed."""
    folder = directory / name
    for part in (INDEX_FOLDER, *LOG_NAMES):
        _remove_path(folder / part)
    sync_directory(folder)
    (folder / DATABASE_NAME).unlink(missing_ok=True)
    if name != FIRST:
        _remove_path(folder)
    sync_directory(folder.parent if name != FIRST else folder)


def _remove_path(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=_unless_gone)
    else:
        path.unlink(missing_ok=True)


_Raised = tuple[type[BaseException], BaseException, TracebackType]


def _unless_gone(remove: object, path: str, raised: _Raised) -> None:
    """A process that has the generation open may remove a file of its index at the same time."""
    if not isinstance(raised[1], FileNotFoundError):
        raise raised[1]


def _files(directory: Path, name: str) -> list[Path]:
    folder = directory / name
    if name == FIRST:
        paths = [folder / file for file in (DATABASE_NAME, *LOG_NAMES)]
        paths += (folder / INDEX_FOLDER).rglob("*")
    else:
        paths = list(folder.rglob("*"))
    return [path for path in paths if path.is_file()]
