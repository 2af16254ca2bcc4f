"""What a gallery does on a small disk that gets full, as a program that has a mount of its own.

Argument: a directory on a file system of some megabytes. Prints one JSON object of what happened.
"""

import json
import logging
import os
import sys
from pathlib import Path

from service.errors import GalleryError, GalleryUnwritable
from service.gallery.store.store import GalleryStore
from service.threads.repeating_thread import RepeatingThread
from tests.service.gallery.builders import new_record
from tests.service.gallery.index_builders import bytes_of, segment_paths
from tests.service.gallery.sealing_process import SmallGallery, opened_gallery


class Ballast:
    """A file that takes all the room there is, or gives it back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Leave not one byte."""
        with self._path.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def empty(self) -> None:
        """Give the room back."""
        os.truncate(self._path, 0)


def main(directory: str) -> None:
    gallery_directory, ballast = Path(directory) / "gallery", Ballast(Path(directory) / "ballast")
    report: dict[str, object] = {}
    with opened_gallery(gallery_directory) as gallery:
        add(gallery, 0, 20)
        while gallery.index.step():
            pass
        add(gallery, 20, 40)
        report |= sealing(gallery, ballast)
        report |= enrolling(gallery, ballast)
        report |= deleting(gallery, ballast, gallery_directory)
    report["segments after all"] = len(segment_paths(gallery_directory))
    with opened_gallery(gallery_directory) as gallery:
        report["problems at the next start"] = list(gallery.loaded.problems)
        report["found at the next start"] = ids_found(gallery)
    print(json.dumps(report))


def add(gallery: SmallGallery, first: int, last: int) -> None:
    gallery.store.add([new_record(seed, id=f"r{seed}") for seed in range(first, last)])
    gallery.follower.follow()


def ids_found(gallery: SmallGallery) -> list[str]:
    found = gallery.store.by_sequence(gallery.live_sequences()).records
    return [found[number].id for number in sorted(found)]


def outcome(gallery: SmallGallery) -> str:
    try:
        return "sealed" if gallery.index.step() else "nothing to do"
    except GalleryUnwritable as error:
        return str(error)


def sealing(gallery: SmallGallery, ballast: Ballast) -> dict[str, object]:
    before = gallery.index.facts().sealed_rows
    ballast.fill()
    tries = [outcome(gallery) for _ in range(3)]
    lines = logged_while(gallery)
    full = {
        "sealing on a full disk": tries,
        "logged": lines,
        "sealed rows while full": gallery.index.facts().sealed_rows - before,
        "found while full": ids_found(gallery),
        "left over": [
            each.name for each in (gallery.store.path.parent / "index").glob("*.partial")
        ],
    }
    ballast.empty()
    return {**full, "sealing afterwards": outcome(gallery)}


def logged_while(gallery: SmallGallery) -> list[str]:
    """What a background thread logs that tries to seal again and again."""
    lines: list[str] = []
    tries = 0

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    def step() -> bool:
        nonlocal tries
        tries += 1
        return gallery.index.step()

    logger = logging.getLogger("service.threads.repeating_thread")
    logger.addHandler(handler := Keep())
    thread = RepeatingThread("sealer", step, 0.001, "Records stay in memory")
    while tries < 10:
        pass
    thread.close()
    logger.removeHandler(handler)
    return lines


def enrolling(gallery: SmallGallery, ballast: Ballast) -> dict[str, object]:
    ballast.fill()
    acknowledged, refusal = 40, ""
    try:
        for seed in range(40, 400):
            gallery.store.add([new_record(seed, id=f"r{seed}")])
            acknowledged = seed + 1
    except GalleryError as error:
        refusal = type(error).__name__
    gallery.follower.follow()
    found = ids_found(gallery)
    ballast.empty()
    add(gallery, 400, 401)
    return {"enrolling on a full disk": refusal, "acknowledged": acknowledged, "there": found}


def deleting(gallery: SmallGallery, ballast: Ballast, directory: Path) -> dict[str, object]:
    while gallery.index.step():
        pass
    features = bytes_of_record(gallery.store, "r7")
    ballast.fill()
    try:
        gallery.store.delete(["r7"])
        answer = "deleted"
    except GalleryError as error:
        answer = type(error).__name__
    left = features in bytes_of(directory)
    ballast.empty()
    gallery.store.delete(["r7"])
    gallery.follower.follow()
    return {
        "deleting on a full disk": answer,
        "left when it was deleted": answer == "deleted" and left,
        "left in the end": features in bytes_of(directory),
    }


def bytes_of_record(store: GalleryStore, record_id: str) -> bytes:
    with store.database.reading() as connection:
        (features,) = connection.execute(
            "SELECT features FROM record WHERE id = ?", (record_id,)
        ).fetchone()
    return bytes(features)


if __name__ == "__main__":
    main(*sys.argv[1:])
