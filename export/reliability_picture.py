"""Reliability plots beside the model card."""

from __future__ import annotations

import re
from pathlib import Path

from export.validation import EmbeddedSets
from training.calibration.reliability import shared_probabilities
from training.report.reliability_plot import reliability, reliability_plot
from vreid.calibration import Calibration


def picture_name(label: str) -> str:
    """File name of a set's plot inside a bundle, such as ``reliability-msvr310.svg``."""
    return f"reliability-{re.sub('[^A-Za-z0-9_.]+', '_', label)}.svg"


def write_reliability_pictures(
    directory: Path, reported: EmbeddedSets, calibration: Calibration
) -> None:
    """Draw promised over true share for every set that has enough pairs of one vehicle."""
    for label, dataset in reported.items():
        found = shared_probabilities(dataset, calibration)
        if found is not None:
            picture = reliability_plot(reliability(*found))
            (directory / picture_name(label)).write_text(picture, encoding="utf-8")
