"""Whether published figures were measured on this very data."""

_MSVR310 = (591, 1055)
"""Queries and gallery samples of the data set's own split."""


def is_msvr310(name: str, queries: int, gallery: int) -> bool:
    """Whether the data is MSVR310 itself, and not other data in its layout."""
    return name == "msvr310" and (queries, gallery) == _MSVR310
