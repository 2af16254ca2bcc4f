"""What a table fitted on real and generated vehicles together promises each of them.

RGB alone, which is what both have. The photographs are cut in halves by identity several times:
one half fits, the other is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from training.calibration import ScoredPairs, fit_table, pairs_by_key
from training.calibration.pairs import join
from training.calibration.reliability import expected_calibration_error, realised_rates
from training.embedded import EmbeddedDataset
from training.evaluation.missing_ratio import missing_ratio_curves
from vreid.calibration import Calibration, CalibrationTable, shared_key
from vreid.modality import Modality

RGB = shared_key([Modality.RGB])

SPLITS = 20

RATE = 0.01
"""The false-accept rate whose thresholds are compared."""


def measure_pooling(
    calibrating: EmbeddedDataset,
    test: EmbeddedDataset,
    photographs: EmbeddedDataset,
    calibration: Calibration,
    ratios: Sequence[float],
    trials: int,
) -> dict[str, dict[str, Any]]:
    """Figures by way of pooling.

    Of photographs and generated vehicles each: the expected calibration error, and the false and
    true accepts at the threshold for a false-accept rate of `RATE`, means over the splits. And the
    mAP of the generated vehicles by missing ratio, ranked by `calibration` with the first split's
    table for RGB.
    """
    generated, others = rgb_pairs(calibrating), rgb_pairs(test)
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    ranked: dict[str, list[float]] = {}
    for fitted, rest in _halves(photographs):
        tables = {
            "photographs alone": fit_table(fitted),
            "generated alone": fit_table(generated),
            "pooled by number of pairs": fit_table(join([generated, fitted])),
            "pooled, sets weigh the same": fit_table(generated, fitted),
        }
        for way, table in tables.items():
            if way not in ranked:
                replaced = Calibration({**calibration.tables, RGB: table})
                curve = missing_ratio_curves(test, replaced, ratios, trials)["shared"]
                ranked[way] = curve.map.mean(axis=1).tolist()
            for name, pairs in (("photographs", rest), ("generated", others)):
                measured = found.setdefault(way, {}).setdefault(name, [])
                measured.append(_measured(pairs, table))
    return {
        way: {"mAP": ranked[way], **{name: _mean(splits) for name, splits in sets.items()}}
        for way, sets in found.items()
    }


def rgb_pairs(dataset: EmbeddedDataset) -> ScoredPairs:
    """Pairs compared by RGB alone."""
    return pairs_by_key(dataset.having_all([Modality.RGB]), ["shared"])[RGB]


def _halves(dataset: EmbeddedDataset) -> Iterator[tuple[ScoredPairs, ScoredPairs]]:
    names = np.unique(np.asarray(dataset.query.labels.identity, dtype=str))
    for seed in range(SPLITS):
        chosen = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
        marked = [
            np.isin(np.asarray(side.labels.identity, dtype=str), chosen)
            for side in (dataset.query, dataset.gallery)
        ]
        first, second = (
            replace(
                dataset,
                query=dataset.query.rows(marked[0] == half),
                gallery=dataset.gallery.rows(marked[1] == half),
            )
            for half in (True, False)
        )
        yield rgb_pairs(first), rgb_pairs(second)


def _measured(pairs: ScoredPairs, table: CalibrationTable) -> dict[str, float]:
    threshold = [table.thresholds[RATE]]
    return {
        "expected_calibration_error": expected_calibration_error(
            table.probability(pairs.cosine), pairs.same
        ),
        "false_accept_rate": realised_rates(pairs.cosine[~pairs.same], threshold)[0],
        "true_positive_rate": realised_rates(pairs.cosine[pairs.same], threshold)[0],
    }


def _mean(splits: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([split[name] for split in splits])) for name in splits[0]}
