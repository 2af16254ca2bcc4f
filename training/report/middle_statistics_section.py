"""The statistics that the unit in the middle of each branch evens out."""

from collections.abc import Mapping

from training.report.document import Plot, Section
from training.report.middle_statistics_plot import Statistics, middle_statistics

_NAME, _TITLE = "middle-statistics", "Middle feature before and after the unit"


def middle_statistics_section(models: Mapping[str, Statistics] | None) -> Section:
    """A pair of scatter plots per model.

    Args:
        models: statistics by the model's name; None where none can be read: of an exported model,
            and of a network that computes modalities together.
    """
    if models is None:
        return Section(
            _NAME,
            _TITLE,
            (
                "This is read from a checkpoint of a network with one branch for each modality; "
                "measure one with --checkpoint.",
            ),
        )
    return Section(
        _NAME,
        _TITLE,
        (
            "Mean and standard deviation of each image's feature between the two halves of its "
            "branch, before the unit that stands there (ALNU, another normalisation or nothing) "
            "and after it.",
        ),
        plots=(
            Plot(
                middle_statistics(models),
                "Scatter plots of mean and standard deviation. "
                + " ".join(
                    f"{name}, {modality.value.upper()}: mean deviation {before[:, 1].mean():.2f} "
                    f"before and {after[:, 1].mean():.2f} after."
                    for name, statistics in models.items()
                    for modality, (before, after) in statistics.items()
                ),
                "One point per image; colour and form: modality.",
            ),
        ),
    )
