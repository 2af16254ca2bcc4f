"""Dividing a source among jobs that know nothing of each other."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from service.indexing.source import SourceItem, path_below
from vreid.image_source import file_of

_WRITTEN = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` (from 1) of `count`. Raises ValueError unless there is such a part."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"there is no part {self.number} of {self.count}")

    def of(self, items: Iterable[SourceItem], source: Path) -> Iterator[SourceItem]:
        """The items that belong to the shard, in order. Each belongs to exactly one of `count`."""
        return (item for item in items if _place(item, source) % self.count == self.number - 1)


def parse_shard(text: str) -> Shard:
    """A shard written as I/N, such as 2/4. Raises ValueError when it is not."""
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise ValueError("write a part and how many there are, such as 2/4")
    return Shard(int(written[1]), int(written[2]))


def _place(item: SourceItem, source: Path) -> int:
    """A number that depends on nothing but which images of the source an item has.

    Not on where the source lies, so that machines may see it under different paths, and not on
    other rows, so that rows may be added. Rows with the same images are in one shard, where the
    same content is noticed.
    """
    told = (
        [item.label]
        if item.sample is None
        else [
            item.label if (file := file_of(image)) is None else path_below(source, file)
            for image in item.sample.images.values()
        ]
    )
    digest = hashlib.sha256(json.dumps(told).encode()).digest()
    return int.from_bytes(digest[:8], "big")
