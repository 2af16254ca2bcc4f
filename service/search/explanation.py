"""What was compared for one result, and where the pair stands on its calibration table."""

from __future__ import annotations

from service.gallery.gallery import Match
from service.search.answer import Calibrated, Explanation
from service.search.thresholds import Judge
from vreid.calibration import Calibration
from vreid.modality import modalities_of
from vreid.policy import possible_keys


def explain(match: Match, judge: Judge) -> Explanation:
    """Return what a result's place comes from."""
    key = judge.key_of(match.record.mask)
    # A policy leaves out the pairs that it does not compare.
    assert key is not None
    calibration = judge.calibration
    by_probability = (
        judge.policy == "shared"
        and calibration is not None
        and calibration.covers(possible_keys(judge.policy))
    )
    return Explanation(
        representation=key,
        modalities=[
            modality.value for modality in modalities_of(judge.query_mask & match.record.mask)
        ],
        ranked_by="probability" if by_probability else "score",
        ranking_key=match.key,
        calibration=_calibrated(calibration, key, match.score, judge.score_needed(key)),
    )


def _calibrated(
    calibration: Calibration | None, key: str, score: float, threshold: float | None
) -> Calibrated | None:
    table = None if calibration is None else calibration.table(key)
    if calibration is None or table is None:
        return None
    return Calibrated(
        table=key if key in calibration.tables else key.partition(":")[0],
        probability=float(table.probability(score)),
        threshold=threshold,
        threshold_probability=None if threshold is None else float(table.probability(threshold)),
    )
