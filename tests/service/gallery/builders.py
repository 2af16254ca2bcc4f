"""Records with random features for the gallery's tests."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.gallery.record import NewRecord, Record
from service.gallery.store.store import Change

FEATURE_SIZE = 12
FINGERPRINT = "sha256:" + "a" * 64

MASKS: tuple[tuple[bool, bool, bool], ...] = tuple(
    (bool(bits & 1), bool(bits & 2), bool(bits & 4)) for bits in range(1, 8)
)


def random_features(
    generator: np.random.Generator, feature_size: int = FEATURE_SIZE
) -> NDArray[np.float32]:
    """Features (3, D) that float16 holds exactly."""
    drawn = generator.normal(size=(3, feature_size))
    return drawn.astype(np.float16).astype(np.float32)


def new_record(
    seed: int = 0,
    mask: tuple[bool, bool, bool] = (True,) * 3,
    **fields: Any,  # noqa: ANN401
) -> NewRecord:
    """A record to store, with features drawn from the seed."""
    features = random_features(np.random.default_rng(seed))
    return NewRecord(**{"features": features, "mask": np.array(mask), **fields})


def stored_record(sequence: int, new: NewRecord) -> Record:
    """The record as the store would return it."""
    return Record(
        sequence=sequence,
        id=new.id or f"r{sequence}",
        identity=new.identity,
        camera=new.camera,
        scene=new.scene,
        captured_at=new.captured_at,
        attributes=new.attributes,
        mask=new.mask,
        features=new.features.astype(np.float16),
        content_hash=new.content_hash,
        source=new.source,
        created_at=datetime(2024, 1, 1, tzinfo=UTC),
    )


def addition(record: Record) -> Change:
    """The change that adds a record."""
    return Change(record.sequence, "add", record.sequence, record)


def deletion(sequence: int, record: Record) -> Change:
    """The change that deletes a record."""
    return Change(sequence, "delete", record.sequence, None)
