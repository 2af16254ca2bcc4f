"""Which scoring policy ``auto`` stands for: the one measured best on samples with missing parts.

The experiment is the paper's (Sec. V-G), see `training.evaluation.missing_ratio`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.embedded import EmbeddedDataset
from training.evaluation.missing_ratio import missing_ratio_curves
from vreid.calibration import Calibration

CANDIDATES = ("shared", "center")
"""Policies that are defined for every pair; the first is taken where nothing can be measured."""

RATIOS = (0.25, 0.5, 0.75, 1.0)
"""Shares of samples that lose one or two modalities, queries and gallery alike."""

TRIALS = 5


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """The chosen policy and the mean mAP of each candidate, empty where nothing was measured."""

    policy: str
    mean_average_precision: dict[str, float]


def choose_auto_policy(
    datasets: Sequence[EmbeddedDataset], calibration: Calibration | None
) -> PolicyChoice:
    """Measure the candidates on the sets of complete samples, with modalities taken away."""
    complete = [one for one in datasets if one.query.mask.all() and one.gallery.mask.all()]
    if not complete:
        return PolicyChoice(CANDIDATES[0], {})
    curves = [missing_ratio_curves(one, calibration, RATIOS, TRIALS) for one in complete]
    measured = {
        policy: float(np.mean([found[policy].map.mean() for found in curves]))
        for policy in CANDIDATES
    }
    return PolicyChoice(max(CANDIDATES, key=measured.__getitem__), measured)
