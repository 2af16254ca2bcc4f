"""Rank lists as pictures, and the false first matches that the model was surest of."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from training.report.document import Section, Tile, TileRow
from training.report.rank_lists import (
    MATCHES,
    FalseFirst,
    RankedSample,
    RankList,
    chosen_queries,
    false_first_matches,
    rank_list,
)
from training.report.scored_dataset import ScoredDataset
from training.report.thumbnails import Thumbnails, thumbnails_within
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing
from vreid.sample import Sample

FAILURES = 12
"""False first matches shown."""


def rank_list_sections(
    scored: ScoredDataset,
    query: Sequence[Sample],
    gallery: Sequence[Sample],
    preprocessing: Preprocessing,
    budget: int,
) -> tuple[Section, Section]:
    """The sections of rank lists and of failures, with pictures of `budget` bytes at most.

    Args:
        scored: the data set, ranked.
        query: the samples behind its queries, row for row.
        gallery: likewise behind its gallery.
        preprocessing: how 16-bit and thermal images are rendered.
        budget: bytes of all pictures.

    Raises:
        ImageError: an image cannot be used.
    """
    lists = {
        group: [rank_list(scored, position) for position in positions]
        for group, positions in chosen_queries(scored).items()
    }
    failures = false_first_matches(scored, FAILURES)
    samples = [*query, *gallery]
    shown = [*_rows_of_lists(lists, len(query)), *_rows_of_failures(failures, len(query))]
    pictures = thumbnails_within(samples, shown, preprocessing, budget)
    tiles = _Tiles(samples, len(query), pictures)
    return _rank_lists(lists, tiles), _failures(failures, scored, tiles)


class _Tiles:
    """Samples as tiles; the gallery's rows follow those of the queries."""

    def __init__(
        self, samples: Sequence[Sample], queries: int, pictures: Mapping[int, Thumbnails]
    ) -> None:
        self.samples = samples
        self.queries = queries
        self.pictures = pictures

    def query(self, row: int) -> Tile:
        sample = self.samples[row]
        return Tile("query", None, _name(sample), sample.identity or "", self.pictures[row])

    def found(self, match: RankedSample) -> Tile:
        row = self.queries + match.row
        sample = self.samples[row]
        score = [f"score {match.score:.3f}"]
        if match.probability is not None:
            score.append(f"p {match.probability:.3f}")
        return Tile(
            "not ranked" if match.rank is None else f"rank {match.rank}",
            match.verdict,
            _name(sample),
            sample.identity or "",
            self.pictures[row],
            tuple(score),
            _by_modality(match),
        )

    def identity(self, query: int) -> str:
        return self.samples[query].identity or "unknown"


def _rank_lists(lists: Mapping[str, Sequence[RankList]], tiles: _Tiles) -> Section:
    rows = [
        TileRow(
            f"{group.capitalize()} {number} of {len(members)}: vehicle {tiles.identity(one.query)}",
            _note(one),
            (tiles.query(one.query), *(tiles.found(match) for match in one.matches)),
        )
        for group, members in lists.items()
        for number, one in enumerate(members, start=1)
    ]
    return Section(
        "rank-lists",
        "Rank lists",
        (
            "The queries with the worst, the median and the best average precision, each with its "
            f"first {MATCHES} matches from left to right. A green border and ✓ mark the same "
            "vehicle, a red dashed one and ✗ another vehicle. A grey dotted border marks junk: the "
            "same vehicle under circumstances that the data set's rule leaves out; it takes no "
            "rank.",
            "The bar below a match shows what each modality adds to its score; its whole length is "
            "a score of 1. Under the score, p is the calibrated probability of the same vehicle, "
            "where the model has one.",
        ),
        tile_rows=tuple(rows),
    )


def _failures(failures: Sequence[FalseFirst], scored: ScoredDataset, tiles: _Tiles) -> Section:
    rows = [
        TileRow(
            f"{number}. Vehicle {tiles.identity(one.query)} taken for "
            f"{tiles.found(one.found).identity or 'another'}",
            "The query, its false first match, and its first true match."
            if one.wanted
            else "The query and its false first match; the ranking holds no true match.",
            (
                tiles.query(one.query),
                tiles.found(one.found),
                *([tiles.found(one.wanted)] if one.wanted else []),
            ),
        )
        for number, one in enumerate(failures, start=1)
    ]
    wrong, queries = len(scored.false_first_pairs), scored.ranking.valid_queries
    return Section(
        "failures",
        "Failures worth looking at",
        (
            f"{wrong} of {queries} queries have another vehicle as their first match. "
            + (f"The {len(rows)} with the highest score:" if rows else "There is nothing to show."),
        ),
        tile_rows=tuple(rows),
    )


def _note(one: RankList) -> str:
    first = next((match.rank for match in one.matches if match.verdict.value == "true"), None)
    parts = [f"Average precision {100 * one.average_precision:.1f} %."]
    if first is None:
        parts.append(f"First true match at rank {one.first_match}.")
    if one.junk_left_out:
        parts.append(f"Further junk samples between these: {one.junk_left_out}.")
    return " ".join(parts)


def _rows_of_lists(lists: Mapping[str, Sequence[RankList]], queries: int) -> Iterator[int]:
    for members in lists.values():
        for one in members:
            yield one.query
            yield from (queries + match.row for match in one.matches)


def _rows_of_failures(failures: Sequence[FalseFirst], queries: int) -> Iterator[int]:
    for one in failures:
        yield one.query
        yield queries + one.found.row
        if one.wanted is not None:
            yield queries + one.wanted.row


def _by_modality(match: RankedSample) -> Mapping[Modality, float]:
    return {
        modality: float(match.contributions[modality.index])
        for modality in MODALITIES
        if not np.isnan(match.contributions[modality.index])
    }


def _name(sample: Sample) -> str:
    return sample.name or "a sample without a name"
