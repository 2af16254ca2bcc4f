"""A measurement as text for a terminal, the paper's figures beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from training.data.published_counts import PUBLISHED
from training.evaluation.measurement import Measurement
from training.evaluation.missing_ratio import MissingRatioCurve, deviation, mean
from training.evaluation.published import PublishedFigures, published, published_missing_ratio
from training.evaluation.ranking import Figures
from training.evaluation.text_table import table_lines
from vreid.layouts.public_sets import PUBLIC_SETS

_MEASURED = ("mAP", "mINP", "rank-1", "rank-5", "rank-10")
_PUBLISHED = ("paper mAP", "rank-1", "rank-5", "rank-10")

NamedFigures = Mapping[str, Figures | None]


def measurement_lines(measurement: Measurement) -> Iterator[str]:
    """The lines of the report, figures in percent."""
    figures = measurement.evaluation.figures
    auto = " (auto)" if measurement.policy == measurement.auto_policy else ""
    yield (
        f"{measurement.model} on {measurement.data}, policy {measurement.policy}{auto}: "
        f"{figures.queries} queries, {figures.gallery} in gallery"
    )
    yield from _paper_columns(measurement)
    yield ""
    yield from _ranking(measurement)
    yield from _variants(measurement)
    yield from _subsets(measurement)
    yield from _missing_ratio(measurement)
    yield from _verification(measurement)


def _ranking(measurement: Measurement) -> Iterator[str]:
    paper = {}
    ccnet = _table4(measurement.data).get("CCNet")
    if ccnet:
        paper = {"all": ccnet, "policy concat": ccnet}
    if measurement.data == "msvr310":
        paper["policy center"] = published_missing_ratio("CCNet")[0]
    by_policy = {f"policy {policy}": found for policy, found in measurement.policies.items()}
    yield from _figures_lines("", {"all": measurement.evaluation.figures, **by_policy}, paper)
    yield ", ".join(
        f"{title} {100 * interval.low:.1f} to {100 * interval.high:.1f}"
        for title, interval in (
            ("mAP", measurement.intervals["mAP"]),
            ("rank-1", measurement.intervals["rank1"]),
        )
    ) + _interval_source(measurement)


def _interval_source(measurement: Measurement) -> str:
    interval = measurement.intervals["mAP"]
    return (
        f" ({interval.level:.0%} bootstrap interval of all, "
        f"{interval.draws} draws of {interval.identities} identities)"
    )


def _variants(measurement: Measurement) -> Iterator[str]:
    if not measurement.variants:
        return
    yield ""
    found = {name: variant.figures for name, variant in measurement.variants.items()}
    plain = measurement.evaluation.figures
    yield from _figures_lines("variant", {"plain, as above": plain, **found}, {})


def _subsets(measurement: Measurement) -> Iterator[str]:
    if not measurement.subsets:
        return
    yield ""
    found = {name: part.figures if part else None for name, part in measurement.subsets.items()}
    paper = published("table2_ccnet_msvr310") if measurement.data == "msvr310" else {}
    yield from _figures_lines("modalities", found, paper)


def _figures_lines(
    title: str, found: NamedFigures, paper: Mapping[str, PublishedFigures]
) -> Iterator[str]:
    rows = [
        [name, *_measured(figures), *_published(paper.get(name))] for name, figures in found.items()
    ]
    return table_lines([title, *_MEASURED, *(_PUBLISHED if paper else ())], rows)


def _measured(figures: Figures | None) -> list[str]:
    if figures is None:
        return ["-"] * len(_MEASURED)
    return _percent(
        figures.map,
        figures.mean_inverse_negative_penalty,
        figures.rank1,
        figures.rank5,
        figures.rank10,
    )


def _percent(*shares: float) -> list[str]:
    return [f"{100 * share:.1f}" for share in shares]


def _published(figures: PublishedFigures | None) -> list[str]:
    if figures is None:
        return []
    values = (figures.map, figures.rank1, figures.rank5, figures.rank10)
    return ["-" if value is None else f"{value:.1f}" for value in values]


def _missing_ratio(measurement: Measurement) -> Iterator[str]:
    curves = {name: one for name, one in measurement.missing_ratio.items() if name != "concat"}
    if not curves:
        return
    paper = published_missing_ratio("CCNet") if measurement.data == "msvr310" else {}
    first = next(iter(curves.values()))
    titles = ["missing"]
    for name in curves:
        auto = " (auto)" if name == measurement.auto_policy else ""
        titles += [f"{name}{auto} mAP", "rank-1"]
    titles += ["paper center mAP", "rank-1"] if paper else []
    yield ""
    yield from table_lines(
        titles,
        [
            [
                f"{ratio:.0%}",
                *(cell for curve in curves.values() for cell in _curve_cells(curve, row)),
                *_published(paper.get(round(100 * ratio)))[:2],
            ]
            for row, ratio in enumerate(first.ratios)
        ],
    )
    yield (
        f"mean ± deviation of {first.map.shape[1]} trials; {first.queries} complete queries, "
        f"{first.gallery} in gallery{_concat_at_zero(measurement.missing_ratio)}"
    )


def _curve_cells(curve: MissingRatioCurve, row: int) -> list[str]:
    return [
        f"{100 * mean(values)[row]:.1f} ± {100 * deviation(values)[row]:.1f}"
        for values in (curve.map, curve.rank1)
    ]


def _concat_at_zero(curves: Mapping[str, MissingRatioCurve]) -> str:
    if "concat" not in curves:
        return ""
    concat = curves["concat"]
    average_precision, rank1 = _percent(concat.map[0, 0], concat.rank1[0, 0])
    return f"; concat at 0%: mAP {average_precision}, rank-1 {rank1}"


def _verification(measurement: Measurement) -> Iterator[str]:
    found = measurement.verification
    yield ""
    if found is None:
        yield "verification: not measured, there are no valid pairs of one vehicle and of two"
        return
    rows: list[Sequence[str]] = [
        [f"TPR at FPR {rate:g}", "omitted" if share is None else f"{100 * share:.1f}"]
        for rate, share in found.true_positive_rates.items()
    ]
    rows.append(["equal error rate", f"{100 * found.equal_error_rate:.1f}"])
    yield from table_lines(["verification", "%"], rows)
    yield (
        f"policy {found.policy}; {found.positives} pairs of one vehicle, {found.negatives} of two"
    )
    yield from found.omitted().values()


def _paper_columns(measurement: Measurement) -> Iterator[str]:
    """What the columns of the paper's figures are of; nothing where there are none."""
    if not _table4(measurement.data):
        return
    figures, splits = measurement.evaluation.figures, PUBLISHED[measurement.data].splits
    queries, gallery = splits["query"].samples, splits["gallery"].samples
    other = (
        ""
        if (figures.queries, figures.gallery) == (queries, gallery)
        else "; this data has its layout and other pictures, so they are not comparable"
    )
    yield (
        f'columns after "paper": published, on {PUBLIC_SETS[measurement.data].title} itself '
        f"({queries} queries, {gallery} in gallery){other}"
    )


def _table4(data: str) -> Mapping[str, PublishedFigures]:
    """The paper's comparison of methods on this data set; empty where it has none."""
    if data == "msvr310":
        return published("table4_msvr310")
    if data == "rgbnt100":
        return published("table4_rgbnt100")
    return {}
