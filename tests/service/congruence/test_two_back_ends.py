"""The gallery in a directory against the gallery in Milvus: whatever is done to both, both do."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.typing import NDArray

from service.errors import GalleryError
from service.gallery.address import MilvusAddress
from service.gallery.filters.filter import Filter
from service.gallery.gallery import Gallery, Match
from service.gallery.opening import open_records
from service.gallery.protocol import GalleryProtocol
from service.gallery.query import Position
from service.gallery.record import Labels, NewRecord, Record
from service.gallery.store.deletion import Selection
from service.milvus.collection import prepare
from service.milvus.connection import Connection
from service.milvus.gallery import MilvusGallery
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, MASKS, new_record, random_features
from tests.service.gallery.filter_strategies import LABELS, filters, records
from vreid.bundle import Bundle
from vreid.modality import MODALITIES, Modality
from vreid.policy import POLICIES, Policy

Query: TypeAlias = tuple[NDArray[np.float32], NDArray[np.bool_]]

IDS = [f"r{number}" for number in range(12)]
EXAMPLES = 30
OLD = datetime(2024, 5, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"), FEATURE_SIZE)


@pytest.fixture(scope="module")
def in_milvus(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> MilvusGallery:
    """A gallery that takes so few candidates that most rankings need only some of the rows."""
    file = tmp_path_factory.mktemp("milvus") / "gallery.db"
    connection = Connection(MilvusAddress(str(file), "gallery", index="FLAT"), timeout=60)
    facts = prepare(connection, bundle.manifest.fingerprint, FEATURE_SIZE)
    return MilvusGallery(connection, facts, bundle, fewest_candidates=4)


def machine_of(bundle: Bundle, in_milvus: MilvusGallery) -> type[RuleBasedStateMachine]:
    class TwoBackEnds(RuleBasedStateMachine):
        """Does everything twice, and compares what came of it."""

        @initialize()
        def open_both(self) -> None:
            self.directory = Path(tempfile.mkdtemp())
            self.in_directory = Gallery.open(self.directory, bundle, follow_interval=None)
            in_milvus.delete_selected(Selection())

        @rule(
            ids=st.lists(st.sampled_from(IDS), min_size=1, max_size=4),
            seed=st.integers(0, 5),
            masks=st.lists(st.sampled_from(MASKS), min_size=4, max_size=4),
            told=st.lists(records, min_size=4, max_size=4),
        )
        def add(
            self,
            ids: Sequence[str],
            seed: int,
            masks: Sequence[tuple[bool, bool, bool]],
            told: Sequence[Labels],
        ) -> None:
            new = [
                sighting(record_id, seed + number, masks[number], told[number])
                for number, record_id in enumerate(ids)
            ]
            self.both(lambda gallery: list(map(facts_of, gallery.add_all(new))))

        @rule(record_id=st.sampled_from(IDS))
        def delete(self, record_id: str) -> None:
            self.both(lambda gallery: gallery.delete(record_id))

        @rule(
            cameras=st.none() | st.lists(st.sampled_from(LABELS), max_size=2).map(tuple),
            others=st.none() | st.lists(st.sampled_from(LABELS), max_size=2).map(tuple),
        )
        def delete_old(
            self, cameras: tuple[str, ...] | None, others: tuple[str, ...] | None
        ) -> None:
            old = Selection(seen_before=OLD, cameras=cameras, except_cameras=others)
            self.both(lambda gallery: gallery.delete_selected(old))

        @rule(filter=filters, expected=st.none() | st.integers(0, 4))
        def delete_what_passes(self, filter: Filter, expected: int | None) -> None:
            self.both(
                lambda gallery: gallery.count_matching(filter),
                lambda gallery: gallery.delete_matching(filter, expected),
            )

        @rule(record_id=st.sampled_from(IDS), told=records)
        def relabel(self, record_id: str, told: Labels) -> None:
            in_directory = open_records(self.directory, bundle)
            self.both(
                lambda gallery: (in_milvus if gallery is in_milvus else in_directory).relabel(
                    record_id, told, None
                )
            )
            in_directory.close()
            self.in_directory.refresh()

        @rule(
            seed=st.integers(0, 7),
            mask=st.sampled_from(MASKS),
            k=st.integers(0, 8),
            policy=st.sampled_from(POLICIES),
            filter=st.none() | filters,
        )
        def search(
            self,
            seed: int,
            mask: tuple[bool, bool, bool],
            k: int,
            policy: Policy,
            filter: Filter | None,
        ) -> None:
            query = random_features(np.random.default_rng(seed)), np.array(mask)
            self.both(
                lambda gallery: found(gallery.search(*query, k, policy, filter)),
                lambda gallery: list(map(found, pages(gallery, query, max(1, k), policy, filter))),
            )

        @rule(sizes=st.sampled_from([((2, FEATURE_SIZE), 3), ((3, 1), 3), ((3, FEATURE_SIZE), 1)]))
        def search_with_another_shape(self, sizes: tuple[tuple[int, int], int]) -> None:
            shape, modalities = sizes
            query = np.ones(shape), np.zeros(modalities, dtype=np.bool_)
            whole = np.ones((3, FEATURE_SIZE)), np.zeros(3, dtype=np.bool_)
            self.both(
                lambda gallery: found(gallery.search(*query)),
                lambda gallery: found(gallery.search(*whole)),
                lambda gallery: facts_of(gallery.add(of_another_size())),
            )

        @rule(limit=st.integers(0, 5), filter=st.none() | filters)
        def list_them(self, limit: int, filter: Filter | None) -> None:
            self.both(
                lambda gallery: listing(gallery, limit, filter),
                lambda gallery: gallery.count(filter),
            )

        @rule(record_id=st.sampled_from([*IDS, "", 'x" or id != "']))
        def read(self, record_id: str) -> None:
            self.both(
                lambda gallery: facts_of(gallery.get(record_id)),
                *(
                    (lambda gallery, modality=modality: gallery.thumbnail(record_id, modality))
                    for modality in MODALITIES
                ),
            )

        @invariant()
        def as_many(self) -> None:
            if hasattr(self, "in_directory"):
                self.both(lambda gallery: gallery.count())

        def teardown(self) -> None:
            self.in_directory.close()
            shutil.rmtree(self.directory)

        def both(self, *actions: Callable[[GalleryProtocol], object]) -> None:
            for action in actions:
                here: GalleryProtocol = self.in_directory
                assert outcome(action, in_milvus) == outcome(action, here)

    return TwoBackEnds


def sighting(record_id: str, seed: int, mask: tuple[bool, bool, bool], told: Labels) -> NewRecord:
    thumbnails = {
        modality: f"{record_id} {modality} {seed}".encode()
        for modality in MODALITIES
        if mask[modality.index] and seed % 2
    }
    return new_record(
        seed,
        mask,
        id=record_id,
        identity=told.identity,
        camera=told.camera,
        scene=told.scene,
        captured_at=told.captured_at,
        attributes=told.attributes,
        content_hash=f"content {seed}",
        source={Modality("rgb"): f"é/{seed}.png"},
        thumbnails=thumbnails,
    )


def of_another_size() -> NewRecord:
    return NewRecord(features=np.ones((3, FEATURE_SIZE + 1)), mask=np.ones(3, dtype=np.bool_))


def facts_of(record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        "labels": (record.identity, record.camera, record.scene, record.captured_at),
        # A number that is whole is another text than one that is not, and true is not 1.
        "attributes": repr(sorted(record.attributes.items())),
        "mask": record.mask.tolist(),
        "features": record.features.tobytes(),
        "content_hash": record.content_hash,
        "source": record.source,
    }


def found(matches: Sequence[Match]) -> list[tuple[object, ...]]:
    return [
        (each.rank, each.record.id, each.key, each.score, each.probability, each.contributions)
        for each in matches
    ]


def pages(
    gallery: GalleryProtocol, query: Query, k: int, policy: Policy, filter: Filter | None
) -> list[list[Match]]:
    stretches: list[list[Match]] = []
    position, as_of = None, gallery.sequence
    while matches := gallery.search(*query, k, policy, filter, after=position, as_of=as_of):
        stretches.append(matches)
        last, depth = matches[-1], sum(map(len, stretches))
        position = Position(depth, last.key, last.record.sequence)
    return stretches


def listing(gallery: GalleryProtocol, limit: int, filter: Filter | None) -> list[list[str]]:
    stretches, cursor = [], None
    while True:
        page = gallery.page(cursor, limit, filter)
        stretches.append([record.id for record in page.records])
        cursor = page.next_cursor
        if cursor is None:
            return stretches


def outcome(action: Callable[[GalleryProtocol], object], gallery: GalleryProtocol) -> object:
    try:
        return action(gallery)
    except GalleryError as error:
        return type(error), str(error)


def test_do_the_same(bundle: Bundle, in_milvus: MilvusGallery) -> None:
    machine = machine_of(bundle, in_milvus).TestCase
    machine.settings = settings(max_examples=EXAMPLES, stateful_step_count=20, deadline=None)
    machine().runTest()
