"""What a gallery answers with: matches of a search, pages of the listing, facts about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from service.gallery.index.parts import IndexFacts
from service.gallery.record import Record
from vreid.modality import Modality


@dataclass(frozen=True, slots=True)
class Match:
    """One search result. `rank` begins at 1; `contributions` sum to `score`, a cosine.

    `key` is what results are ranked by, descending: the probability or the score.
    """

    rank: int
    record: Record
    key: float
    score: float
    probability: float | None
    contributions: Mapping[Modality, float]


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the listing, oldest first; `next_cursor` is None on the last page."""

    records: tuple[Record, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class GalleryInfo:
    """What there is to know about a gallery.

    `directory` is its address where it is in Milvus, which does not tell `bytes_on_disk`; `index`
    is there only for a gallery that is searched in memory.
    """

    directory: Path | str
    records: int
    fingerprint: str
    feature_size: int
    created_at: datetime
    bytes_on_disk: int | None
    index: IndexFacts | None = None
