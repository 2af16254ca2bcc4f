"""The generations that a gallery keeps: which there are, and removing those that are not served."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from service.errors import GalleryDamaged, GalleryUnwritable
from service.gallery.database import DATABASE_NAME, sync_directory
from service.gallery.generations import FIRST, generations, served_generation, settle
from service.gallery.store import GalleryStore
from service.reindexing.job import only_one
from service.reindexing.swap import previous_generation

# What the first generation consists of, beside files of the gallery as a whole.
_FILES = (DATABASE_NAME, f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm")
_INDEX = "index"


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
    """

    name: str
    fingerprint: str
    records: int
    bytes: int
    served: bool
    previous: bool


def list_generations(directory: Path) -> list[Generation]:
    """Every generation, the first one first. Raises `GalleryNotFound` and other `GalleryError`."""
    with closing(GalleryStore.open_existing(directory)) as store:
        before = previous_generation(store)
    served = served_generation(directory)
    found = []
    for name in generations(directory):
        fingerprint, records = "", 0
        try:
            with closing(GalleryStore.open_existing(directory, generation=name)) as store:
                fingerprint, records = store.facts.fingerprint, store.count()
        except GalleryDamaged:
            if name == served:
                raise
        size = sum(path.stat().st_size for path in _files(directory, name))
        found.append(Generation(name, fingerprint, records, size, name == served, name == before))
    return found


def discard(directory: Path) -> list[Generation]:
    """Remove every generation that is not served, and return what they were.

    A process that still has one open cannot go on with it. Raises `ReindexingRunning`,
    `GalleryUnwritable`, and what `list_generations` raises.
    """
    with only_one(directory):
        settle(directory)
        unserved = [each for each in list_generations(directory) if not each.served]
        for each in unserved:
            try:
                _remove(directory, each.name)
            except OSError as error:
                raise GalleryUnwritable(
                    f"{directory / each.name} cannot be removed ({error.strerror or error}); "
                    "correct its permissions and run the command again."
                ) from error
    return unserved


def _remove(directory: Path, name: str) -> None:
    if name != FIRST:
        shutil.rmtree(directory / name)
        sync_directory((directory / name).parent)
        return
    for file in _FILES:
        (directory / file).unlink(missing_ok=True)
    shutil.rmtree(directory / _INDEX, ignore_errors=True)
    sync_directory(directory)


def _files(directory: Path, name: str) -> list[Path]:
    folder = directory / name
    if name == FIRST:
        paths = [folder / file for file in _FILES] + list((folder / _INDEX).rglob("*"))
    else:
        paths = list(folder.rglob("*"))
    return [path for path in paths if path.is_file()]
