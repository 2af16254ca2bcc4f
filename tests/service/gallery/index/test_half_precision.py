"""What is computed without conversion is what conversion would give."""

import numpy as np
import pytest

from service.gallery.index.half_precision import float32_of, products_and_squares
from service.gallery.index.pruning import float32_error


def test_every_finite_value_is_converted_exactly() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)].reshape(-1, 8)
    assert np.array_equal(
        float32_of(finite).view(np.uint32), finite.astype(np.float32).view(np.uint32)
    )


# More vectors than are handed over at a time.
@pytest.mark.parametrize(("count", "size"), [(0, 16), (1, 16), (700, 2048), (3, 2048)])
def test_products_and_squares_err_no_more_than_float32_does(count: int, size: int) -> None:
    generator = np.random.default_rng(count)
    vectors = (generator.normal(size=(count, size)) * 5).astype(np.float16)
    vector = generator.normal(size=size).astype(np.float32)
    products, squares = products_and_squares(vectors, vector)
    known = vectors.astype(np.float64)
    exact, lengths = known @ vector.astype(np.float64), np.linalg.norm(known, axis=1)
    bound = float32_error(size) * lengths
    assert (abs(products - exact) <= bound * np.linalg.norm(vector)).all()
    assert (abs(squares - lengths**2) <= bound * lengths).all()


def test_what_is_not_a_number_moves_no_other_result() -> None:
    vectors = np.ones((5, 16), np.float16)
    vectors[2, 3] = np.nan
    products, squares = products_and_squares(vectors, np.ones(16, np.float32))
    assert products[[0, 1, 3, 4]].tolist() == [16] * 4
    assert squares[[0, 1, 3, 4]].tolist() == [16] * 4
