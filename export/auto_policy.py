"""Which scoring policy ``auto`` stands for: the one measured best on samples with missing parts.

Query and gallery samples of a validation set lose modalities as in the paper's missing-modality
experiment (Sec. V-G): of the chosen share, half lose one modality and half lose two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.evaluate import evaluate
from vreid.calibration import Calibration
from vreid.modality import MODALITIES

CANDIDATES = ("shared", "center")
"""Policies that are defined for every pair; the first is taken where nothing can be measured."""

MISSING_RATIO = 0.5
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
    damaged = [damage(one, trial) for one in complete for trial in range(TRIALS)]
    measured = {
        policy: float(np.mean([evaluate(one, policy, calibration).figures.map for one in damaged]))
        for policy in CANDIDATES
    }
    return PolicyChoice(max(CANDIDATES, key=measured.__getitem__), measured)


def damage(dataset: EmbeddedDataset, seed: int) -> EmbeddedDataset:
    """The data set with MISSING_RATIO of its samples robbed of one or two modalities."""
    random = np.random.default_rng(seed)
    return EmbeddedDataset(
        dataset.name,
        _damaged(dataset.query, random),
        _damaged(dataset.gallery, random),
        dataset.junk,
        dataset.symmetric,
    )


def _damaged(samples: EmbeddedSamples, random: np.random.Generator) -> EmbeddedSamples:
    mask = samples.mask & ~missing_modalities(len(samples), random)
    return replace(samples, mask=mask)


def missing_modalities(samples: int, random: np.random.Generator) -> NDArray[np.bool_]:
    """Which modalities complete samples lose, (samples, 3): at most two of each."""
    missing = np.zeros((samples, len(MODALITIES)), dtype=np.bool_)
    chosen = random.permutation(samples)[: round(MISSING_RATIO * samples)]
    for position, row in enumerate(chosen):
        lost = 1 + position % 2
        missing[row, random.choice(len(MODALITIES), lost, replace=False)] = True
    return missing
