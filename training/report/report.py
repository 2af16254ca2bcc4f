"""The report of one evaluation, section by section."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from training.data import Dataset
from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.evaluation.measurement import Measurement, Scoring
from training.report.calibration_section import calibration_section
from training.report.cmc_section import cmc_section
from training.report.comparable_data import is_msvr310
from training.report.contribution_section import contribution_section
from training.report.document import Page
from training.report.feature_section import feature_section, map_rows
from training.report.head_section import head_section
from training.report.middle_statistics_plot import Statistics
from training.report.middle_statistics_section import middle_statistics_section
from training.report.missing_ratio_section import missing_ratio_section
from training.report.page import to_html
from training.report.rank_list_section import rank_list_sections
from training.report.scored_dataset import score_dataset
from training.report.subset_section import subset_section
from training.report.verification_section import verification_section
from vreid.preprocessing import Preprocessing

PICTURE_BYTES = 3_500_000
"""What all pictures may have together; with everything else a report stays below 5 MB."""


@dataclass(frozen=True)
class ReportedModel:
    """What the report says about the model besides its figures.

    Attributes:
        description: such as "bundle" or "checkpoint", with its version.
        weights: the fingerprint of a bundle, or the hash of a checkpoint's weights, with its kind.
        preprocessing: its input.
        middle: statistics of the middle feature by model; None for a bundle.
        compared: the gallery samples that `feature_section.map_rows` marks, embedded by another
            model, by its name.
    """

    description: str
    weights: str
    preprocessing: Preprocessing
    middle: Mapping[str, Statistics] | None = None
    compared: Mapping[str, EmbeddedSamples] = field(default_factory=dict)


def report_html(
    measurement: Measurement,
    dataset: Dataset,
    embedded: EmbeddedDataset,
    scoring: Scoring,
    model: ReportedModel,
    date: str,
) -> str:
    """The report as one HTML file below 5 MB, the same for the same arguments.

    Args:
        measurement: what was measured.
        dataset: the samples, whose pictures the report shows.
        embedded: the same data set's features, row for row.
        scoring: how the samples were compared.
        model: what was measured.
        date: of the measurement, as it is to be shown.

    Raises:
        ImageError: a picture cannot be used.
        MetricError: no query has a positive.
    """
    scored = score_dataset(embedded, measurement.policy, scoring.calibration)
    queries, gallery = len(embedded.query), len(embedded.gallery)
    comparable = is_msvr310(measurement.data, queries, gallery)
    rank_lists, failures = rank_list_sections(
        scored, dataset.query, dataset.gallery, model.preprocessing, PICTURE_BYTES
    )
    own = embedded.gallery.rows(map_rows(embedded.gallery.labels.identity))
    sections = (
        head_section(measurement, _facts(measurement, embedded, model, date)),
        subset_section(measurement.subsets, comparable),
        cmc_section(measurement.cmc, comparable),
        missing_ratio_section(measurement.missing_ratio, measurement.auto_policy, comparable),
        verification_section(measurement.verification),
        calibration_section(scored),
        contribution_section(scored),
        rank_lists,
        failures,
        feature_section({measurement.model: own, **model.compared}),
        middle_statistics_section(model.middle),
    )
    return to_html(Page(f"{measurement.model} on {measurement.data}", sections))


def _facts(
    measurement: Measurement, embedded: EmbeddedDataset, model: ReportedModel, date: str
) -> Mapping[str, str]:
    preprocessing = model.preprocessing
    directions = ", and with query and gallery exchanged" if embedded.symmetric else ""
    return {
        "model": f"{measurement.model} ({model.description})",
        "weights": model.weights,
        "input": f"{preprocessing.height} x {preprocessing.width} pixels (height x width)",
        "features": f"{embedded.gallery.features.shape[2]} for each modality",
        "data": measurement.data + directions,
        "queries": _side(embedded.query),
        "gallery": _side(embedded.gallery),
        "junk": f"same identity and same {embedded.junk}" if embedded.junk else "none",
        "policy": measurement.policy + _meaning(measurement),
        "date": date,
    }


def _side(samples: EmbeddedSamples) -> str:
    identities = len({name for name in samples.labels.identity if name is not None})
    complete = int(np.all(samples.mask, axis=1).sum())
    return f"{len(samples)} samples of {identities} identities, {complete} with all modalities"


def _meaning(measurement: Measurement) -> str:
    return " (what auto stands for)" if measurement.policy == measurement.auto_policy else ""
