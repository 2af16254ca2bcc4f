"""The results of an ablation as Markdown, which reads well on a terminal too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from training.ablation.results import Curve, GridResult, RowResult, published_curve
from training.ablation.statistics import CONFIDENCE, Claim, Spread
from vreid.errors import ConfigurationError

TABLE = "table.md"

_HEADINGS = {"mAP": "mAP", "rank1": "rank-1", "rank5": "rank-5", "rank10": "rank-10"}


def render(results: Sequence[GridResult]) -> str:
    """All grids, one section each."""
    return "\n".join(line for result in results for line in _section(result)).rstrip() + "\n"


def put_into_page(text: str, result: GridResult, page: Path) -> str:
    """The text of a page with a grid's section put between its two marks.

    Raises:
        ConfigurationError: the page has no marks of that grid.
    """
    begin, end = f"<!-- {result.grid.name} -->", f"<!-- end {result.grid.name} -->"
    before, found, rest = text.partition(begin)
    _, also, after = rest.partition(end)
    if not found or not also:
        raise ConfigurationError(f"{page} has no lines {begin} and {end}; add them where it goes")
    return f"{before}{begin}\n\n{render([result])}\n{end}{after}"


def _section(result: GridResult) -> Iterator[str]:
    grid = result.grid
    yield f"### {grid.title}"
    yield ""
    yield (
        f"Grid `{grid.name}`, policy `{grid.policy}`, percent: mean ± sample standard deviation "
        "over n seeds; the paper's figure after the slash."
    )
    yield ""
    yield from _aligned(["row", "n", *_HEADINGS.values()], [_row_cells(row) for row in result.rows])
    yield ""
    for row in result.rows:
        for seed, reason in row.absent.items():
            yield f"- {row.name}, seed {seed}: {reason}"
    if any(row.absent for row in result.rows):
        yield ""
    yield from _order(result)
    yield from _missing_ratio(result.curves)


def _row_cells(row: RowResult) -> list[str]:
    n = len(row.seeds)
    return [row.name, str(n), *(_beside_published(row, name) for name in _HEADINGS)]


def _beside_published(row: RowResult, name: str) -> str:
    measured = _spread(row.figures[name]) if name in row.figures else "-"
    paper = row.published.get(name)
    return measured if paper is None else f"{measured} / {paper:.1f}"


def _spread(value: Spread, signed: bool = False) -> str:
    deviation = "" if value.deviation is None else f" ± {value.deviation:.1f}"
    return f"{_tenths(value.mean, signed)}{deviation}"


def _tenths(value: float, signed: bool) -> str:
    """One decimal; what rounds to zero has no sign."""
    return f"{value:{'+' if signed and round(value, 1) else 'z'}.1f}"


def _order(result: GridResult) -> Iterator[str]:
    if not result.claims:
        return
    tau = "not defined" if result.tau is None else f"{result.tau:+.2f}"
    counts = {
        verdict: sum(claim.verdict == verdict for claim in result.claims)
        for verdict in ("as published", "reversed", "undecided")
    }
    yield (
        f"Order of the rows by mAP against the paper's: Kendall's tau {tau} (1: the same order, "
        "-1: reversed)."
    )
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    yield (
        f"The paper's claims between neighbours ({len(result.claims)}): {summary}. Undecided: the "
        f"{CONFIDENCE:.0%} interval of the paired difference over seeds holds 0, or there is one "
        "seed only."
    )
    yield ""
    yield from _aligned(
        ["claim", "paper", "measured", f"{CONFIDENCE:.0%} interval", "seeds agreeing", "verdict"],
        [_claim_cells(claim) for claim in result.claims],
    )
    yield ""


def _claim_cells(claim: Claim) -> list[str]:
    interval = "-"
    if claim.interval is not None:
        interval = " to ".join(_tenths(end, signed=True) for end in claim.interval)
    return [
        f"{claim.higher} > {claim.lower}",
        f"{claim.published:+.1f}",
        _spread(claim.spread, signed=True),
        interval,
        f"{claim.agreeing} of {claim.spread.n}",
        claim.verdict,
    ]


def _missing_ratio(curves: Sequence[Curve]) -> Iterator[str]:
    if not curves:
        return
    paper = published_curve()
    ratios = list(curves[0].points)
    yield (
        "mAP when a share of the samples, queries and gallery alike, lacks one or two modalities; "
        "the paper's is CCNet on MSVR310 by centers (Fig. 10)."
    )
    yield ""
    rows = [
        [
            curve.row,
            curve.policy,
            str(curve.drop.n),
            *(_spread(curve.points[ratio]) for ratio in ratios),
            _spread(curve.drop),
        ]
        for curve in curves
    ]
    first, last = paper[0], paper[100]
    published = [f"{paper[ratio]:.1f}" if ratio in paper else "-" for ratio in ratios]
    rows.append(["paper", "center", "1", *published, f"{first - last:.1f}"])
    yield from _aligned(["row", "policy", "n", *(f"{ratio} %" for ratio in ratios), "drop"], rows)
    yield ""


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table whose columns stand under each other."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    yield line(headings)
    yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    yield from (line(row) for row in rows)
