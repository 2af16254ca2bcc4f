"""A process that adds records until it is killed, printing each id once it is acknowledged.

Arguments: the gallery's directory, a prefix for the ids, how many pairs of records each thread adds
at most, and how many threads there are. With several, thread N's prefix ends with N.
"""

import sys
import threading
from pathlib import Path

from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from vreid.modality import Modality


def main(directory: str, prefix: str, count: str, threads: str = "1") -> None:
    store = GalleryStore.open(Path(directory), FINGERPRINT, FEATURE_SIZE)
    prefixes = [prefix] if threads == "1" else [f"{prefix}{each}" for each in range(int(threads))]
    running = [threading.Thread(target=add, args=(store, each, int(count))) for each in prefixes]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    store.close()


def add(store: GalleryStore, prefix: str, count: int) -> None:
    for number in range(count):
        batch = [
            new_record(
                number,
                id=f"{prefix}-{number}-{part}",
                content_hash=f"{prefix}-{number}-{part}",
                thumbnails={Modality.RGB: b"jpeg" * 500},
            )
            for part in "ab"
        ]
        # One call, so that the lines of threads do not mix.
        sys.stdout.write(" ".join(record.id for record in store.add(batch)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
