from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.clustered_vectors import ClusteredVectors
from service.gallery.index.codes import CodedVectors, candidates_for

COUNT, SIZE = 6000, 256
SKETCHED, NOT_SKETCHED = COUNT, COUNT + 1


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    return np.concatenate(list(ClusteredVectors(COUNT, SIZE).blocks()))


@pytest.fixture(scope="module")
def queries() -> NDArray[np.float32]:
    return ClusteredVectors(COUNT, SIZE).queries(20)


@pytest.fixture(scope="module", params=[SKETCHED, NOT_SKETCHED], ids=["sketches", "codes only"])
def coded(vectors: NDArray[np.float32], request: pytest.FixtureRequest) -> CodedVectors:
    return _coded(vectors, request.param)


def _coded(vectors: NDArray[np.float32], sketched_rows: int = NOT_SKETCHED) -> CodedVectors:
    def blocks() -> Iterator[NDArray[np.float32]]:
        for first in range(0, len(vectors), 1000):
            yield vectors[first : first + 1000]

    return CodedVectors.build(blocks, *vectors.shape, sketched_rows=sketched_rows)


def _has_sketches(coded: CodedVectors) -> bool:
    return "directions" in coded.arrays()


def _best(
    vectors: NDArray[np.float32],
    query: NDArray[np.float32],
    count: int,
    allowed: NDArray[np.bool_] | None = None,
) -> list[int]:
    cosines = vectors @ query
    if allowed is not None:
        cosines[~allowed] = -2
    return list(np.argsort(-cosines)[:count])


def _share_found(
    coded: CodedVectors,
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    allowed: NDArray[np.bool_] | None = None,
) -> float:
    wanted = candidates_for(20, len(vectors))
    found = [
        np.isin(_best(vectors, query, 20, allowed), coded.nearest(query, wanted, allowed)[1])
        for query in queries
    ]
    return float(np.mean(found))


def test_sketches_are_made_from_the_threshold_on(vectors: NDArray[np.float32]) -> None:
    assert _has_sketches(_coded(vectors, SKETCHED))
    assert not _has_sketches(_coded(vectors, NOT_SKETCHED))


def test_candidates_hold_the_true_best(
    coded: CodedVectors, vectors: NDArray[np.float32], queries: NDArray[np.float32]
) -> None:
    assert _share_found(coded, vectors, queries) >= 0.995


@pytest.mark.parametrize("share", [0.9, 0.5, 0.05])
def test_candidates_hold_the_true_best_of_those_allowed(
    coded: CodedVectors,
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    share: float,
) -> None:
    allowed = np.random.default_rng(0).random(COUNT) < share
    assert _share_found(coded, vectors, queries, allowed) >= 0.995


def test_a_filter_that_leaves_only_what_is_far_away_makes_sketches_miss_nothing(
    vectors: NDArray[np.float32], queries: NDArray[np.float32]
) -> None:
    sketched, codes_only = _coded(vectors, SKETCHED), _coded(vectors)
    for query in queries:
        cosines = vectors @ query
        far = cosines < np.median(cosines)
        expected = codes_only.nearest(query, 200, far)[1]
        np.testing.assert_array_equal(sketched.nearest(query, 200, far)[1], expected)


@settings(deadline=None, max_examples=25)
@given(
    count=st.integers(0, 300),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
    sketched=st.booleans(),
)
def test_only_allowed_rows_are_found_each_once_and_as_many_as_asked(
    vectors_of_property: tuple[CodedVectors, CodedVectors],
    count: int,
    share: float,
    seed: int,
    sketched: bool,
) -> None:
    coded = vectors_of_property[sketched]
    generator = np.random.default_rng(seed)
    allowed = generator.random(coded.count) < share
    query = generator.normal(size=coded.size).astype(np.float32)
    scores, rows = coded.nearest(query / np.linalg.norm(query), count, allowed)
    assert len(rows) == len(set(rows)) == len(scores) == min(count, int(allowed.sum()))
    assert allowed[rows].all()
    assert (np.diff(scores) <= 0).all()


@pytest.fixture(scope="module")
def vectors_of_property(vectors: NDArray[np.float32]) -> tuple[CodedVectors, CodedVectors]:
    return _coded(vectors, NOT_SKETCHED), _coded(vectors, SKETCHED)


def test_scores_estimate_cosines(
    coded: CodedVectors, vectors: NDArray[np.float32], queries: NDArray[np.float32]
) -> None:
    for query in queries:
        scores, rows = coded.nearest(query, COUNT)
        differences = scores - vectors[rows] @ query
        assert abs(differences.mean()) < 0.01
        assert differences.std() < 0.08


def test_a_query_may_be_zero_in_a_part(
    coded: CodedVectors, vectors: NDArray[np.float32], queries: NDArray[np.float32]
) -> None:
    padded = queries.copy()
    padded[:, : SIZE // 2] = 0
    found = [
        np.isin(_best(vectors, query, 20), coded.nearest(query, 800)[1]).mean() for query in padded
    ]
    assert np.mean(found) >= 0.9


def test_arrays_make_the_same_again(coded: CodedVectors, queries: NDArray[np.float32]) -> None:
    again = CodedVectors.from_arrays(coded.arrays(), COUNT, SIZE)
    assert again.nbytes == coded.nbytes
    for query in queries:
        for first, second in zip(coded.nearest(query, 50), again.nearest(query, 50), strict=True):
            np.testing.assert_array_equal(first, second)
    for name, values in coded.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], values)


def test_arrays_stay_when_the_codes_are_gone(vectors: NDArray[np.float32]) -> None:
    coded = _coded(vectors)
    arrays = coded.arrays()
    before = arrays["codes"].copy()
    del coded
    _coded(vectors[::-1])
    np.testing.assert_array_equal(arrays["codes"], before)


def test_a_row_of_codes_is_one_vector_and_may_be_zeroed(
    coded: CodedVectors, queries: NDArray[np.float32]
) -> None:
    arrays = coded.arrays()
    codes = arrays["codes"].copy()
    assert len(codes) == COUNT
    assert codes.any(axis=1).all()
    erased = coded.nearest(queries[0], 5)[1]
    codes[erased] = 0
    changed = CodedVectors.from_arrays({**arrays, "codes": codes}, COUNT, SIZE)
    allowed = np.ones(COUNT, np.bool_)
    allowed[erased] = False
    for query in queries:
        expected = coded.nearest(query, 20, allowed)[1]
        np.testing.assert_array_equal(changed.nearest(query, 20, allowed)[1], expected)


def test_vectors_that_vary_everywhere_get_no_sketches() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((COUNT, 1024), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert not _has_sketches(_coded(vectors, SKETCHED))


def test_vectors_of_few_dimensions_get_no_sketches() -> None:
    vectors = np.random.default_rng(0).standard_normal((COUNT, 64), dtype=np.float32)
    assert not _has_sketches(_coded(vectors, SKETCHED))


def test_a_code_takes_at_most_a_sixteenth_of_its_vector() -> None:
    vectors = np.concatenate(list(ClusteredVectors(COUNT, 2048).blocks()))
    assert len(_coded(vectors, SKETCHED).arrays()["codes"][0]) <= 4 * 2048 / 16


def test_searches_from_several_threads_agree(
    coded: CodedVectors, queries: NDArray[np.float32]
) -> None:
    expected = [coded.nearest(query, 50)[1] for query in queries]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: coded.nearest(queries[n % 20], 50)[1], range(200)))
    for number, rows in enumerate(found):
        np.testing.assert_array_equal(rows, expected[number % 20])


def test_no_vectors_are_no_candidates() -> None:
    coded = CodedVectors.build(list, 0, 64)
    assert coded.count == 0
    assert coded.nearest(np.eye(64, dtype=np.float32)[0], 5)[1].tolist() == []
    again = CodedVectors.from_arrays(coded.arrays(), 0, 64)
    assert again.nearest(np.eye(64, dtype=np.float32)[0], 5)[1].tolist() == []


def test_other_vectors_than_announced_are_refused(vectors: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="6001 vectors were announced, 6000 came"):
        CodedVectors.build(lambda: [vectors], COUNT + 1, SIZE)


@pytest.mark.parametrize(("count", "size"), [(COUNT - 1, SIZE), (COUNT, SIZE + 8)])
def test_arrays_of_other_vectors_are_refused(coded: CodedVectors, count: int, size: int) -> None:
    with pytest.raises(ValueError, match="Codes of shape"):
        CodedVectors.from_arrays(coded.arrays(), count, size)


def test_there_are_more_candidates_than_results_but_no_more_than_rows() -> None:
    assert candidates_for(20, 10**6) == 200
    assert candidates_for(100, 10**6) == 1000
    assert candidates_for(100, 300) == 300
