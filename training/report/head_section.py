"""The figures at the head of the report, with their intervals and published ones beside."""

from collections.abc import Iterator, Mapping

from training.evaluation.intervals import Interval
from training.evaluation.measurement import Measurement
from training.evaluation.published import PublishedFigures, published
from training.evaluation.ranking import Figures
from training.report.document import Section, Table

_COLUMNS = ("model and policy", "mAP", "mINP", "rank-1", "rank-5", "rank-10", "queries", "gallery")
_PUBLISHED = ("HAMNet", "OSNet", "CCNet")


def head_section(measurement: Measurement, facts: Mapping[str, str]) -> Section:
    """What was measured, and the figures.

    Args:
        measurement: of one model on one data set.
        facts: further lines about model and data, as they are to be shown.
    """
    return Section(
        "figures",
        "Figures",
        (_comparability(measurement),),
        (
            Table(
                "What was measured",
                (),
                tuple(facts.items()),
            ),
            Table(
                "Retrieval in percent; an interval holds 95 % of bootstrap draws over identities",
                _COLUMNS,
                tuple(_rows(measurement)),
            ),
        ),
    )


def percent(share: float) -> str:
    """A share of one as percent with one decimal, without the sign."""
    return f"{100 * share:.1f}"


def published_percent(value: float | None) -> str:
    """A published figure, or a dash where it was not reported."""
    return "–" if value is None else f"{value:.1f}"


def _rows(measurement: Measurement) -> Iterator[tuple[str, ...]]:
    evaluation = measurement.evaluation
    intervals = measurement.intervals
    yield _figures(f"{measurement.model}, {measurement.policy}", evaluation.figures, intervals)
    if len(evaluation.directions) > 1:
        names = ("as given", "query and gallery exchanged")
        for name, figures in zip(names, evaluation.directions, strict=True):
            yield _figures(f"– {name}", figures)
    for policy, other in measurement.policies.items():
        if other is not None and policy != measurement.policy:
            yield _figures(f"{measurement.model}, {policy}", other)
    for name, variant in measurement.variants.items():
        yield _figures(f"{measurement.model}, {measurement.policy}, {name}", variant.figures)
    rgbnt100 = measurement.data.startswith("rgbnt100")
    table = published("table4_rgbnt100" if rgbnt100 else "table4_msvr310")
    for method in _PUBLISHED:
        data = "RGBNT100" if rgbnt100 else "MSVR310"
        yield _published(f"paper: {method} on {data}", table[method])


def _figures(
    name: str, figures: Figures, intervals: Mapping[str, Interval] | None = None
) -> tuple[str, ...]:
    shown = {
        "mAP": figures.map,
        "mINP": figures.mean_inverse_negative_penalty,
        "rank1": figures.rank1,
        "rank5": figures.rank5,
        "rank10": figures.rank10,
    }
    cells = [
        percent(share) + _interval((intervals or {}).get(measure))
        for measure, share in shown.items()
    ]
    return (name, *cells, str(figures.queries), str(figures.gallery))


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f" [{percent(interval.low)}, {percent(interval.high)}]"


def _published(name: str, figures: PublishedFigures) -> tuple[str, ...]:
    return (
        name,
        published_percent(figures.map),
        "–",
        published_percent(figures.rank1),
        published_percent(figures.rank5),
        published_percent(figures.rank10),
        "–",
        "–",
    )


def _comparability(measurement: Measurement) -> str:
    figures = measurement.evaluation.figures
    low_high = measurement.intervals.get("mAP")
    interval = (
        f" (95 % interval {percent(low_high.low)} to {percent(low_high.high)})" if low_high else ""
    )
    return (
        f"mAP {percent(figures.map)} %{interval}, rank-1 {percent(figures.rank1)} % on "
        f"{measurement.data}, {figures.queries} queries in {figures.gallery} gallery samples. "
        "Published figures stand beside; they compare only where the data is the one they were "
        "measured on."
    )
