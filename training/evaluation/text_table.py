"""Columns of text: the first to the left, the others to the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def table_lines(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line of titles and one for each row, every column as wide as its widest cell.

    Args:
        titles: one for each column.
        rows: cells, as many as titles or fewer.
    """
    filled = [[*row, *[""] * (len(titles) - len(row))] for row in (titles, *rows)]
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    for row in filled:
        first = row[0].ljust(widths[0])
        others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        yield "  ".join([first, *others]).rstrip()
