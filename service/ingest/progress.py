"""How far an entry has come, as it is kept in Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

Status = Literal["waiting", "embedding", "stored", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known about an entry.

    Attributes:
        status: stored means that the gallery has the records on its disk.
        attempts: how many times a worker began.
        record_ids: of the gallery's records, there once the status is stored.
        warnings: sentences about each sample's images, once stored.
        problem: why it failed, as an RFC 9457 problem.
    """

    status: Status
    accepted_at: datetime
    updated_at: datetime
    attempts: int
    record_ids: tuple[str, ...]
    warnings: tuple[tuple[str, ...], ...]
    problem: Mapping[str, Any] | None


def read_progress(fields: Mapping[bytes, bytes]) -> Progress | None:
    """Return what a hash says, None where it is empty, gone or incomplete."""
    words = {name.decode(): value.decode() for name, value in fields.items()}
    if not {"status", "accepted_at", "updated_at"} <= words.keys():
        return None
    problem = words.get("problem")
    return Progress(
        cast(Status, words["status"]),
        datetime.fromisoformat(words["accepted_at"]),
        datetime.fromisoformat(words["updated_at"]),
        int(words.get("attempts", "0")),
        tuple(json.loads(words.get("record_ids", "[]"))),
        tuple(tuple(each) for each in json.loads(words.get("warnings", "[]"))),
        None if problem is None else json.loads(problem),
    )


def now() -> str:
    """Return the time as it is kept."""
    return datetime.now(UTC).isoformat()
