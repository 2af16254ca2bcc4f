"""Whether published figures were measured on this very data."""

from training.data.published_counts import PUBLISHED
from vreid.layouts.public_sets import MSVR310


def is_msvr310(name: str, queries: int, gallery: int) -> bool:
    """Whether the data is MSVR310 itself, and not other data in its layout."""
    splits = PUBLISHED[MSVR310.name].splits
    own = (splits["query"].samples, splits["gallery"].samples)
    return name == MSVR310.name and (queries, gallery) == own
