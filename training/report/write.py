"""The report, from the options of `vreid evaluate` to the file."""

from datetime import UTC, datetime
from pathlib import Path

from training.data import Dataset
from training.embedded import EmbeddedDataset
from training.evaluation.measured_model import MeasuredModel
from training.evaluation.measurement import Measurement, Scoring
from training.report.described_model import describe_model
from training.report.report import report_html


def write_report(
    html: Path,
    measurement: Measurement,
    dataset: Dataset,
    embedded: EmbeddedDataset,
    measured: MeasuredModel,
    compare: Path | None,
) -> None:
    """Writes the report of what was measured.

    Args:
        html: the file.
        measurement: the figures.
        dataset: the samples measured on.
        embedded: their features, row for row.
        measured: the open model.
        compare: another checkpoint to show features of.

    Raises:
        CheckpointError: the one to compare with cannot be read.
        ImageError: an image cannot be used.
    """
    scoring = Scoring(measurement.policy, measured.calibration, measured.auto_policy)
    model = describe_model(measured, dataset, compare)
    date = datetime.now(UTC).date().isoformat()
    text = report_html(measurement, dataset, embedded, scoring, model, date)
    html.write_text(text, encoding="utf-8")
