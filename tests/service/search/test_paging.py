"""Pages of one search make up its ranking, whatever is stored and deleted between them."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.embedding.query import Query
from service.gallery.gallery import Gallery
from service.gallery.index.index import SearchIndex
from service.gallery.query import MAX_RESULTS, Position
from service.gallery.record import Record
from service.gallery.store.store import GalleryStore
from service.request_errors import InvalidRequest
from service.search.finding import FoundPage, Wanted, find_page
from service.search.pages import PageStart, decode_cursor, encode_cursor
from service.search.ranked import RankedSearch
from service.search.thresholds import Judge, Thresholds
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, MASKS, new_record
from tests.service.search.matches import query_features
from vreid.bundle import Bundle
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy
from vreid.scoring import score

DIGEST = bytes(16)
NO_THRESHOLD = Thresholds(None, None, 0.001, cuts=False)

NEW = st.tuples(
    st.integers(0, 6), st.sampled_from(MASKS), st.none() | st.sampled_from(["a", "b", "c"])
)
CHANGES = st.lists(st.one_of(NEW, st.integers(0, 30)), max_size=4)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("paged"), FEATURE_SIZE)


@pytest.fixture
def gallery(bundle: Bundle, tmp_path: Path) -> Iterator[Gallery]:
    with Gallery.open(tmp_path / "gallery", bundle, follow_interval=None) as opened:
        yield opened


@dataclass
class Model:
    """What the gallery holds, in the order of storing."""

    gallery: Gallery
    records: dict[str, Record] = field(default_factory=dict)
    stored: int = 0

    def change(self, change: "int | tuple[int, tuple[bool, bool, bool], str | None]") -> None:
        """Store a record, or delete the one at a place of the list, if there are so many."""
        if isinstance(change, int):
            if change < len(self.records):
                self.gallery.delete(record_id := list(self.records)[change])
                del self.records[record_id]
            return
        seed, mask, identity = change
        self.stored += 1
        new = new_record(seed, mask, id=f"r{self.stored}", identity=identity)
        self.records[f"r{self.stored}"] = self.gallery.add(new)

    def ranking(self, query: Query, policy: ResolvedPolicy, bundle: Bundle) -> list[Record]:
        """Every record that the policy compares, best first, as `vreid.scoring` ranks them."""
        records = list(self.records.values())
        if not records:
            return []
        scores = score(
            query.features[None],
            query.mask[None],
            np.stack([each.features for each in records]),
            np.stack([each.mask for each in records]),
            policy,
            bundle.manifest.calibration,
        )
        order = np.argsort(-scores.ranking_key[0], kind="stable")
        return [records[row] for row in order if scores.valid[0, row]]


def search_of(gallery: Gallery, query: Query, policy: ResolvedPolicy) -> RankedSearch:
    return RankedSearch(gallery, query, policy, None, gallery.sequence)


def judge_of(
    query: Query, policy: ResolvedPolicy, bundle: Bundle, thresholds: Thresholds = NO_THRESHOLD
) -> Judge:
    return Judge(thresholds, query.mask, policy, bundle.manifest.calibration)


def next_start(page: FoundPage) -> PageStart | None:
    """Where the next page begins, as a client hands it back."""
    if page.next_start is None:
        return None
    return decode_cursor(encode_cursor(page.next_start, DIGEST), DIGEST)


def first_ids(page: FoundPage) -> list[str]:
    return [group.samples[0].match.record.id for group in page.groups]


@settings(deadline=None, max_examples=80)
@given(
    begin=st.lists(NEW, max_size=20),
    between=st.lists(CHANGES, min_size=1, max_size=5),
    policy=st.sampled_from(RESOLVED_POLICIES),
    mask=st.sampled_from(MASKS),
    size=st.integers(1, 5),
    by_identity=st.booleans(),
    is_sealed=st.booleans(),
)
def test_pages_are_the_ranking_of_the_first_page_without_what_was_deleted(
    bundle: Bundle,
    begin: list[tuple[int, tuple[bool, bool, bool], str | None]],
    between: list[list[int | tuple[int, tuple[bool, bool, bool], str | None]]],
    policy: ResolvedPolicy,
    mask: tuple[bool, bool, bool],
    size: int,
    by_identity: bool,
    is_sealed: bool,
) -> None:
    query = Query(query_features(), np.array(mask))
    judge = judge_of(query, policy, bundle)
    # With bounds so small, segments and codes take part and not the exact scan alone.
    small = SearchIndex(FEATURE_SIZE, exact_rows=0, tail_rows=2, seal_rows=8)
    index = small if is_sealed else SearchIndex(FEATURE_SIZE)
    with (
        tempfile.TemporaryDirectory() as directory,
        Gallery(
            GalleryStore.open(Path(directory), bundle.fingerprint, FEATURE_SIZE), bundle, index
        ) as gallery,
    ):
        model = Model(gallery)
        for record in begin:
            model.change(record)
        search = search_of(gallery, query, policy)
        left = model.ranking(query, policy, bundle)
        shown: set[str] = set()
        start: PageStart | None = PageStart(search.as_of)
        for changes in [*between, *([[]] * (len(begin) + 1))]:
            assert start is not None
            left = [record for record in left if record.id in model.records]
            page = find_page(search, judge, Wanted(size, by_identity, 3), start)
            expected, left = expected_page(left, size, by_identity, shown)
            assert first_ids(page) == expected
            start = next_start(page)
            if start is None:
                assert not [record for record in left if record.identity not in shown]
                break
            for change in changes:
                model.change(change)
            index.step()
        assert start is None


def expected_page(
    left: list[Record], size: int, by_identity: bool, shown: set[str]
) -> tuple[list[str], list[Record]]:
    """The best record of each of the next results, and what comes behind the last of them."""
    page: list[str] = []
    behind = 0
    for place, record in enumerate(left, 1):
        if by_identity and record.identity in shown:
            continue
        if len(page) == size:
            return page, left[behind:]
        page.append(record.id)
        behind = place
        if by_identity and record.identity is not None:
            shown.add(record.identity)
    return page, []


def test_a_threshold_leaves_out_and_the_pages_go_on_behind_it(
    gallery: Gallery, bundle: Bundle
) -> None:
    model = Model(gallery)
    for seed in range(30):
        model.change((seed, MASKS[seed % 7], None))
    query = Query(query_features(), np.ones(3, dtype=np.bool_))
    judge = judge_of(query, "shared", bundle, Thresholds(0.05, None, None, cuts=True))
    search = search_of(gallery, query, "shared")
    expected = [
        match.record.id
        for match in gallery.search(query.features, query.mask, 30, "shared")
        if match.score >= 0.05
    ]
    assert 5 < len(expected) < 25
    found: list[str] = []
    start: PageStart | None = PageStart(search.as_of)
    while start is not None:
        page = find_page(search, judge, Wanted(2), start)
        assert not page.is_cut_short
        found += first_ids(page)
        assert start.rank + len(page.groups) == len(found)
        start = next_start(page)
    assert found == expected


def test_a_page_looks_at_a_bounded_number_of_records_and_the_next_one_goes_on(
    gallery: Gallery, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.search.finding.LOOKED_AT", 6)
    model = Model(gallery)
    for number in range(20):
        model.change((number, (True, True, True), "a" if number else "b"))
    query = Query(query_features(), np.ones(3, dtype=np.bool_))
    judge = judge_of(query, "concat", bundle)
    search = search_of(gallery, query, "concat")
    identities: list[str | None] = []
    pages = 0
    start: PageStart | None = PageStart(search.as_of)
    while start is not None:
        page = find_page(search, judge, Wanted(3, by_identity=True), start)
        assert page.searched <= 6
        assert page.is_cut_short == (page.next_start is not None)
        identities += [group.identity for group in page.groups]
        start = next_start(page)
        pages += 1
    assert sorted(map(str, identities)) == ["a", "b"]
    assert pages == 4


def test_the_records_of_the_query_are_left_out_of_every_page(
    gallery: Gallery, bundle: Bundle
) -> None:
    model = Model(gallery)
    for seed in range(8):
        model.change((seed, (True, True, True), None))
    ids = frozenset({"r2", "r5"})
    query = Query(query_features(), np.ones(3, dtype=np.bool_), excluded_ids=ids)
    search = search_of(gallery, query, "concat")
    found: list[str] = []
    start: PageStart | None = PageStart(search.as_of)
    while start is not None:
        page = find_page(search, judge_of(query, "concat", bundle), Wanted(4), start)
        found += first_ids(page)
        start = next_start(page)
    ranking = [record.id for record in model.ranking(query, "concat", bundle)]
    assert found == [each for each in ranking if each not in ids]


def test_a_page_beyond_the_depth_of_every_search_is_refused(
    gallery: Gallery, bundle: Bundle
) -> None:
    query = Query(query_features(), np.ones(3, dtype=np.bool_))
    search = search_of(gallery, query, "concat")
    start = PageStart(search.as_of, Position(MAX_RESULTS, 0.5, 1))
    with pytest.raises(InvalidRequest, match=f"beyond the {MAX_RESULTS} best records"):
        find_page(search, judge_of(query, "concat", bundle), Wanted(1), start)


def test_the_last_page_of_every_search_says_that_there_may_be_more(
    gallery: Gallery, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("finding", "ranked"):
        monkeypatch.setattr(f"service.search.{module}.MAX_RESULTS", 5)
    model = Model(gallery)
    for seed in range(8):
        model.change((seed, (True, True, True), None))
    query = Query(query_features(), np.ones(3, dtype=np.bool_))
    search, judge = search_of(gallery, query, "concat"), judge_of(query, "concat", bundle)
    first = find_page(search, judge, Wanted(3), PageStart(search.as_of))
    assert first.next_start is not None
    second = find_page(search, judge, Wanted(3), first.next_start)
    assert (len(first.groups), len(second.groups)) == (3, 2)
    assert second.next_start is not None
    with pytest.raises(InvalidRequest, match="beyond the 5 best records"):
        find_page(search, judge, Wanted(3), second.next_start)
