"""What seeds say: means, deviations, and whether rows stand in the paper's order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev
from typing import Literal

from scipy.stats import kendalltau
from scipy.stats import t as student

CONFIDENCE = 0.95

Verdict = Literal["as published", "reversed", "undecided"]


@dataclass(frozen=True)
class Spread:
    """A figure over seeds.

    Attributes:
        mean: over the seeds.
        deviation: sample standard deviation (n - 1); None for one seed.
        n: number of seeds.
    """

    mean: float
    deviation: float | None
    n: int


@dataclass(frozen=True)
class Claim:
    """That `higher` is above `lower`, as the paper's table says, and what the seeds say of it.

    Attributes:
        higher, lower: rows.
        published: the paper's difference, greater than 0.
        differences: measured higher minus lower by seed, for seeds that both rows have.
        spread: of the differences.
        interval: of the mean difference, two-sided by Student's t over the seeds' pairs at
            `CONFIDENCE`; None for one seed.
        agreeing: seeds in which `higher` is above `lower`.
        verdict: "as published" where the interval is above 0, "reversed" where it is below,
            "undecided" where it holds 0 or there is none.
    """

    higher: str
    lower: str
    published: float
    differences: Mapping[int, float]
    spread: Spread
    interval: tuple[float, float] | None
    agreeing: int
    verdict: Verdict


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of one value or more."""
    return Spread(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


def kendall_tau(measured: Mapping[str, float], published: Mapping[str, float]) -> float | None:
    """Kendall's tau-b between two orders of the rows that both have.

    1 where all pairs of rows stand alike, -1 where all are reversed; None for fewer than two rows
    or where one side ties all of them.
    """
    common = [row for row in published if row in measured]
    if len(common) < 2:
        return None
    tau = float(
        kendalltau([measured[row] for row in common], [published[row] for row in common]).statistic
    )
    return None if math.isnan(tau) else tau


def claims(
    measured: Mapping[str, Mapping[int, float]], published: Mapping[str, float]
) -> list[Claim]:
    """The paper's order, taken apart into neighbours, from its highest row down.

    Rows that one side lacks are left out before neighbours are formed; neighbours that the paper
    ties claim nothing.

    Args:
        measured: figure by row and seed.
        published: figure by row.
    """
    common = [row for row in published if measured.get(row)]
    ranked = sorted(common, key=lambda row: published[row], reverse=True)
    found = []
    for higher, lower in pairwise(ranked):
        seeds = sorted(measured[higher].keys() & measured[lower].keys())
        if published[higher] > published[lower] and seeds:
            differences = {seed: measured[higher][seed] - measured[lower][seed] for seed in seeds}
            gap = published[higher] - published[lower]
            found.append(_claim(higher, lower, gap, differences))
    return found


def _claim(higher: str, lower: str, published: float, differences: Mapping[int, float]) -> Claim:
    of_differences = spread(list(differences.values()))
    interval = _interval(of_differences)
    verdict: Verdict = "undecided"
    if interval is not None and interval[0] > 0:
        verdict = "as published"
    elif interval is not None and interval[1] < 0:
        verdict = "reversed"
    return Claim(
        higher=higher,
        lower=lower,
        published=published,
        differences=differences,
        spread=of_differences,
        interval=interval,
        agreeing=sum(difference > 0 for difference in differences.values()),
        verdict=verdict,
    )


def _interval(differences: Spread) -> tuple[float, float] | None:
    if differences.deviation is None:
        return None
    quantile = float(student.ppf((1 + CONFIDENCE) / 2, differences.n - 1))
    half = quantile * differences.deviation / math.sqrt(differences.n)
    return differences.mean - half, differences.mean + half
