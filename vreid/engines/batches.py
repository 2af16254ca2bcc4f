"""How a batch of any size becomes runs of few fixed sizes.

Memory of an inference library grows with each new shape that it meets, and never shrinks.
"""

from collections.abc import Sequence


def cut(count: int, batch_sizes: Sequence[int]) -> list[slice]:
    """Which images go into which run: as many as fit into the largest size, then the rest.

    Args:
        count: images.
        batch_sizes: ascending.
    """
    largest = batch_sizes[-1]
    return [slice(start, min(start + largest, count)) for start in range(0, count, largest)]


def padded_size(count: int, batch_sizes: Sequence[int]) -> int:
    """The smallest of the ascending sizes that holds `count` images; none may be more."""
    return next(size for size in batch_sizes if size >= count)
