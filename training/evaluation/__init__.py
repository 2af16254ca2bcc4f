"""Measuring retrieval: figures, subsets, missing modalities, intervals and published numbers."""

from training.evaluation.measurement import Measurement, MeasurementOptions, Scoring, measure
from training.evaluation.missing_ratio import MissingRatioCurve
from training.evaluation.ranking import (
    SUBSET_LETTERS,
    Evaluation,
    Figures,
    evaluate,
    evaluate_subsets,
    modality_subsets,
    rank_figures,
)
from training.evaluation.variants import VariantOptions
from training.evaluation.verification import Verification

__all__ = [
    "SUBSET_LETTERS",
    "Evaluation",
    "Figures",
    "Measurement",
    "MeasurementOptions",
    "MissingRatioCurve",
    "Scoring",
    "VariantOptions",
    "Verification",
    "evaluate",
    "evaluate_subsets",
    "measure",
    "modality_subsets",
    "rank_figures",
]
