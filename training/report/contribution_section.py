"""Which modality decides: contributions over the true matches and over the mistakes."""

import numpy as np
from numpy.typing import NDArray

from training.report.contribution_plot import contribution_bars
from training.report.document import Plot, Section, Table
from training.report.scored_dataset import ScoredDataset
from vreid.modality import MODALITIES

MOST_PAIRS = 5000
"""Of more true matches, so many are taken, evenly over the list."""

_NAME, _TITLE = "contributions", "Which modality decides"
_NAMES = [modality.value.upper() for modality in MODALITIES]


def contribution_section(scored: ScoredDataset) -> Section:
    """Means over all true matches, false first matches, and what those queries should find."""
    if scored.dataset.query.joint is not None:
        return Section(
            _NAME, _TITLE, ("This network computes modalities together; none decides alone.",)
        )
    groups = {
        name: np.array([scored.contributions(*pair) for pair in pairs])
        for name, pairs in {
            "all true matches": _true_matches(scored),
            "false first matches": scored.false_first_pairs,
            "first true matches of the same queries": _missed(scored),
        }.items()
        if pairs
    }
    return Section(
        _NAME,
        _TITLE,
        (
            "The contributions of a pair's modalities sum to its score. Where a false first match "
            "beats the true one in one modality only, that modality is to blame.",
        ),
        (_table(groups),),
        (
            Plot(
                contribution_bars(groups),
                "Bars of the mean contribution: " + "; ".join(map(_sentence, groups.items())) + ".",
                "Mean contribution to the score by modality; the lines are one standard deviation.",
            ),
        ),
    )


def _table(groups: dict[str, NDArray[np.float64]]) -> Table:
    columns = [f"{name}, mean" for name in _NAMES] + [f"{name} largest" for name in _NAMES]
    return Table(
        "Contributions to the score, and the share of pairs in which each modality's is largest",
        ("pairs of query and gallery", "number", *columns),
        tuple(
            (
                name,
                str(len(parts)),
                *(_number(value) for value in _means(parts)),
                *(f"{100 * share:.1f} %" for share in _largest(parts)),
            )
            for name, parts in groups.items()
        ),
    )


def _means(parts: NDArray[np.float64]) -> list[float]:
    """Means by modality over the pairs that have it; NaN where none does."""
    there = ~np.isnan(parts)
    counts = there.sum(axis=0)
    sums = np.where(there, parts, 0).sum(axis=0)
    return [
        total / count if count else float("nan") for total, count in zip(sums, counts, strict=True)
    ]


def _largest(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of pairs in which each modality contributes most; sums to 1."""
    winners = np.argmax(np.where(np.isnan(parts), -np.inf, parts), axis=1)
    counts = np.bincount(winners, minlength=len(MODALITIES))
    return np.asarray(counts / len(parts), dtype=np.float64)


def _true_matches(scored: ScoredDataset) -> list[tuple[int, int]]:
    pairs = np.argwhere(scored.same & scored.counted)
    if len(pairs) > MOST_PAIRS:
        pairs = pairs[np.linspace(0, len(pairs) - 1, MOST_PAIRS).round().astype(int)]
    return [(int(query), int(gallery)) for query, gallery in pairs]


def _missed(scored: ScoredDataset) -> list[tuple[int, int]]:
    wanted = scored.first_true
    return [
        (query, int(wanted[query])) for query, _ in scored.false_first_pairs if wanted[query] >= 0
    ]


def _sentence(group: tuple[str, NDArray[np.float64]]) -> str:
    name, parts = group
    values = zip(_NAMES, _means(parts), strict=True)
    return f"{name}: " + ", ".join(f"{modality} {_number(value)}" for modality, value in values)


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
