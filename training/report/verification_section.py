"""How well one threshold tells vehicles apart."""

from training.evaluation.verification import Verification
from training.report.document import Plot, Section, Table
from training.report.head_section import percent
from training.report.verification_plot import verification_curve

_NAME, _TITLE = "verification", "Verification"


def verification_section(verification: Verification | None) -> Section:
    """Rates and curve; says so where the data has no pairs to tell apart."""
    if verification is None:
        return Section(_NAME, _TITLE, ("The data has no pairs of one vehicle and of two.",))
    rates = verification.true_positive_rates
    marked = {rate: share for rate, share in rates.items() if share is not None}
    return Section(
        _NAME,
        _TITLE,
        (
            f"{verification.positives} pairs of one vehicle and {verification.negatives} of two, "
            f"compared by {verification.policy}. Equal error rate "
            f"{percent(verification.equal_error_rate)} %.",
        ),
        (
            Table(
                "True positive rate at a false positive rate",
                ("false positive rate", "true positive rate, %"),
                tuple(
                    (
                        f"{rate:g}",
                        verification.omitted()[rate] if share is None else percent(share),
                    )
                    for rate, share in rates.items()
                ),
            ),
        ),
        (
            Plot(
                verification_curve(
                    verification.false_positive_rate, verification.true_positive_rate, marked
                ),
                "Curve of the true positive rate over the false positive rate: "
                + "".join(f"{percent(share)} % at {rate:g}, " for rate, share in marked.items())
                + f"equal error rate {percent(verification.equal_error_rate)} %.",
                "Pairs of one vehicle accepted, over pairs of two vehicles accepted with them.",
            ),
        ),
    )
