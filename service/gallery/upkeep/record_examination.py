"""What is wrong with one record as it was read."""

from __future__ import annotations

import numpy as np

from service.gallery.record import DamagedRecord, Record


def problem_of(record: Record | DamagedRecord) -> str | None:
    """Why a record cannot be used; None when its features are what a search needs."""
    if isinstance(record, DamagedRecord):
        return record.reason
    present = record.features[record.mask]
    if not np.isfinite(present).all():
        return "its features are not finite numbers"
    if not present.any(axis=1).all():
        return "its features are zero, so they have no direction"
    return None
