"""How far the calibrated probabilities can be believed."""

from training.report.document import Plot, Section
from training.report.reliability_plot import reliability, reliability_plot
from training.report.scored_dataset import ScoredDataset

_NAME, _TITLE = "calibration", "Calibration"


def calibration_section(scored: ScoredDataset) -> Section:
    """The reliability of the probabilities on this data set; says so where there are none."""
    probabilities = scored.scores.probability
    if probabilities is None:
        return Section(
            _NAME,
            _TITLE,
            (
                "This model gives no probabilities. A bundle that was exported with calibration "
                "data does: measure it with --bundle.",
            ),
        )
    counted = scored.labelled
    same = scored.same[counted]
    if same.all() or not same.any():
        return Section(_NAME, _TITLE, ("The data has no pairs of one vehicle and of two.",))
    found = reliability(probabilities[counted], same)
    return Section(
        _NAME,
        _TITLE,
        (
            f"{same.sum()} pairs of one vehicle and {(~same).sum()} of two. Both kinds are "
            "weighted to equal sums, as the calibration was fitted: how many other vehicles stand "
            "beside each true match is the site's business.",
        ),
        plots=(
            Plot(
                reliability_plot(found),
                "Observed share of true pairs over the promised probability: "
                + ", ".join(
                    f"{observed:.2f} at {promised:.2f}"
                    for promised, observed, weight in zip(
                        found.promised, found.observed, found.weight, strict=True
                    )
                    if weight > 0
                )
                + f". Expected calibration error {found.error:.3f}.",
                "On the diagonal a probability means what it says. Below: the weight of each bin.",
            ),
        ),
    )
