"""The gallery against a dictionary: whatever is done to both, they hold and rank the same."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from service.errors import DuplicateRecord, UnknownRecord
from service.gallery.files.loading import load
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.filters.filter import Filter
from service.gallery.gallery import Gallery
from service.gallery.index.filling import fill
from service.gallery.index.index import SearchIndex
from service.gallery.query import Position
from service.gallery.record import Labels, NewRecord
from service.gallery.store.store import GalleryStore
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, MASKS, new_record
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy
from vreid.scoring import score

IDS = [f"r{number}" for number in range(8)]
CAMERAS = ["1", "2", None]


class GalleryAgainstDictionary(RuleBasedStateMachine):
    """Adds, deletes, searches and reopens; the dictionary is in the order of storing."""

    @initialize()
    def open_both(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.model_bundle = make_tiny_bundle(self.directory / "bundle", FEATURE_SIZE)
        self.model: dict[str, NewRecord] = {}
        self.batches = 0
        self.open()

    def open(self) -> None:
        """Open as `Gallery.open` does, but with limits so small that everything takes part."""
        store = GalleryStore.open(
            self.directory / "gallery", self.model_bundle.fingerprint, FEATURE_SIZE
        )
        folder = SegmentFolder(store)
        index = SearchIndex(
            FEATURE_SIZE,
            folder=folder,
            exact_rows=0,
            tail_rows=2,
            seal_rows=4,
            merge_factor=2,
            largest_rows=16,
            coded_rows=2,
        )
        self.gallery = Gallery(store, self.model_bundle, index)
        loaded = load(store, folder)
        fill(index, store, loaded)
        assert loaded.problems == ()
        self.index = index

    @rule(seeds=st.lists(st.integers(0, 5), min_size=1, max_size=12))
    def add_batch(self, seeds: list[int]) -> None:
        batch = [
            new_record(seed, MASKS[(seed + number) % len(MASKS)], id=f"b{self.batches}-{number}")
            for number, seed in enumerate(seeds)
        ]
        self.batches += 1
        self.gallery.add_all(batch)
        self.model |= {str(new.id): new for new in batch}

    @rule()
    def seal_or_merge(self) -> None:
        self.index.step()

    @rule()
    def seal_and_merge_all(self) -> None:
        while self.index.step():
            pass

    @precondition(lambda self: self.model)
    @rule(data=st.data(), camera=st.sampled_from(CAMERAS))
    def relabel(self, data: st.DataObject, camera: str | None) -> None:
        record_id = data.draw(st.sampled_from(list(self.model)))
        self.gallery.relabel(record_id, Labels(camera=camera), None)
        # It is the newest now.
        self.model[record_id] = replace(self.model.pop(record_id), camera=camera)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), seed=st.integers(0, 5), policy=st.sampled_from(RESOLVED_POLICIES))
    def pages(self, data: st.DataObject, seed: int, policy: ResolvedPolicy) -> None:
        query, as_of = new_record(seed), self.gallery.sequence
        size = data.draw(st.integers(1, 7))
        found: list[str] = []
        after = None
        while page := self.gallery.search(
            query.features, query.mask, size, policy, after=after, as_of=as_of
        ):
            found += [match.record.id for match in page]
            after = Position(len(found), page[-1].key, page[-1].record.sequence)
            if len(found) == size:
                # Everybody's first: it belongs to no page of a ranking that began before.
                self.gallery.add(new_record(seed, id="late"))
                self.gallery.delete("late")
                self.gallery.add(new_record(seed, id=f"late-{self.batches}"))
                self.batches += 1
        late = [each for each in self.listed() if each not in self.model]
        assert found == self.ranking(query, self.model, policy)
        for record_id in late:
            self.gallery.delete(record_id)

    def listed(self) -> list[str]:
        return [record.id for record in self.gallery.page(limit=1000).records]

    @rule(
        record_id=st.sampled_from(IDS),
        seed=st.integers(0, 5),
        mask=st.sampled_from(MASKS),
        camera=st.sampled_from(CAMERAS),
    )
    def add(
        self, record_id: str, seed: int, mask: tuple[bool, bool, bool], camera: str | None
    ) -> None:
        new = new_record(seed, mask, id=record_id, camera=camera)
        if record_id in self.model:
            with pytest.raises(DuplicateRecord):
                self.gallery.add(new)
        else:
            assert self.gallery.add(new).id == record_id
            self.model[record_id] = new

    @rule(record_id=st.sampled_from(IDS))
    def delete(self, record_id: str) -> None:
        if record_id in self.model:
            self.gallery.delete(record_id)
            del self.model[record_id]
        else:
            with pytest.raises(UnknownRecord):
                self.gallery.delete(record_id)

    @rule()
    def reopen(self) -> None:
        self.gallery.close()
        self.open()

    @rule(
        seed=st.integers(0, 5),
        mask=st.sampled_from(MASKS),
        policy=st.sampled_from(RESOLVED_POLICIES),
        k=st.integers(1, 9),
        camera=st.sampled_from(CAMERAS),
    )
    def search(
        self,
        seed: int,
        mask: tuple[bool, bool, bool],
        policy: ResolvedPolicy,
        k: int,
        camera: str | None,
    ) -> None:
        query = new_record(seed, mask)
        conditions = None if camera is None else Filter(camera=(camera,))
        matches = self.gallery.search(query.features, query.mask, k, policy, conditions)
        kept = {
            record_id: new
            for record_id, new in self.model.items()
            if camera is None or new.camera == camera
        }
        assert [match.record.id for match in matches] == self.ranking(query, kept, policy)[:k]

    def ranking(
        self, query: NewRecord, records: dict[str, NewRecord], policy: ResolvedPolicy
    ) -> list[str]:
        if not records:
            return []
        scores = score(
            query.features[None],
            query.mask[None],
            np.stack([new.features for new in records.values()]),
            np.stack([new.mask for new in records.values()]),
            policy,
            self.model_bundle.manifest.calibration,
        )
        order = np.argsort(-scores.ranking_key[0], kind="stable")
        return [list(records)[row] for row in order if scores.valid[0, row]]

    @invariant()
    def both_hold_the_same(self) -> None:
        if not hasattr(self, "gallery"):
            return
        assert self.gallery.count() == len(self.model)
        records = self.gallery.page(limit=1000).records
        assert [record.id for record in records] == list(self.model)
        for record, new in zip(records, self.model.values(), strict=True):
            assert record.camera == new.camera
            assert np.array_equal(record.mask, new.mask)
            assert np.array_equal(record.features, new.features)

    def teardown(self) -> None:
        if hasattr(self, "gallery"):
            self.gallery.close()
            shutil.rmtree(self.directory)


TestGalleryAgainstDictionary = GalleryAgainstDictionary.TestCase
TestGalleryAgainstDictionary.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None
)
