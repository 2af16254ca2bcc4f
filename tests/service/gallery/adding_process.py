"""A process that adds records until it is killed, printing each id once it is acknowledged.

Arguments: the gallery's directory, a prefix for the ids, how many records to add at most.
"""

import sys
from pathlib import Path

from service.gallery.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from vreid.modality import Modality


def main(directory: str, prefix: str, count: str) -> None:
    store = GalleryStore.open(Path(directory), FINGERPRINT, FEATURE_SIZE)
    for number in range(int(count)):
        batch = [
            new_record(
                number,
                id=f"{prefix}-{number}-{part}",
                content_hash=f"{prefix}-{number}-{part}",
                thumbnails={Modality.RGB: b"jpeg" * 500},
            )
            for part in "ab"
        ]
        print(*(record.id for record in store.add(batch)), flush=True)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
