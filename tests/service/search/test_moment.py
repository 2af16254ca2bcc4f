"""What other processes stored is searched from the moment they stored it."""

from pathlib import Path

import httpx
import numpy as np
import pytest

from service.gallery.gallery import Gallery
from service.gallery.store.store import GalleryStore
from service.request_errors import InvalidRequest
from service.running import Running
from service.search.moment import follow_others, refuse_unknown_moment
from service.search.pages import PageStart
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, new_record, random_features
from tests.service.search.served_gallery import ids, search


def test_a_search_follows_what_another_process_stored_before_it(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", FEATURE_SIZE)
    directory = tmp_path / "gallery"
    with Gallery.open(directory, bundle, follow_interval=None) as gallery:
        other = GalleryStore.open(directory, bundle.fingerprint, FEATURE_SIZE)
        other.add([new_record(1, id="a"), new_record(1, id="b")])
        other.close()
        stored = gallery.get("a")
        assert gallery.sequence < stored.sequence
        follow_others(gallery)
        found = gallery.search(stored.features, stored.mask, 5)
        assert [match.record.id for match in found] == ["a", "b"]


def test_a_record_that_was_just_imported_finds_those_imported_with_it(
    service: tuple[httpx.Client, Running], tmp_path: Path
) -> None:
    client, running = service
    facts = running.gallery.info()
    size = facts.feature_size
    other = GalleryStore.open(tmp_path / "gallery", facts.fingerprint, size)
    for number in range(5):
        features = random_features(np.random.default_rng(number), size)
        other.add([new_record(features=features, id=f"{number}-{camera}") for camera in ("a", "b")])
        answer = search(client, id=f"{number}-a", k=1)
        assert (ids(answer), answer["match"]) == ([f"{number}-b"], True)
    other.close()


def test_a_cursor_that_saw_what_the_gallery_has_not_is_refused(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", FEATURE_SIZE)
    with Gallery.open(tmp_path / "gallery", bundle, follow_interval=None) as gallery:
        gallery.add(new_record())
        refuse_unknown_moment(PageStart(gallery.sequence), gallery)
        with pytest.raises(InvalidRequest, match="cursor: has seen") as error:
            refuse_unknown_moment(PageStart(gallery.sequence + 1), gallery)
        assert [problem.field for problem in error.value.problems] == ["cursor"]
