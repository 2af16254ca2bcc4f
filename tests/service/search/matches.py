"""Matches without a gallery: a record of random features, scored against a query."""

import numpy as np
from numpy.typing import NDArray

from service.gallery.gallery import Match
from tests.service.gallery.builders import new_record, random_features, stored_record
from vreid.calibration import Calibration, CalibrationTable
from vreid.contributions import contributions
from vreid.policy import ResolvedPolicy
from vreid.scoring import score

RATE = 0.001

CALIBRATION = Calibration(
    {
        "shared": CalibrationTable((-1.0, 0.2, 0.9, 1.0), (0.0, 0.05, 0.95, 1.0), {RATE: 0.3}),
        "shared:rgb": CalibrationTable((-1.0, 0.6, 1.0), (0.0, 0.4, 0.5), {RATE: 0.5}),
        "center": CalibrationTable((-1.0, 0.5, 1.0), (0.0, 0.1, 0.6), {RATE: 0.2}),
    }
)


def query_features(seed: int = 1000) -> NDArray[np.float32]:
    """Features (3, D) of a query."""
    return random_features(np.random.default_rng(seed))


def matched(
    number: int,
    mask: tuple[bool, bool, bool] = (True, True, True),
    *,
    identity: str | None = None,
    query_mask: tuple[bool, bool, bool] = (True, True, True),
    policy: ResolvedPolicy = "shared",
    calibration: Calibration | None = None,
) -> Match | None:
    """A record of that number as a search finds it, None where the policy does not compare it."""
    record = stored_record(number, new_record(number, mask, id=f"r{number}", identity=identity))
    pair = (query_features(), np.array(query_mask), record.features, record.mask)
    scores = score(pair[0][None], pair[1][None], pair[2][None], pair[3][None], policy, calibration)
    if not scores.valid[0, 0]:
        return None
    probability = None if scores.probability is None else float(scores.probability[0, 0])
    return Match(
        rank=1,
        record=record,
        score=float(scores.score[0, 0]),
        probability=probability,
        contributions=contributions(*pair, policy),
        key=float(scores.ranking_key[0, 0]),
    )
