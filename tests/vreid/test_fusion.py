import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vreid.errors import FusionError
from vreid.fusion import center_and_concatenation, concatenate, masked_center

SUBSETS = [[bool(code >> bit & 1) for bit in range(3)] for code in range(1, 8)]


@st.composite
def batches(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    samples, size = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    features = generator.normal(0, draw(st.sampled_from([0.01, 1, 100])), (samples, 3, size))
    mask = [draw(st.sampled_from(SUBSETS)) for _ in range(samples)]
    return features.astype(np.float32), np.array(mask)


def transcribed_center(features: NDArray[np.float32], mask: NDArray[np.bool_]) -> list[list[float]]:
    """Eq. 17, one number at a time."""
    centers = []
    for sample, present in zip(features.tolist(), mask.tolist(), strict=True):
        there = [vector for vector, is_there in zip(sample, present, strict=True) if is_there]
        center = [sum(values) / len(there) for values in zip(*there, strict=True)]
        length = sum(value * value for value in center) ** 0.5
        centers.append([value / length for value in center])
    return centers


@given(batches())
def test_the_center_is_the_normalised_mean_of_what_is_there(
    batch: tuple[NDArray[np.float32], NDArray[np.bool_]],
) -> None:
    features, mask = batch
    centers = masked_center(features, mask)
    assert centers.dtype == np.float32
    np.testing.assert_allclose(centers, transcribed_center(features, mask), atol=1e-6)


@given(batches())
def test_missing_rows_do_not_matter_whatever_they_hold(
    batch: tuple[NDArray[np.float32], NDArray[np.bool_]],
) -> None:
    features, mask = batch
    expected = masked_center(features, mask)
    for rubbish in (0, 1e30, np.nan, np.inf):
        spoilt = np.where(mask[:, :, None], features, np.float32(rubbish))
        np.testing.assert_array_equal(masked_center(spoilt, mask), expected)


@given(batches())
def test_both_vectors_at_once_are_those_that_are_made_one_by_one(
    batch: tuple[NDArray[np.float32], NDArray[np.bool_]],
) -> None:
    features, mask = batch
    features[~mask] = 0
    centers, concatenations = center_and_concatenation(features, mask)
    assert centers.dtype == concatenations.dtype == np.float32
    np.testing.assert_array_equal(centers, masked_center(features, mask))
    np.testing.assert_array_equal(concatenations, concatenate(features))


@given(batches())
def test_centers_and_concatenations_have_length_one(
    batch: tuple[NDArray[np.float32], NDArray[np.bool_]],
) -> None:
    features, mask = batch
    for vectors in (masked_center(features, mask), concatenate(features)):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@given(batches())
def test_a_sample_fuses_alone_as_in_a_batch(
    batch: tuple[NDArray[np.float32], NDArray[np.bool_]],
) -> None:
    features, mask = batch
    together, joined = masked_center(features, mask), concatenate(features)
    for row in range(len(features)):
        alone = slice(row, row + 1)
        np.testing.assert_array_equal(masked_center(features[alone], mask[alone]), together[alone])
        np.testing.assert_array_equal(concatenate(features[alone]), joined[alone])


def test_the_concatenation_keeps_the_order_of_the_modalities() -> None:
    features = np.arange(1, 7, dtype=np.float32).reshape(1, 3, 2)
    np.testing.assert_allclose(concatenate(features)[0], np.arange(1, 7) / np.sqrt(91), rtol=1e-6)


def test_sums_are_accumulated_in_double_precision() -> None:
    features = np.array([[[1e8, 1], [-1e8, 1], [1, 1]]], dtype=np.float32)
    np.testing.assert_allclose(masked_center(features, [[1, 1, 1]])[0], [0.316228, 0.948683], 1e-5)


def test_features_of_zero_stay_zero() -> None:
    zeros = np.zeros((2, 3, 4), dtype=np.float32)
    assert not masked_center(zeros, np.ones((2, 3), dtype=bool)).any()
    assert not concatenate(zeros).any()


def test_a_mask_of_zeros_and_ones_is_as_good_as_booleans() -> None:
    features = np.random.default_rng(0).normal(size=(2, 3, 4))
    mask = np.array([[1, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(
        masked_center(features, mask), masked_center(features, mask.astype(bool))
    )


def test_no_samples_give_no_vectors() -> None:
    assert masked_center(np.zeros((0, 3, 4)), np.zeros((0, 3))).shape == (0, 4)
    assert concatenate(np.zeros((0, 3, 4))).shape == (0, 12)


@pytest.mark.parametrize(
    ("features", "mask", "message"),
    [
        (np.zeros((2, 4)), np.ones((2, 3)), r"give \(samples, modalities, feature size\)"),
        (np.zeros((2, 3, 4)), np.ones((2, 2)), r"need a mask of shape \(2, 3\), not \(2, 2\)"),
        (np.zeros((2, 3, 4)), np.ones(3), "need a mask of shape"),
        (np.zeros((1, 3, 4)), [[2, 0, 0]], "values other than 0 and 1"),
        (np.zeros((2, 3, 4)), [[1, 0, 0], [0, 0, 0]], "sample 1 has no modality at all"),
        (np.full((1, 3, 4), np.nan), [[1, 0, 0]], "not a finite number"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    features: NDArray[np.float64], mask: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(FusionError, match=message):
        masked_center(features, mask)


def test_a_concatenation_of_another_shape_is_refused() -> None:
    with pytest.raises(FusionError, match=r"\(2, 12\)"):
        concatenate(np.zeros((2, 12)))
