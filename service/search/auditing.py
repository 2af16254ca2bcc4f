"""What the audit log says of a search: what was looked for among what, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.keys.details import image_digests
from service.search.input import SearchInput
from vreid.scoring import ResolvedPolicy

MOST_TOLD = 10
"""Results that are named, the best ones."""


def details_asked(asked: SearchInput, policy: ResolvedPolicy) -> dict[str, Any]:
    """Return what was looked for, among which records, and how."""
    return {
        "policy": policy,
        "k": asked.k,
        "ids": list(asked.record_ids),
        "images": image_digests(sample.by_modality() for sample in asked.samples or ()),
        "embeddings": len(asked.all_embeddings) or None,
        "filter": asked.filter,
        "group_by": asked.group_by,
        "next_page": True if asked.cursor else None,
    }


def details_found(ids: Sequence[str]) -> dict[str, Any]:
    """Return how many records were told and which the best are."""
    return {"results": len(ids), "top": list(ids[:MOST_TOLD])}
