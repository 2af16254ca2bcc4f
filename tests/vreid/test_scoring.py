import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vreid.calibration import Calibration, CalibrationTable
from vreid.contributions import contribution_table, contributions, contributions_by_modality
from vreid.embedding import round_to_stored
from vreid.errors import ScoringError
from vreid.modality import MODALITIES, Modality
from vreid.scoring import (
    CENTER,
    COMPLETE,
    EXCLUDED_KEY,
    NOT_SCORED,
    POLICIES,
    RESOLVED_POLICIES,
    representation_key,
    resolve_policy,
    score,
)

SUBSETS = np.array([[bool(code >> bit & 1) for bit in range(3)] for code in range(1, 8)])
CALIBRATION = Calibration(
    {
        "shared": CalibrationTable((-1.0, 0.2, 1.0), (0.0, 0.1, 1.0)),
        "shared:tir": CalibrationTable((-1.0, 0.0, 1.0), (0.0, 0.6, 0.7)),
        "center": CalibrationTable((-1.0, 1.0), (0.0, 0.3)),
    }
)

Side = tuple[NDArray[np.float32], NDArray[np.bool_]]


def side(seed: int, samples: int, size: int = 8) -> Side:
    generator = np.random.default_rng(seed)
    features = round_to_stored(generator.normal(0.3, 1, (samples, 3, size)).astype(np.float32))
    return features, SUBSETS[generator.integers(0, 7, samples)]


sides = st.builds(side, st.integers(0, 2**32 - 1), st.integers(1, 9))


def transcribed(query: Side, gallery: Side, row: int, column: int, policy: str) -> float | None:
    """Cosine of one pair, written down a second time with vectors instead of sums."""
    here, there = query[1][row], gallery[1][column]
    one, other = query[0][row].astype(float), gallery[0][column].astype(float)
    both = here & there
    if policy == "concat" and not both.all():
        return None
    if policy == "center" or not both.any():
        one_vector, other_vector = one[here].mean(axis=0), other[there].mean(axis=0)
    else:
        one_vector, other_vector = one[both].ravel(), other[both].ravel()
    lengths = np.linalg.norm(one_vector) * np.linalg.norm(other_vector)
    return float(one_vector @ other_vector / lengths)


# The numbers


@given(sides, sides, st.sampled_from(RESOLVED_POLICIES))
def test_scores_are_the_cosines_of_the_chosen_representation(
    query: Side, gallery: Side, policy: str
) -> None:
    scores = score(*query, *gallery, policy)
    for row, column in np.ndindex(scores.score.shape):
        expected = transcribed(query, gallery, row, column, policy)
        assert scores.valid[row, column] == (expected is not None)
        if expected is not None:
            assert scores.score[row, column] == pytest.approx(expected, abs=1e-11)


@settings(max_examples=50)
@given(sides, sides, st.sampled_from(RESOLVED_POLICIES), st.data())
def test_a_pair_has_the_same_numbers_in_any_company(
    query: Side, gallery: Side, policy: str, data: st.DataObject
) -> None:
    whole = score(*query, *gallery, policy, CALIBRATION)
    rows = np.array(data.draw(st.lists(st.integers(0, len(query[0]) - 1), min_size=1)))
    columns = np.array(data.draw(st.lists(st.integers(0, len(gallery[0]) - 1), min_size=1)))
    part = score(
        query[0][rows],
        query[1][rows],
        gallery[0][columns],
        gallery[1][columns],
        policy,
        CALIBRATION,
    )
    block = np.ix_(rows, columns)
    np.testing.assert_array_equal(part.score, whole.score[block])
    np.testing.assert_array_equal(part.ranking_key, whole.ranking_key[block])
    np.testing.assert_array_equal(part.representation, whole.representation[block])


@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
def test_candidates_of_a_large_gallery_are_scored_as_the_whole(policy: str) -> None:
    query, gallery = side(0, 3, 640), side(1, 400, 640)
    whole = score(*query, *gallery, policy, CALIBRATION)
    for columns in (np.array([17]), np.arange(5), np.arange(0, 400, 3)):
        part = score(*query, gallery[0][columns], gallery[1][columns], policy, CALIBRATION)
        np.testing.assert_array_equal(part.score, whole.score[:, columns])
        np.testing.assert_array_equal(part.ranking_key, whole.ranking_key[:, columns])


def test_equal_samples_are_exact_ties_wherever_they_stand() -> None:
    features, mask = side(2, 1, 640)
    gallery, gallery_mask = side(3, 101, 640)
    gallery[::10], gallery_mask[::10] = gallery[0], gallery_mask[0]
    for policy in ("center", "shared"):
        scores = score(features, mask, gallery, gallery_mask, policy, CALIBRATION)
        assert len(np.unique(scores.ranking_key[0, ::10])) == 1


@given(sides, st.sampled_from(RESOLVED_POLICIES))
def test_a_sample_is_most_like_itself(samples: Side, policy: str) -> None:
    scores = score(*samples, *samples, policy)
    assert (np.diagonal(scores.score)[np.diagonal(scores.valid)] == 1.0).all()
    assert (np.abs(scores.score) <= 1).all()


@given(sides, sides, st.sampled_from(RESOLVED_POLICIES))
def test_missing_rows_do_not_matter_whatever_they_hold(
    query: Side, gallery: Side, policy: str
) -> None:
    spoilt = np.where(gallery[1][:, :, None], gallery[0], np.float32(np.nan))
    expected = score(*query, *gallery, policy)
    np.testing.assert_array_equal(score(*query, spoilt, gallery[1], policy).score, expected.score)


def test_features_of_zero_score_zero_and_not_nan() -> None:
    zeros = np.zeros((1, 3, 4))
    for policy in RESOLVED_POLICIES:
        scores = score(zeros, SUBSETS[6:], np.ones((1, 3, 4)), SUBSETS[6:], policy)
        assert scores.score.tolist() == [[0.0]]


# Which pairs, and which representation


def test_concat_compares_only_complete_samples() -> None:
    query, gallery = (side(4, 2)[0], SUBSETS[[6, 0]]), (side(5, 2)[0], SUBSETS[[6, 2]])
    scores = score(*query, *gallery, "concat", CALIBRATION)
    assert scores.valid.tolist() == [[True, False], [False, False]]
    assert scores.score[~scores.valid].tolist() == [-1, -1, -1]
    assert scores.ranking_key[~scores.valid].tolist() == [EXCLUDED_KEY] * 3
    assert scores.probability is not None
    assert scores.probability[~scores.valid].tolist() == [0, 0, 0]
    assert scores.representation.tolist() == [[COMPLETE, NOT_SCORED], [NOT_SCORED] * 2]


def test_shared_takes_the_common_modalities_and_centers_where_there_are_none() -> None:
    features = side(6, 7)[0]
    scores = score(features, SUBSETS, features, SUBSETS, "shared")
    for row, column in itertools.product(range(7), range(7)):
        common = (row + 1) & (column + 1)
        assert scores.representation[row, column] == (common or CENTER)


def test_a_representation_is_named_by_its_calibration_key() -> None:
    rgb, tir, rgb_tir = SUBSETS[0], SUBSETS[3], SUBSETS[4]
    assert representation_key(5, rgb_tir, rgb_tir) == "shared:rgb+tir"
    assert representation_key(COMPLETE, SUBSETS[6], SUBSETS[6]) == "shared:rgb+nir+tir"
    assert representation_key(CENTER, rgb, tir) == "center:rgb|tir"
    assert representation_key(NOT_SCORED, rgb, tir) is None


# Ranking


def test_shared_ranks_by_probability_because_its_cosines_are_not_comparable() -> None:
    query = np.ones((1, 3, 2))
    gallery = np.array([[[1, 0.5]] * 3, [[1, -0.5]] * 3])
    masks = SUBSETS[[0, 3]]
    scores = score(query, SUBSETS[6:], gallery, masks, "shared", CALIBRATION)
    assert scores.probability is not None
    assert scores.score[0, 0] > scores.score[0, 1]
    by_cosine = score(query, SUBSETS[6:], gallery, masks, "shared")
    np.testing.assert_array_equal(by_cosine.ranking_key, by_cosine.score)
    np.testing.assert_array_equal(scores.ranking_key, scores.probability)
    for column, key in enumerate(("shared:rgb", "shared:tir")):
        expected = CALIBRATION.probability(key, scores.score[0, column])
        assert scores.probability[0, column] == expected


@pytest.mark.parametrize("policy", ["center", "concat"])
def test_one_representation_ranks_by_its_cosine_even_when_calibrated(policy: str) -> None:
    query, gallery = side(7, 3), side(8, 5)
    scores = score(*query, *gallery, policy, CALIBRATION)
    assert scores.probability is not None
    np.testing.assert_array_equal(
        scores.ranking_key, np.where(scores.valid, scores.score, EXCLUDED_KEY)
    )


def test_a_calibration_that_does_not_cover_every_pair_that_may_come_is_not_used() -> None:
    only_shared = Calibration({"shared": CALIBRATION.tables["shared"]})
    complete = SUBSETS[6:]
    features = side(9, 1)[0]
    scores = score(features, complete, features, complete, "shared", only_shared)
    assert scores.probability is None
    np.testing.assert_array_equal(scores.ranking_key, scores.score)
    assert (
        score(features, complete, features, complete, "concat", only_shared).probability is not None
    )


@given(sides, sides)
def test_probabilities_follow_each_pairs_own_table(query: Side, gallery: Side) -> None:
    scores = score(*query, *gallery, "shared", CALIBRATION)
    assert scores.probability is not None
    for row, column in np.ndindex(scores.score.shape):
        key = representation_key(
            int(scores.representation[row, column]), query[1][row], gallery[1][column]
        )
        assert key is not None
        assert scores.probability[row, column] == CALIBRATION.probability(
            key, scores.score[row, column]
        )


# Contributions


@given(sides, sides, st.sampled_from(RESOLVED_POLICIES))
def test_contributions_sum_to_the_score(query: Side, gallery: Side, policy: str) -> None:
    scores = score(*query, *gallery, policy)
    for row, column in np.ndindex(scores.score.shape):
        pair = (query[0][row], query[1][row], gallery[0][column], gallery[1][column])
        if not scores.valid[row, column]:
            with pytest.raises(ScoringError, match="does not compare this pair; use shared"):
                contributions(*pair, policy)
            continue
        parts = contributions(*pair, policy)
        assert sum(parts.values()) == pytest.approx(scores.score[row, column], abs=1e-9)


def test_contributions_name_the_modalities_that_took_part() -> None:
    one, other = side(10, 1)[0][0], side(11, 1)[0][0]
    rgb_nir, nir_tir = SUBSETS[2], SUBSETS[5]
    assert list(contributions(one, rgb_nir, other, nir_tir, "shared")) == [Modality.NIR]
    assert list(contributions(one, rgb_nir, other, nir_tir, "center")) == list(MODALITIES)


# Policies and refusals


@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
def test_a_policy_resolves_to_itself_and_auto_to_the_bundles(policy: str) -> None:
    assert resolve_policy(policy, "center") == policy
    assert resolve_policy("auto", policy) == policy
    assert resolve_policy("auto") == "shared"
    assert set(POLICIES) == {*RESOLVED_POLICIES, "auto"}


@pytest.mark.parametrize(
    ("policy", "bundle_auto"), [("best", "shared"), ("auto", "auto"), ("auto", "best")]
)
def test_unknown_policies_are_refused_with_the_known_ones(policy: str, bundle_auto: str) -> None:
    with pytest.raises(ScoringError, match="use one of center, concat, shared, auto"):
        resolve_policy(policy, bundle_auto)


def test_auto_has_to_be_resolved_before_scoring() -> None:
    with pytest.raises(ScoringError, match=r"resolve_policy\(policy, manifest\.auto_policy\)"):
        score(*side(0, 1), *side(1, 1), "auto")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((1, 3, 4)), [[1, 1, 1]], np.ones((1, 3, 5)), [[1, 1, 1]]), "the same bundle"),
        ((np.ones((1, 3, 4)), [[0, 0, 0]], np.ones((1, 3, 4)), [[1, 1, 1]]), "query: sample 0 has"),
        (
            (np.ones((1, 3, 4)), [[1, 1, 1]], np.ones((1, 2, 4)), [[1, 1]]),
            "gallery features have 2",
        ),
    ],
)
def test_sides_that_do_not_fit_together_are_refused(
    arguments: tuple[Any, Any, Any, Any], message: str
) -> None:
    with pytest.raises(ScoringError, match=message):
        score(*arguments, "shared")


def test_an_empty_gallery_gives_no_scores() -> None:
    scores = score(*side(0, 2), np.zeros((0, 3, 8)), np.zeros((0, 3)), "shared", CALIBRATION)
    assert scores.score.shape == (2, 0)
    assert scores.ranking_key.shape == (2, 0)


@pytest.mark.parametrize("policy", ["center", "shared"])
def test_contributions_of_many_are_those_of_each(policy: str) -> None:
    generator = np.random.default_rng(3)
    gallery = generator.normal(size=(40, 3, 16)).astype(np.float16)
    masks = generator.random((40, 3)) < 0.6
    masks[~masks.any(axis=1)] = True
    query, mask = generator.normal(size=(3, 16)).astype(np.float16), np.array([True, False, True])
    table = contribution_table(query, mask, gallery, masks, policy)
    rows = contributions_by_modality(table)
    for row, features, present in zip(rows, gallery, masks, strict=True):
        assert row == contributions(query, mask, features, present, policy)
