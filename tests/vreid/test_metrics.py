from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vreid.errors import MetricError
from vreid.metrics import Junk, Labels, evaluate_ranking


@st.composite
def retrievals(draw: st.DrawFn) -> tuple[NDArray[np.float64], Labels, Labels]:
    queries, gallery = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # Few different distances, so that ties are everywhere.
    distances = generator.integers(0, draw(st.sampled_from([2, 5, 1000])), (queries, gallery)) / 7

    def labels(count: int) -> Labels:
        return Labels(*(generator.integers(0, classes, count) for classes in (4, 3, 3, 2)))

    return distances, labels(queries), labels(gallery)


junk_rules = st.sampled_from(["scene", "camera", "view", None])


@given(retrievals(), junk_rules)
def test_strings_integers_and_mappings_are_all_labels(
    retrieval: tuple[NDArray[np.float64], Labels, Labels], junk: Junk
) -> None:
    distances, query, gallery = retrieval
    try:
        expected = evaluate_ranking(distances, query, gallery, junk)
    except MetricError:
        return
    for form in (as_strings, as_mapping, as_namespace):
        ranking = evaluate_ranking(distances, form(query), form(gallery), junk)
        assert ranking.map == expected.map
        np.testing.assert_array_equal(ranking.cmc, expected.cmc)


def as_strings(labels: Labels) -> Labels:
    return Labels(
        [f"v{value}" for value in np.asarray(labels.identity)],
        np.asarray(labels.camera).astype(str),
        np.asarray(labels.scene).astype(object),
        labels.view,
    )


def as_mapping(labels: Labels) -> dict[str, Any]:
    return {name: getattr(labels, name) for name in ("identity", "camera", "scene", "view")}


def as_namespace(labels: Labels) -> SimpleNamespace:
    return SimpleNamespace(**as_mapping(labels))


def test_a_ranking_by_hand() -> None:
    ranking = evaluate_ranking(
        [[0.1, 0.2, 0.3, 0.4, 0.5]],
        Labels([1], scene=[7]),
        Labels([1, 2, 1, 3, 1], scene=[7, 7, 8, 7, 9]),
        "scene",
    )
    # The first is junk; hits stand at ranks 2 and 4 of what is left.
    assert ranking.map == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert ranking.cmc.tolist() == [0, 1, 1, 1, 1]
    assert ranking.first_match.tolist() == [2]
    assert ranking.mean_inverse_negative_penalty == pytest.approx(2 / 4)


def test_another_identity_in_the_same_scene_is_no_junk() -> None:
    query, gallery = Labels([1], scene=[7]), Labels([2, 1], scene=[7, 8])
    assert evaluate_ranking([[0.1, 0.2]], query, gallery, "scene").cmc.tolist() == [0, 1]


def test_queries_without_a_positive_are_skipped_and_the_others_named() -> None:
    ranking = evaluate_ranking(np.zeros((3, 2)), Labels([9, 1, 2]), Labels([1, 2]), None)
    assert ranking.valid_queries == 2
    assert ranking.query_rows.tolist() == [1, 2]


def test_ties_go_to_the_earlier_gallery_row() -> None:
    ranking = evaluate_ranking([[0.5, 0.5, 0.5]], Labels([1]), Labels([2, 1, 1]), None)
    assert ranking.first_match.tolist() == [2]


def test_a_positive_at_infinite_distance_is_not_retrieved() -> None:
    distances = [[1.0, np.inf, 5.0], [np.inf, np.inf, np.inf]]
    ranking = evaluate_ranking(distances, Labels([1, 1]), Labels([1, 1, 2]), None)
    assert ranking.average_precision.tolist() == [0.5, 0]
    assert ranking.first_match.tolist() == [1, 4]
    assert ranking.cmc.tolist() == [0.5, 0.5, 0.5]
    assert ranking.mean_inverse_negative_penalty == pytest.approx(2 / 3)


def test_a_pair_that_is_ignored_is_not_ranked_whatever_its_labels() -> None:
    itself = np.eye(3, dtype=np.bool_)
    labels = Labels([1, 1, 2])
    ranking = evaluate_ranking(1 - np.eye(3), labels, labels, None, itself)
    assert ranking.query_rows.tolist() == [0, 1]
    assert ranking.first_match.tolist() == [1, 1]
    with pytest.raises(MetricError, match="ignored has the shape"):
        evaluate_ranking(np.zeros((3, 3)), labels, labels, None, itself[:2])


def test_unknown_labels_match_nothing_and_make_nothing_junk() -> None:
    ranking = evaluate_ranking(
        [[0.1, 0.2, 0.3]] * 2,
        Labels([1, None], scene=[None, 1]),
        Labels([None, 1, 2], scene=[None, None, 1]),
        "scene",
    )
    assert ranking.valid_queries == 1
    assert ranking.first_match.tolist() == [2]


@pytest.mark.parametrize(
    ("distances", "query", "gallery", "junk", "message"),
    [
        (np.zeros((2, 0)), Labels([1, 1]), Labels([]), None, "neither empty"),
        (np.zeros(3), Labels([1]), Labels([1, 1, 1]), None, r"shape \(3,\)"),
        ([[np.nan]], Labels([1]), Labels([1]), None, "a distance is NaN"),
        ([[1.0]], Labels([1]), Labels([2]), None, "no query has a positive"),
        ([[1.0]], Labels([1], [1]), Labels([1], [1]), "camera", "no query has a positive"),
        ([[1.0]], Labels([1, 2]), Labels([1]), None, "query.identity has 2 entries"),
        ([[1.0]], Labels([1]), Labels([1, 1]), None, "gallery.identity has 2 entries"),
        ([[1.0]], Labels([1]), Labels([1]), "scene", "query has no scene labels"),
        ([[1.0]], Labels([1]), Labels([[1]]), None, "gallery.identity holds something"),
        ([[1.0]], Labels([1]), Labels([1]), "lane", "'lane' is no junk rule"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    distances: NDArray[np.float64],
    query: Labels,
    gallery: Labels,
    junk: Junk,
    message: str,
) -> None:
    with pytest.raises(MetricError, match=message):
        evaluate_ranking(distances, query, gallery, junk)
