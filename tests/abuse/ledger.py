"""What a service has acknowledged: the gallery that there must be."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vreid.client.records import StoredRecord
from vreid.sample import AttributeValue


@dataclass(frozen=True, slots=True)
class Kept:
    """What is told about a record, as one that can be compared."""

    identity: str | None
    camera: str | None
    attributes: tuple[tuple[str, AttributeValue], ...]
    modalities: frozenset[str]


def kept(record: StoredRecord) -> Kept:
    """Return what a record tells."""
    return Kept(
        record.identity,
        record.camera,
        tuple(sorted(record.attributes.items())),
        frozenset(each.value for each in record.mask.modalities),
    )


@dataclass(slots=True)
class Ledger:
    """Records by id; each id belongs to one client, except those of races."""

    records: dict[str, Kept] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stored(self, records: Iterable[StoredRecord]) -> None:
        """Write down what was acknowledged as stored or corrected."""
        with self._lock:
            for record in records:
                self.records[record.id] = kept(record)

    def won(self, record: StoredRecord) -> None:
        """Write down who won a race for an id; a second winner is a fault."""
        with self._lock:
            if record.id in self.records:
                self.faults.append(f"{record.id} was acknowledged as stored twice")
            self.records[record.id] = kept(record)

    def deleted(self, ids: Iterable[str]) -> None:
        """Write down what was acknowledged as deleted."""
        with self._lock:
            for record_id in ids:
                del self.records[record_id]

    def count(self, what: str, number: int = 1) -> None:
        """Count what was done."""
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + number

    def fault(self, sentence: str) -> None:
        """Write down what must not happen."""
        with self._lock:
            self.faults.append(sentence)


def differences(expected: Mapping[str, Kept], found: Mapping[str, Kept]) -> list[str]:
    """Return a sentence about each record that is lost, back again, or told otherwise."""
    return [
        *(f"{each} was acknowledged and is not there" for each in expected.keys() - found.keys()),
        *(f"{each} was deleted and is there" for each in found.keys() - expected.keys()),
        *(
            f"{each} is {found[each]} and {expected[each]} was acknowledged"
            for each in expected.keys() & found.keys()
            if expected[each] != found[each]
        ),
    ]
