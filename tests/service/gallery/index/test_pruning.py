from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.gallery.index.pruning import float32_error, may_be_best, plain_cosines
from service.gallery.store.rows import bits_mask, masks_of
from vreid.scoring import score

SIZE = 16


@pytest.mark.parametrize(
    ("common", "policy"), [(0, "center"), (0b111, "concat"), (0b011, "shared")]
)
def test_cosines_are_those_of_the_policy(common: int, policy: str) -> None:
    generator = np.random.default_rng(0)
    mask = np.full(50, common or 0b111, np.uint8)
    if common == 0:
        mask = generator.integers(1, 8, 50).astype(np.uint8)
    features = generator.normal(size=(50, 3, SIZE)).astype(np.float16)
    features[~masks_of(mask)] = 0
    queried = bits_mask(common or 0b101)
    query = generator.normal(size=(3, SIZE)).astype(np.float32)
    compared = query[queried].reshape(-1) if common else query[queried].sum(axis=0)
    found = plain_cosines(
        features[:, queried] if common else features,
        (compared / np.linalg.norm(compared)).astype(np.float32),
        centers=common == 0,
    )
    expected = score(query[None], queried[None], features, masks_of(mask), policy).score[0]
    np.testing.assert_allclose(found, expected, atol=float32_error(len(compared)))


@pytest.mark.parametrize("modalities", [1, 3])
@pytest.mark.parametrize("centers", [True, False])
def test_rows_of_zeros_are_like_nothing(modalities: int, centers: bool) -> None:
    features = np.zeros((4, modalities, SIZE), np.float16)
    vector = np.eye(1, SIZE * (1 if centers else modalities), dtype=np.float32)[0]
    assert plain_cosines(features, vector, centers=centers).tolist() == [0, 0, 0, 0]


@settings(deadline=None)
@given(
    arrays(np.float64, st.integers(1, 60), elements=st.sampled_from([0.1, 0.1 + 1e-6, 0.5, 0.9])),
    st.integers(1, 60),
    st.integers(0, 1000),
)
def test_whatever_the_rounding_the_best_are_kept(
    true: np.ndarray[tuple[int], np.dtype[np.float64]], count: int, seed: int
) -> None:
    error = float32_error(SIZE)
    rounded = true + np.random.default_rng(seed).uniform(-error, error, len(true))
    kept = may_be_best(rounded, count, SIZE)
    best = np.sort(true)[::-1][:count]
    assert kept[true >= best[-1]].all()


def test_what_is_clearly_behind_is_left_out() -> None:
    kept = may_be_best(np.array([0.9, 0.2, 0.8, 0.8, 0.1]), 2, SIZE)
    assert kept.tolist() == [True, False, True, True, False]
