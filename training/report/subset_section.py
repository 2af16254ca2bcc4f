"""Every subset of the modalities beside the paper's Table II."""

from collections.abc import Mapping

from training.evaluation.published import published
from training.evaluation.ranking import Evaluation
from training.report.document import Plot, Section, Table
from training.report.head_section import percent, published_percent
from training.report.subset_plot import subset_bars

_MEASURES = ("mAP", "mINP", "rank-1", "rank-5", "rank-10")


def subset_section(subsets: Mapping[str, Evaluation | None], comparable: bool) -> Section:
    """Table and bars.

    Args:
        subsets: as `Measurement.subsets`.
        comparable: whether the paper's figures were measured on this data; they are in the table
            either way, and in the plot only then.
    """
    title = "Subsets of the modalities"
    if not any(subsets.values()):
        return Section("subsets", title, ("Not measured; ask for it with --subsets.",))
    table = published("table2_ccnet_msvr310")
    measured: dict[str, list[float]] = {"mAP": [], "rank-1": []}
    for evaluation in subsets.values():
        figures = evaluation.figures if evaluation else None
        measured["mAP"].append(100 * figures.map if figures else float("nan"))
        measured["rank-1"].append(100 * figures.rank1 if figures else float("nan"))
    paper = {
        "mAP": [table[name].map for name in subsets],
        "rank-1": [table[name].rank1 for name in subsets],
    }
    return Section(
        "subsets",
        title,
        (
            "Query and gallery have only these modalities: R for RGB, N for near infrared, T for "
            "thermal infrared.",
        ),
        (
            Table(
                "Percent, beside CCNet on MSVR310 in the paper (Table II)",
                ("subset", *_MEASURES, "paper mAP", "paper rank-1"),
                tuple(_row(name, evaluation) for name, evaluation in subsets.items()),
            ),
        ),
        (
            Plot(
                subset_bars(list(subsets), measured, paper if comparable else None),
                "Bars of mAP and rank-1 in percent: "
                + "; ".join(
                    f"{name} {average:.1f} and {first:.1f}"
                    for name, average, first in zip(
                        subsets, measured["mAP"], measured["rank-1"], strict=True
                    )
                )
                + ".",
                "mAP and rank-1 by the modalities that query and gallery have.",
            ),
        ),
    )


def _row(name: str, evaluation: Evaluation | None) -> tuple[str, ...]:
    paper = published("table2_ccnet_msvr310")[name]
    figures = evaluation.figures if evaluation else None
    measured = (
        (
            percent(figures.map),
            percent(figures.mean_inverse_negative_penalty),
            percent(figures.rank1),
            percent(figures.rank5),
            percent(figures.rank10),
        )
        if figures
        else ("–",) * len(_MEASURES)
    )
    return (name, *measured, published_percent(paper.map), published_percent(paper.rank1))
