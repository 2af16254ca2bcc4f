"""Which results are matches: least score, least probability, calibrated false-accept rate.

The rate's threshold is a cosine of its own for each representation, so whether a pair reaches it is
decided pair by pair. A condition that the bundle's calibration says nothing about is neither met
nor failed: the verdict is None, and nothing is left out because of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.gallery.gallery import Match
from vreid.calibration import Calibration
from vreid.policy import possible_keys, representation_key, representations
from vreid.scoring import EXCLUDED_KEY, ResolvedPolicy

# Keys below a bound by no more than this may be its rounding.
_ROUNDING = 1e-9
_HALVINGS = 60

_NO_RATE = "no rate has one; export the bundle with a calibration, or use min_score"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a match has to reach; None is no condition, and at least one is there.

    `cuts` says whether results that do not are left out, as far as that can be judged.
    """

    min_score: float | None
    min_probability: float | None
    false_accept_rate: float | None
    cuts: bool


@dataclass(frozen=True)
class Judge:
    """Judges the results of one query.

    Attributes:
        thresholds: what they have to reach.
        query_mask: which modalities the query has, (3,).
        policy: that the pairs are scored by.
        calibration: the bundle's.
    """

    thresholds: Thresholds
    query_mask: NDArray[np.bool_]
    policy: ResolvedPolicy
    calibration: Calibration | None

    def verdict(self, match: Match) -> bool | None:
        """Whether a result reaches every threshold; None where that cannot be said."""
        asked = self.thresholds
        verdicts: list[bool | None] = []
        if asked.min_score is not None:
            verdicts.append(match.score >= asked.min_score)
        if asked.min_probability is not None:
            known = match.probability
            verdicts.append(None if known is None else known >= asked.min_probability)
        if asked.false_accept_rate is not None:
            needed = self._needed[match.record.mask.tobytes()]
            verdicts.append(None if needed is None else match.score >= needed)
        return all_of(verdicts)

    def key_of(self, record_mask: NDArray[np.bool_]) -> str | None:
        """Calibration key of the pair with a record of this mask (3,); None if not compared."""
        return self._keys[record_mask.tobytes()]

    def score_needed(self, key: str | None) -> float | None:
        """The score from which on pairs of this key are accepted at the rate; None if unknown."""
        rate = self.thresholds.false_accept_rate
        if key is None or rate is None or self.calibration is None:
            return None
        return self.calibration.threshold(key, rate)

    def pair_keys(self) -> list[str]:
        """Calibration keys of the pairs that this query can be in."""
        return sorted({key for key in self._keys.values() if key is not None})

    def lowest_key(self) -> float:
        """The ranking key below which no result has to be looked at, as all would be left out."""
        return self.lowest_matching_key() if self.thresholds.cuts else EXCLUDED_KEY

    def lowest_matching_key(self) -> float:
        """The ranking key below which no result can be a match, left out or not."""
        return min(map(self._lowest_key_of, self.pair_keys()), default=EXCLUDED_KEY)

    def reason(self) -> str | None:
        """Why some verdicts are None, and what to do; None where every pair can be judged."""
        asked = self.thresholds
        if asked.min_probability is not None and not self._has_probabilities:
            return (
                "min_probability needs a calibration that covers this policy, and the bundle has "
                "none; export it with one, or use min_score"
            )
        rate = asked.false_accept_rate
        if rate is None or all(self.score_needed(key) is not None for key in self.pair_keys()):
            return None
        if self.calibration is None:
            return "the bundle has no calibration; export it with one, or use min_score"
        askable = ", ".join(map(repr, self.askable_rates()))
        return (
            f"the bundle's calibration has no threshold for the false-accept rate {rate!r} for "
            "every pair that this query can be in; "
            + (f"ask for one of {askable}, or use min_score" if askable else _NO_RATE)
        )

    def askable_rates(self) -> list[float]:
        """The false-accept rates with a threshold for every pair of this query, ascending."""
        tables = [self.calibration and self.calibration.table(key) for key in self.pair_keys()]
        known = [set(table.thresholds) if table else set[float]() for table in tables]
        return sorted(set.intersection(*known)) if known else []

    def leaves_out(self) -> bool:
        """Whether results are left out: a threshold was named, and one that can be judged."""
        asked = self.thresholds
        return asked.cuts and (
            asked.min_score is not None
            or (asked.min_probability is not None and self._has_probabilities)
            or any(self.score_needed(key) is not None for key in self.pair_keys())
        )

    @cached_property
    def _keys(self) -> dict[bytes, str | None]:
        """`key_of` every mask, by its bytes: results are many, and masks are seven."""
        codes = representations(self.query_mask[None], _ALL_MASKS, self.policy)[0]
        return {
            mask.tobytes(): representation_key(int(code), self.query_mask, mask)
            for code, mask in zip(codes, _ALL_MASKS, strict=True)
        }

    @cached_property
    def _needed(self) -> dict[bytes, float | None]:
        """`score_needed` of a pair with each mask."""
        return {mask: self.score_needed(key) for mask, key in self._keys.items()}

    def _lowest_key_of(self, key: str) -> float:
        """The lowest ranking key of a pair of this calibration key that may be a match."""
        asked = self.thresholds
        needed = -1.0
        if asked.min_score is not None:
            needed = max(needed, asked.min_score)
        if asked.false_accept_rate is not None:
            needed = max(needed, self.score_needed(key) or -1.0)
        calibration = self.calibration
        if calibration is not None and self._has_probabilities:
            if self.policy == "shared":
                needed = max(_probability(calibration, key, needed), asked.min_probability or 0.0)
            elif asked.min_probability is not None:
                needed = max(needed, _cosine_at(calibration, key, asked.min_probability))
        return needed - _ROUNDING

    @cached_property
    def _has_probabilities(self) -> bool:
        return self.calibration is not None and self.calibration.covers(possible_keys(self.policy))


def all_of(verdicts: list[bool | None]) -> bool | None:
    """Whether all are true; False when one is false, else None when one is not known."""
    if any(verdict is False for verdict in verdicts):
        return False
    return None if None in verdicts else True


def any_of(verdicts: list[bool | None]) -> bool | None:
    """Whether one is true; else None when one is not known, else False."""
    if any(verdict is True for verdict in verdicts):
        return True
    return None if None in verdicts else False


def _probability(calibration: Calibration, key: str, cosine: float) -> float:
    probability = calibration.probability(key, cosine)
    return EXCLUDED_KEY if probability is None else float(probability)


def _cosine_at(calibration: Calibration, key: str, probability: float) -> float:
    """The highest cosine found below which every pair of this key is less probable."""
    low, high = -1.0, 1.0
    if _probability(calibration, key, low) >= probability:
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _probability(calibration, key, middle) >= probability:
            high = middle
        else:
            low = middle
    return low


_ALL_MASKS = np.arange(1, 8)[:, None] >> np.arange(3) & 1 == 1
