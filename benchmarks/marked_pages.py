"""Replaces a part of a Markdown page that a benchmark writes."""

from __future__ import annotations

from pathlib import Path


def put_into(page: Path, subject: str, text: str) -> None:
    """Replace what stands between `<!-- subject -->` and `<!-- end subject -->`.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {subject} -->", f"<!-- end {subject} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page} has no {begin} with {end} after it; put both into the page")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
