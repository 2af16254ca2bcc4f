"""What a search takes: the query, and what is to be done with the ranking."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from service.messages.filter_input import FilterDocument
from service.messages.inputs import (
    WRITTEN_NUMBER,
    Count,
    EmbeddingInput,
    Flag,
    Images,
    Input,
    Number,
    RecordId,
)
from vreid.re_ranking import AVERAGED, FIRST_SHARE, NEIGHBOURS
from vreid.scoring import Policy

MOST_CANDIDATES = 1000
"""Records that one search re-ranks at most: the work grows with the square."""

USUAL_CANDIDATES = 100
EXPANSION = 5

Label = Annotated[str, Field(min_length=1, max_length=256)]


class ReRanking(Input):
    """How the best candidates are put into another order."""

    method: Literal["k-reciprocal", "query-expansion"] = Field(
        default="k-reciprocal",
        description="k-reciprocal: candidates whose neighbours are the query's neighbours come "
        "first (arXiv 1701.08398); query-expansion: the candidates are ranked by the mean of the "
        "query and its nearest candidates",
    )
    candidates: Count = Field(
        default=USUAL_CANDIDATES,
        ge=1,
        le=MOST_CANDIDATES,
        description=f"best records that are ordered anew; {USUAL_CANDIDATES}, or k where that is "
        "more, when left out",
    )
    k1: Count = Field(
        default=NEIGHBOURS, ge=1, le=MOST_CANDIDATES, description="k-reciprocal: neighbourhood"
    )
    k2: Count = Field(
        default=AVERAGED,
        ge=1,
        le=MOST_CANDIDATES,
        description="k-reciprocal: neighbours that an encoding is averaged over",
    )
    first_share: Number = Field(
        default=FIRST_SHARE,
        ge=0,
        le=1,
        alias="lambda",
        description="k-reciprocal: share of the first distance in the new one",
    )
    neighbours: Count = Field(
        default=EXPANSION,
        ge=1,
        le=100,
        description="query-expansion: candidates that the query is averaged with",
    )

    @field_validator("k1", "k2", "first_share", "neighbours")
    @classmethod
    def _belongs_to_the_method(cls, value: float, info: ValidationInfo) -> float:
        method = info.data.get("method")
        wanted = "query-expansion" if info.field_name == "neighbours" else "k-reciprocal"
        if method is not None and method != wanted:
            raise ValueError(f"belongs to the method {wanted}; leave it out with {method}")
        return value


def _switched(value: object) -> object:
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


ReRankingSwitch = Annotated[
    ReRanking | None,
    BeforeValidator(_switched, json_schema_input_type=bool | ReRanking | None),
]


class SearchOptions(Input):
    """What to search for and how."""

    k: Count = Field(default=10, ge=1, description="results wanted; with group_by, groups")
    policy: Policy = Field(default="auto", description="how two samples are compared")
    filter: FilterDocument | None = Field(default=None, description="which records take part")
    camera: Label | None = Field(
        default=None, description="of the query, for the filter's exclude_same_camera"
    )
    scene: Label | None = Field(
        default=None, description="of the query, for the filter's exclude_same_scene"
    )
    min_score: Annotated[float, Field(ge=-1, le=1), WRITTEN_NUMBER] | None = Field(
        default=None, description="leave out results with a lower score"
    )
    min_probability: Annotated[float, Field(ge=0, le=1), WRITTEN_NUMBER] | None = Field(
        default=None, description="leave out results with a lower probability"
    )
    false_accept_rate: Annotated[float, Field(gt=0, lt=1), WRITTEN_NUMBER] | None = Field(
        default=None,
        description="leave out results below the bundle's threshold for this rate of pairs of "
        "different vehicles that pass as the same",
        examples=[0.001],
    )
    group_by: Literal["identity"] | None = Field(
        default=None,
        description="one result for each identity, its best sample; records without an identity "
        "are groups of their own",
    )
    group_size: Count = Field(
        default=3, ge=1, le=100, description="samples shown of each group, the best one first"
    )
    rerank: ReRankingSwitch = Field(
        default=None,
        description="order the best candidates anew: true, or the method and its numbers",
        examples=[True, {"method": "k-reciprocal", "candidates": 200, "lambda": 0.3}],
    )
    explain: Flag = Field(
        default=False, description="say of each result what was compared and how it is calibrated"
    )
    features: Flag = Field(
        default=False,
        description="also return the query's embedding, which can be sent as `embedding`",
    )
    cursor: str | None = Field(
        default=None,
        max_length=200_000,
        description="`next_cursor` of the page before, with the same query again",
    )

    @field_validator("group_size")
    @classmethod
    def _sizes_a_group(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("group_by", "") is None:
            raise ValueError('is given without group_by; send group_by "identity" too')
        return value

    @field_validator("cursor")
    @classmethod
    def _continues_a_ranking(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("rerank") is not None:
            raise ValueError(
                "cannot be used with rerank: the order of the candidates depends on all of them, "
                "so pages would repeat or skip records when one is deleted; ask for more results "
                "with k instead"
            )
        return value


class SearchInput(SearchOptions):
    """Body of `POST /search`; everything that is given as query is of one vehicle and fused."""

    samples: list[Images] | None = Field(
        default=None,
        min_length=1,
        description="images of the vehicle. All samples, records and embeddings of a query are "
        "fused by the mean of each modality's features over those that have it",
    )
    id: RecordId | None = Field(
        default=None, description="a record of the gallery; it is left out of its own results"
    )
    ids: list[RecordId] | None = Field(
        default=None,
        min_length=1,
        description="several records of the vehicle; they are left out of their own results",
    )
    embedding: EmbeddingInput | None = None
    embeddings: list[EmbeddingInput] | None = Field(
        default=None, min_length=1, description="several embeddings of the vehicle"
    )

    @field_validator("ids")
    @classmethod
    def _counts_each_record_once(
        cls, value: list[str] | None, info: ValidationInfo
    ) -> list[str] | None:
        given = [*(value or ()), *_present(info.data.get("id"))]
        repeated = sorted({each for each in given if given.count(each) > 1})
        if repeated:
            raise ValueError(f"has {repeated[0]!r} twice; give each record once")
        return value

    @model_validator(mode="after")
    def _has_a_query(self) -> SearchInput:
        if self.query_size == 0:
            raise ValueError(
                "has no query; send one to three of the files rgb, nir, tir, or one of samples, "
                "id, ids, embedding, embeddings"
            )
        return self

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Ids of the records that the query is made of."""
        return (*_present(self.id), *(self.ids or ()))

    @property
    def all_embeddings(self) -> dict[str, EmbeddingInput]:
        """The embeddings that the query is made of, by the client's name for each."""
        several = {f"embeddings[{row}]": one for row, one in enumerate(self.embeddings or ())}
        return several if self.embedding is None else {"embedding": self.embedding, **several}

    @property
    def query_size(self) -> int:
        """How many samples are fused."""
        return len(self.samples or ()) + len(self.record_ids) + len(self.all_embeddings)


def _present(record_id: str | None) -> list[str]:
    return [] if record_id is None else [record_id]
