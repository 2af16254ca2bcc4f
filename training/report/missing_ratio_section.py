"""How retrieval falls as samples lose modalities, beside the paper's fall."""

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np

from training.evaluation.missing_ratio import MissingRatioCurve, deviation, mean
from training.evaluation.published import MissingRatioModel, published_missing_ratio
from training.report.document import Plot, Section, Table
from training.report.head_section import percent
from training.report.missing_ratio_plot import Spread, missing_ratio_curves

_MODELS: tuple[MissingRatioModel, ...] = get_args(MissingRatioModel)


def missing_ratio_section(
    curves: Mapping[str, MissingRatioCurve], auto_policy: str, comparable: bool
) -> Section:
    """Curves by policy, and what is left at the end of each.

    Args:
        curves: as `Measurement.missing_ratio`.
        auto_policy: what policy auto stands for; its curve bears both names.
        comparable: whether the paper's figures were measured on this data; its curves are drawn
            only then, since on other data no more than the fall compares.
    """
    title = "Missing modalities"
    whole = {
        f"{policy} (auto)" if policy == auto_policy else policy: curve
        for policy, curve in curves.items()
        if len(curve.ratios) > 1
    }
    if not whole:
        return Section("missing", title, ("Not measured; ask for it with --missing-ratio.",))
    first = next(iter(whole.values()))
    ratios = [100 * float(ratio) for ratio in first.ratios]
    paper: dict[str, Sequence[float]] = {}
    if comparable:
        paper.update({model: _paper(model, ratios) for model in _MODELS})
    spreads = {
        name: Spread(100 * mean(curve.map), 100 * deviation(curve.map))
        for name, curve in whole.items()
    }
    paragraphs = [
        "A share of query and gallery samples loses modalities, half of them one and half of them "
        f"two; {first.map.shape[1]} draws. Measured on {first.queries} complete queries and "
        f"{first.gallery} complete gallery samples."
    ]
    if not comparable:
        paragraphs.append(
            "The paper measured this on MSVR310, so its mAP does not compare with this data's; "
            "how much of it is left does."
        )
    return Section(
        "missing",
        title,
        tuple(paragraphs),
        (_table(whole),),
        (
            Plot(
                missing_ratio_curves(ratios, spreads, paper),
                "Curves of mAP over the share of samples with missing modalities: "
                + "; ".join(
                    f"{name} from {spread.mean[0]:.1f} to {spread.mean[-1]:.1f} %"
                    for name, spread in spreads.items()
                )
                + ".",
                "Mean over the draws; the band is one standard deviation."
                + (" Dashed: the paper (Fig. 10)." if comparable else ""),
            ),
        ),
    )


def _table(curves: Mapping[str, MissingRatioCurve]) -> Table:
    rows = []
    for name, curve in curves.items():
        average = mean(curve.map)
        rows.append(_row(name, *np.interp([0, 0.5, 1], curve.ratios, average).tolist()))
    for model in _MODELS:
        ends = [share / 100 for share in _paper(model, (0, 50, 100))]
        rows.append(_row(f"paper: {model} on MSVR310", *ends))
    return Table(
        "mAP in percent when 0, 50 and 100 % of the samples have lost modalities",
        ("policy", "0 %", "50 %", "100 %", "points lost", "share left"),
        tuple(rows),
    )


def _row(name: str, start: float, middle: float, end: float) -> tuple[str, ...]:
    left = f"{100 * end / start:.0f} %" if start > 0 else "–"
    return (name, percent(start), percent(middle), percent(end), percent(start - end), left)


def _paper(model: MissingRatioModel, ratios: Sequence[float]) -> list[float]:
    """Published mAP in percent at ratios in percent, between its own ratios by straight lines."""
    known = published_missing_ratio(model)
    values = [figures.map for figures in known.values()]
    interpolated: list[float] = np.interp(ratios, list(known), values).tolist()
    return interpolated
