"""What a search answers, as models."""

from __future__ import annotations

from pydantic import BaseModel, Field

from service.messages.answers import ModalityMask, ModelIdentity, RecordBody


class Calibrated(BaseModel):
    """Where a pair stands on its calibration table."""

    table: str = Field(
        description="the table used; a general one where the exact one is absent",
        examples=["shared:rgb+tir"],
    )
    probability: float = Field(description="of the same vehicle at the pair's score")
    threshold: float | None = Field(
        description="score from which on pairs are accepted at the false-accept rate"
    )
    threshold_probability: float | None = Field(description="probability at that score")


class Explanation(BaseModel):
    """What was compared for one result, and how it came to its place."""

    representation: str = Field(
        description="concatenation of the modalities that both sides have (shared), or the "
        "centers over the query's modalities and the record's (center)",
        examples=["shared:rgb+tir", "center:nir|rgb+tir"],
    )
    modalities: list[str] = Field(description="modalities that both sides have")
    ranked_by: str = Field(description="score or probability")
    ranking_key: float = Field(description="what the ranking goes by, highest first")
    calibration: Calibrated | None = Field(description="null where the bundle has no table for it")


class ReRanked(BaseModel):
    """What re-ranking did with one result; its score and probability are those from before."""

    distance: float = Field(description="what the new order goes by, lowest first")
    original_rank: int = Field(description="its rank before, among all candidates")


class Standing(BaseModel):
    """Where a record stands in a ranking, and why."""

    rank: int = Field(description="1 is the best; pages count on")
    score: float = Field(description="cosine of the representation the policy compares")
    probability: float | None = Field(
        description="calibrated probability of the same vehicle; null without a calibration"
    )
    match: bool | None = Field(
        description="whether it reaches the answer's threshold; null where there is none for it"
    )
    contributions: dict[str, float] = Field(
        description="what each modality adds to the score; they sum to it"
    )
    rerank: ReRanked | None = Field(default=None, description="with rerank")
    explanation: Explanation | None = Field(default=None, description="with explain")


class FoundSample(RecordBody, Standing):
    """One record that was found."""


class Group(BaseModel):
    """The samples of one identity."""

    identity: str | None = Field(description="null for a record without one, alone in its group")
    found: int = Field(description="samples of it among the records that were looked at")
    samples: list[FoundSample] = Field(
        description="the best of them, at most group_size, the result itself first; their rank is "
        "within the group"
    )


class SearchResult(FoundSample):
    """One record that was found; with group_by, the best one of its group."""

    group: Group | None = Field(default=None, description="with group_by")


class QueryEmbedding(BaseModel):
    """What was searched for, as `embedding` takes it."""

    features: list[str | None] = Field(
        description="of rgb, nir, tir: base64 of little-endian float32; null where missing"
    )
    model: str


class QueryFacts(BaseModel):
    """What was searched for."""

    mask: ModalityMask
    embedding: QueryEmbedding | None = Field(default=None, description="with features")


class Threshold(BaseModel):
    """What a result has to reach to be a match; conditions that are null do not count."""

    min_score: float | None
    min_probability: float | None
    false_accept_rate: float | None
    scores: dict[str, float] | None = Field(
        description="score to reach at the false-accept rate, by what can be compared with this "
        "query; null without a false_accept_rate",
        examples=[{"shared:rgb": 0.71, "shared:rgb+tir": 0.64}],
    )
    cuts: bool = Field(
        description="whether results below are left out: the request named a threshold, and the "
        "bundle can judge it"
    )
    reason: str | None = Field(
        description="why a match is null where it is: what the bundle has no calibration for"
    )


class SearchAnswer(BaseModel):
    """Answer of `POST /search`."""

    model: ModelIdentity
    policy: str = Field(description="the policy that was used; auto is resolved")
    query: QueryFacts
    warnings: list[str]
    match: bool | None = Field(
        description="whether any result of this page reaches the threshold: false is 'no match', "
        "of this page and of all behind it; null where that cannot be said"
    )
    threshold: Threshold
    searched: int = Field(description="best records that this page looked at")
    results: list[SearchResult]
    next_cursor: str | None = Field(
        description="give it as `cursor` with the same query for the next page; null at the end, "
        "and with rerank"
    )
