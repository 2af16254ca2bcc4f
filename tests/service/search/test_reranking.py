import numpy as np
import pytest

from service.embedding.query import Query
from service.gallery.gallery import Match
from service.search.input import ReRanking
from service.search.reranking import re_ranked
from tests.service.gallery.builders import MASKS
from tests.service.search.matches import CALIBRATION, matched, query_features
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy
from vreid.query_expansion import expanded_features
from vreid.re_ranking import all_pairs_distances, re_rank
from vreid.scoring import score


def candidates(policy: ResolvedPolicy, count: int = 30) -> list[Match]:
    found = (matched(n, MASKS[n % 7], policy=policy, calibration=CALIBRATION) for n in range(count))
    return sorted((each for each in found if each), key=lambda each: -each.key)


def query() -> Query:
    return Query(query_features(), np.ones(3, dtype=np.bool_))


@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
def test_k_reciprocal_is_that_of_the_evaluation_on_the_candidates(policy: ResolvedPolicy) -> None:
    matches = candidates(policy)
    asked = ReRanking.model_validate({"k1": 5, "k2": 2, "lambda": 0.4})
    found = re_ranked(query(), matches, asked, policy, CALIBRATION)
    features = np.stack([query().features, *(each.record.features for each in matches)])
    mask = np.stack([query().mask, *(each.record.mask for each in matches)])
    distances = re_rank(all_pairs_distances(features, mask, policy, CALIBRATION), 1, 5, 2, 0.4)[0]
    order = np.argsort(distances, kind="stable")
    assert [each.original_rank for each in found] == [row + 1 for row in order]
    assert [each.distance for each in found] == [distances[row] for row in order]
    assert [each.match for each in found] == [matches[row] for row in order]


def test_query_expansion_ranks_by_the_mean_with_the_nearest_candidates() -> None:
    matches = candidates("shared")
    found = re_ranked(
        query(),
        matches,
        ReRanking(method="query-expansion", neighbours=3),
        "shared",
        CALIBRATION,
    )
    features = np.stack([each.record.features for each in matches])
    mask = np.stack([each.record.mask for each in matches])
    order = np.arange(len(matches), dtype=np.float64)[None]
    asked = query()
    expanded = expanded_features(asked.features[None], asked.mask[None], features, mask, order, 3)
    scores = score(expanded, asked.mask[None], features, mask, "shared", CALIBRATION)
    expected = np.argsort(-scores.ranking_key[0], kind="stable")
    assert [each.original_rank for each in found] == [row + 1 for row in expected]
    assert [each.original_rank for each in found] != list(range(1, len(matches) + 1))


def test_the_first_distance_alone_changes_nothing() -> None:
    matches = candidates("shared")
    asked = ReRanking.model_validate({"lambda": 1})
    found = re_ranked(query(), matches, asked, "shared", CALIBRATION)
    assert [each.match for each in found] == matches


def test_nothing_found_stays_nothing() -> None:
    assert re_ranked(query(), [], ReRanking(), "shared", None) == []
