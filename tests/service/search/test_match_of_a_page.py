"""`match` of an answer: false only where no record that the search could find is a match."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.embedding.query import Query
from service.gallery.filters.filter import Filter
from service.gallery.gallery import Gallery
from service.search.finding import FoundPage, Wanted, find_page, find_re_ranked
from service.search.input import ReRanking
from service.search.pages import PageStart
from service.search.presentation import page_match, page_warnings
from service.search.ranked import RankedSearch
from service.search.thresholds import Judge, Thresholds
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, MASKS, new_record
from tests.service.search.matches import CALIBRATION, RATE, query_features
from vreid.bundle import Bundle, write_manifest
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy

COMPLETE = (True, True, True)
RGB_ONLY = (True, False, False)

# Where, by the tables, RGB alone is ranked in another order than it is accepted in.
LIKENESS = (0.0, 0.375, 0.5, 0.625, 0.8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose tables give one cosine another probability for RGB alone."""
    directory = tmp_path_factory.mktemp("bundle")
    tiny = make_tiny_bundle(directory, FEATURE_SIZE)
    write_manifest(directory, replace(tiny.manifest, calibration=CALIBRATION))
    return Bundle.load(directory)


@pytest.fixture(scope="module")
def various(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A gallery of records like the query and unlike it, with every mask, half of them RGB."""
    directory = tmp_path_factory.mktemp("various")
    with Gallery.open(directory, bundle, follow_interval=None) as gallery:
        gallery.add_all(
            [
                new_record(
                    features=like_the_query(LIKENESS[number // 2 % 5], seed=number),
                    mask=RGB_ONLY if number % 2 else MASKS[number // 2 % 7],
                    identity=f"v{number % 4}" if number % 5 else None,
                    camera=str(number),
                )
                for number in range(40)
            ]
        )
        yield gallery


@pytest.fixture
def two(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A complete record that ranks first by probability, and one of RGB that scores higher."""
    with Gallery.open(tmp_path_factory.mktemp("two"), bundle, follow_interval=None) as gallery:
        gallery.add_all(
            [
                new_record(features=like_the_query(0.6, seed=1), mask=COMPLETE, id="complete"),
                new_record(features=query_features(), mask=RGB_ONLY, id="rgb"),
            ]
        )
        yield gallery


def like_the_query(cosine: float, seed: int) -> NDArray[np.float32]:
    """Features (3, D), each at about this cosine to the query's."""
    query = query_features()
    other = np.random.default_rng(seed).normal(size=query.shape)
    length = np.linalg.norm(query, axis=1, keepdims=True)
    other -= (other * query).sum(axis=1, keepdims=True) / length**2 * query
    other *= length / np.linalg.norm(other, axis=1, keepdims=True)
    mixed: NDArray[np.float32] = (cosine * query + np.sqrt(1 - cosine**2) * other).astype("f4")
    return mixed


def search_of(
    gallery: Gallery,
    policy: ResolvedPolicy = "shared",
    mask: tuple[bool, ...] = COMPLETE,
    conditions: Filter | None = None,
) -> RankedSearch:
    query = Query(query_features(), np.array(mask))
    return RankedSearch(gallery, query, policy, conditions, gallery.sequence)


def judge_of(search: RankedSearch, thresholds: Thresholds) -> Judge:
    return Judge(thresholds, search.query.mask, search.policy, CALIBRATION)


def shown(page: FoundPage) -> list[str]:
    return [group.samples[0].match.record.id for group in page.groups]


THRESHOLDS = st.one_of(
    st.builds(Thresholds, st.floats(0.3, 0.8), st.none(), st.none(), st.booleans()),
    st.builds(
        Thresholds,
        st.none() | st.floats(-1, 1),
        st.none() | st.floats(0, 1),
        st.sampled_from([RATE, 0.5]),
        st.booleans(),
    ),
)


@settings(deadline=None)
@given(
    cameras=st.lists(st.integers(0, 39).map(str), min_size=1, max_size=5),
    policy=st.sampled_from(["shared", "shared", "shared", *RESOLVED_POLICIES]),
    mask=st.sampled_from([COMPLETE, (True, True, False), RGB_ONLY, (False, True, False)]),
    thresholds=THRESHOLDS,
    wanted=st.builds(Wanted, st.sampled_from([1, 1, 9]), st.booleans(), st.integers(1, 2)),
    candidates=st.sampled_from([None, 1, 9]),
)
def test_no_match_is_never_said_of_a_gallery_with_a_match(
    various: Gallery,
    cameras: list[str],
    policy: ResolvedPolicy,
    mask: tuple[bool, ...],
    thresholds: Thresholds,
    wanted: Wanted,
    candidates: int | None,
) -> None:
    conditions = Filter(camera=tuple(cameras))
    search = search_of(various, policy, mask, conditions)
    judge = judge_of(search, thresholds)
    if candidates is None:
        page = find_page(search, judge, wanted, PageStart(search.as_of))
    else:
        page = find_re_ranked(search, judge, wanted, ReRanking(candidates=candidates))
    told = page_match(page, judge)
    query = search.query
    found = various.search(query.features, query.mask, 50, policy, conditions)
    every = [judge.verdict(match) for match in found]
    if told is False:
        assert set(every) <= {False}
    if told is True:
        assert True in [sample.verdict for group in page.groups for sample in group.samples]
    looked_at_all = candidates in (None, 9) and wanted.count == 9
    if looked_at_all and judge.pair_keys() and set(every) <= {False}:
        assert told is False


@pytest.mark.parametrize("cuts", [True, False])
@pytest.mark.parametrize("re_ranking", [None, ReRanking(candidates=1)])
def test_no_match_is_said_of_two_records_only_where_neither_is_one(
    various: Gallery, cuts: bool, re_ranking: ReRanking | None
) -> None:
    told = dict.fromkeys([True, False, None], 0)
    conditions = [(0.45, None), (0.55, None), (0.7, None), (None, RATE)]
    for pair in combinations(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], 2):
        search = search_of(various, conditions=Filter(camera=pair))
        query = search.query
        both = various.search(query.features, query.mask, 2, "shared", search.conditions)
        for min_score, rate in conditions:
            judge = judge_of(search, Thresholds(min_score, None, rate, cuts))
            if re_ranking is None:
                page = find_page(search, judge, Wanted(1), PageStart(search.as_of))
            else:
                page = find_re_ranked(search, judge, Wanted(1), re_ranking)
            told[page_match(page, judge)] += 1
            if page_match(page, judge) is False:
                assert {judge.verdict(match) for match in both} == {False}
    assert told[True]
    assert told[False]
    assert told[None] or (cuts and re_ranking is None)


def test_too_few_candidates_say_nothing_about_a_match(two: Gallery) -> None:
    search = search_of(two)
    judge = judge_of(search, Thresholds(0.9, None, None, cuts=True))
    few = find_re_ranked(search, judge, Wanted(1), ReRanking(candidates=1))
    assert (shown(few), page_match(few, judge)) == ([], None)
    [warning] = page_warnings(few)
    assert "raise rerank.candidates" in warning
    enough = find_re_ranked(search, judge, Wanted(1), ReRanking(candidates=2))
    assert (shown(enough), page_match(enough, judge)) == (["rgb"], True)
    assert page_warnings(enough) == []


def test_candidates_behind_which_nothing_can_match_are_enough(two: Gallery) -> None:
    two.delete("rgb")
    two.add(new_record(features=like_the_query(0.1, seed=2), mask=COMPLETE))
    search = search_of(two)
    judge = judge_of(search, Thresholds(0.9, None, None, cuts=True))
    page = find_re_ranked(search, judge, Wanted(1), ReRanking(candidates=1))
    assert (shown(page), page_match(page, judge), page_warnings(page)) == ([], False, [])


def test_a_page_before_one_that_may_hold_a_match_does_not_say_no_match(two: Gallery) -> None:
    search = search_of(two)
    judge = judge_of(search, Thresholds(0.9, None, None, cuts=False))
    first = find_page(search, judge, Wanted(1), PageStart(search.as_of))
    assert (shown(first), page_match(first, judge)) == (["complete"], None)
    assert first.next_start is not None
    second = find_page(search, judge, Wanted(1), first.next_start)
    assert (shown(second), page_match(second, judge)) == (["rgb"], True)


def test_a_page_behind_which_nothing_can_match_says_no_match(two: Gallery) -> None:
    two.delete("rgb")
    two.add(new_record(features=like_the_query(0.1, seed=2), mask=COMPLETE))
    search = search_of(two, "center")
    judge = judge_of(search, Thresholds(1.0, None, None, cuts=False))
    first = find_page(search, judge, Wanted(1), PageStart(search.as_of))
    assert first.next_start is not None
    assert page_match(first, judge) is False
