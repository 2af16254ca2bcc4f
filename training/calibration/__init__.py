"""From cosine to probability: tables, how far they can be relied on, and weights of modalities."""

from training.calibration.pairs import ScoredPairs, pairs_by_key
from training.calibration.reliability import KeyReliability, measure_reliability
from training.calibration.tables import (
    FALSE_ACCEPT_RATES,
    FEWEST_FALSE_ACCEPTS,
    FEWEST_POSITIVES,
    fit_calibration,
    fit_table,
)

__all__ = [
    "FALSE_ACCEPT_RATES",
    "FEWEST_FALSE_ACCEPTS",
    "FEWEST_POSITIVES",
    "KeyReliability",
    "ScoredPairs",
    "fit_calibration",
    "fit_table",
    "measure_reliability",
    "pairs_by_key",
]
