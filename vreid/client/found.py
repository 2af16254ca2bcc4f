"""What `/search` and `/compare` answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vreid.client.embedded import Embedding, ModelIdentity
from vreid.client.records import Mask, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """Where a pair stands on its calibration table; `docs/http.md` says more."""

    table: str
    probability: float
    threshold: float | None = None
    threshold_probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What was compared for one result, and what the ranking goes by."""

    representation: str
    modalities: tuple[str, ...]
    ranked_by: str
    ranking_key: float
    calibration: Calibrated | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReRanked:
    """What re-ranking did with one result.

    Attributes:
        distance: what the new order goes by, lowest first.
        original_rank: its rank before, among all candidates.
    """

    distance: float
    original_rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSample(Record):
    """One record that was found.

    Attributes:
        rank: 1 is the best; pages count on.
        score: cosine of what the policy compares.
        probability: calibrated chance of the same vehicle; None without a calibration.
        match: whether it reaches the answer's threshold; None where there is none for it.
        contributions: what each modality adds to the score; they sum to it.
        rerank: with re-ranking.
        explanation: where asked for.
    """

    rank: int
    score: float
    probability: float | None
    match: bool | None
    contributions: Mapping[str, float]
    rerank: ReRanked | None = None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The samples of one identity.

    Attributes:
        identity: None for a record without one, alone in its group.
        found: samples of it among the records that were looked at.
        samples: the best of them, the result itself first.
    """

    identity: str | None
    found: int
    samples: tuple[FoundSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult(FoundSample):
    """One result; with `group_by`, the best record of its group."""

    group: Group | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFacts:
    """What was searched for; `embedding` where features were asked for."""

    mask: Mask
    embedding: Embedding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a result has to reach to be a match; conditions that are None do not count.

    Attributes:
        min_score: cosine.
        min_probability: calibrated.
        false_accept_rate: share of pairs of different vehicles that may pass.
        scores: score to reach at that rate, by what can be compared with the query.
        cuts: whether results below are left out.
        reason: why a match is None where it is.
    """

    min_score: float | None
    min_probability: float | None
    false_accept_rate: float | None
    scores: Mapping[str, float] | None
    cuts: bool
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Answer of a search.

    Attributes:
        model: that made the features.
        policy: that was used; auto is resolved.
        query: what was searched for.
        warnings: sentences about the query and this page.
        match: whether any result is the same vehicle; False is "no match", of this page and all
            behind it; None where that cannot be said.
        threshold: what a match has to reach.
        searched: best records that this page looked at.
        results: best first.
        next_cursor: of the next page; None at the end, and with re-ranking.
    """

    model: ModelIdentity
    policy: str
    query: QueryFacts
    warnings: tuple[str, ...]
    match: bool | None
    threshold: Threshold
    searched: int
    results: tuple[SearchResult, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Same vehicle or not, at one calibrated operating point."""

    same: bool
    false_accept_rate: float
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Answer of a comparison.

    Attributes:
        model: that made the features.
        policy: that was used.
        score: cosine of what the policy compares.
        probability: calibrated chance of the same vehicle; None without a calibration.
        verdict: None without a calibrated threshold.
        contributions: what each modality adds to the score.
        a: modalities of the first sample.
        b: modalities of the second.
        warnings: sentences about the images.
    """

    model: ModelIdentity
    policy: str
    score: float
    probability: float | None
    verdict: Verdict | None
    contributions: Mapping[str, float]
    a: Mask
    b: Mask
    warnings: tuple[str, ...] = ()
