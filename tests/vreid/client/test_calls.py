from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.redis_server import running_redis
from tests.service.serving import running_service
from tests.service.vehicles import picture
from tests.vreid.client.asking import Asking, Kind, asking
from tests.vreid.client.seen import seen, sighted
from vreid.bundle import Bundle
from vreid.client import Conflict, Images, IngestUnfinished, NotThere, Sighting
from vreid.decoding import decode_image
from vreid.modality import Modality

VEHICLES = 4


def enrol_vehicles(asked: Asking, camera: str) -> None:
    """Two sightings of each vehicle."""
    sightings = [
        sighted(
            identity,
            sighting,
            Sighting(
                id=f"{camera}-{identity}-{sighting}",
                identity=f"{camera}-{identity}",
                camera=camera,
                attributes={"number": identity},
            ),
        )
        for identity in range(VEHICLES)
        for sighting in range(2)
    ]
    assert asked.ask(lambda client: client.enrol_many(sightings)).stored == 2 * VEHICLES


def test_an_embedding_has_the_representations_and_the_model(asked: Asking) -> None:
    full, thermal = seen(1), Images(tir=picture(2, 0, Modality.TIR))
    answer = asked.ask(lambda client: client.embed(full, thermal, features=True))
    assert answer.model.fingerprint == asked.ask(lambda client: client.info()).model.fingerprint
    first, second = answer.samples
    assert first.mask.array().tolist() == [True, True, True]
    assert second.mask.modalities == (Modality.TIR,)
    assert first.center.dtype == np.float32
    assert np.linalg.norm(first.center) == pytest.approx(1)
    assert first.concat is not None
    assert first.concat.shape == (3 * len(first.center),)
    assert second.concat is None
    assert second.features is not None
    assert [row is None for row in second.features] == [True, True, False]


def test_one_sample_is_embedded_alike_alone_and_among_others(asked: Asking) -> None:
    one, other = seen(3), seen(4)
    alone = asked.ask(lambda client: client.embed(one))
    among = asked.ask(lambda client: client.embed(other, one))
    np.testing.assert_array_equal(alone.samples[0].center, among.samples[1].center)


def test_paths_bytes_and_pixels_are_the_same_image(asked: Asking, tmp_path: Path) -> None:
    data = picture(5)
    path = tmp_path / "rgb.png"
    path.write_bytes(data)
    kinds = [Images(rgb=each) for each in (data, path, str(path), decode_image(data))]
    answer = asked.ask(lambda client: client.embed(*kinds))
    for sample in answer.samples[1:]:
        np.testing.assert_array_equal(sample.center, answer.samples[0].center)


def test_a_radiometric_array_keeps_its_levels(asked: Asking, tmp_path: Path) -> None:
    levels = np.random.default_rng(1).integers(7000, 9000, (24, 48)).astype(np.uint16)
    path = tmp_path / "tir.tiff"
    Image.fromarray(levels).save(path)
    answer = asked.ask(lambda client: client.embed(Images(tir=levels), Images(tir=path)))
    np.testing.assert_array_equal(answer.samples[0].center, answer.samples[1].center)


def test_a_search_finds_the_vehicle_and_tells_what_is_known(asked: Asking, camera: str) -> None:
    enrol_vehicles(asked, camera)
    query = seen(2, 9)
    found = asked.ask(
        lambda client: client.search(
            query, k=2, policy="center", filter={"camera": camera}, explain=True
        )
    )
    assert [result.identity for result in found.results] == [f"{camera}-2"] * 2
    first = found.results[0]
    assert first.rank == 1
    assert first.attributes == {"number": 2}
    assert sum(first.contributions.values()) == pytest.approx(first.score)
    assert found.policy == "center"
    assert found.match is True
    assert first.explanation is not None
    assert first.explanation.representation == "center:rgb+nir+tir|rgb+nir+tir"


def test_images_records_and_embeddings_are_fused(asked: Asking, camera: str) -> None:
    enrol_vehicles(asked, camera)
    embedded = asked.ask(lambda client: client.embed(seen(1, 7), features=True))
    found = asked.ask(
        lambda client: client.search(
            Images(rgb=picture(1, 8)),
            Images(nir=picture(1, 8, Modality.NIR)),
            *embedded.embeddings(),
            id=[f"{camera}-1-0"],
            filter={"camera": camera},
        )
    )
    assert found.query.mask.modalities == (Modality.RGB, Modality.NIR, Modality.TIR)
    assert found.results[0].id == f"{camera}-1-1"
    assert f"{camera}-1-0" not in [result.id for result in found.results]


def test_a_query_s_embedding_finds_what_its_images_find(asked: Asking, camera: str) -> None:
    enrol_vehicles(asked, camera)
    by_image = asked.ask(
        lambda client: client.search(seen(3, 5), features=True, filter={"camera": camera})
    )
    embedding = by_image.query.embedding
    assert embedding is not None
    by_embedding = asked.ask(lambda client: client.search(embedding, filter={"camera": camera}))
    assert by_embedding.results == by_image.results


def test_thresholds_groups_and_re_ranking_are_passed_on(asked: Asking, camera: str) -> None:
    enrol_vehicles(asked, camera)
    query = seen(0, 5)
    grouped = asked.ask(
        lambda client: client.search(
            query, group_by="identity", group_size=1, filter={"camera": camera}
        )
    )
    assert sorted(str(each.identity) for each in grouped.results) == [
        f"{camera}-{identity}" for identity in range(VEHICLES)
    ]
    assert [each.group and len(each.group.samples) for each in grouped.results] == [1] * VEHICLES
    cut = asked.ask(
        lambda client: client.search(query, min_score=0.999999, filter={"camera": camera})
    )
    assert cut.threshold.cuts
    assert cut.results == ()
    assert cut.match is False
    again = asked.ask(
        lambda client: client.search(query, rerank={"candidates": 20}, filter={"camera": camera})
    )
    assert all(each.rerank is not None for each in again.results)


@pytest.mark.parametrize("by_id", [False, True])
def test_pages_go_through_the_ranking_once(asked: Asking, camera: str, by_id: bool) -> None:
    enrol_vehicles(asked, camera)
    query = () if by_id else (seen(1, 5),)
    record = f"{camera}-1-0" if by_id else None
    whole = asked.ask(
        lambda client: client.search(*query, id=record, k=50, filter={"camera": camera})
    )
    pages = asked.all_of(
        lambda client: client.search_pages(*query, id=record, k=3, filter={"camera": camera})
    )
    assert [len(page.results) for page in pages] == [3, 3, 1 if by_id else 2]
    assert [each.id for page in pages for each in page.results] == [
        each.id for each in whole.results
    ]
    assert [each.rank for page in pages for each in page.results] == [
        each.rank for each in whole.results
    ]


def test_a_comparison_has_a_verdict(asked: Asking) -> None:
    same = asked.ask(lambda client: client.compare(seen(1), seen(1, 2)))
    assert same.verdict is not None
    assert same.verdict.same
    unlike = asked.ask(
        lambda client: client.compare(
            Images(rgb=picture(1)), Images(tir=picture(6, 0, Modality.TIR)), policy="center"
        )
    )
    assert unlike.policy == "center"
    assert unlike.a.modalities == (Modality.RGB,)
    assert unlike.score < same.score


def test_a_record_is_enrolled_read_corrected_and_deleted(asked: Asking, camera: str) -> None:
    captured_at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    told = Sighting(id=camera, camera="gate", captured_at=captured_at, attributes={"lane": 2})
    sighting = sighted(1, told=told)
    enrolled = asked.ask(lambda client: client.enrol(sighting))
    assert (enrolled.id, enrolled.captured_at) == (camera, captured_at)
    corrected = asked.ask(
        lambda client: client.correct(
            camera, {"camera": None, "identity": "v1", "attributes": {"colour": "red"}}
        )
    )
    assert (corrected.camera, corrected.identity) == (None, "v1")
    assert corrected.attributes == {"lane": 2, "colour": "red"}
    assert asked.ask(lambda client: client.get(camera)) == corrected
    thumbnail = asked.ask(lambda client: client.thumbnail(camera, Modality.NIR))
    assert decode_image(thumbnail).ndim >= 2
    asked.ask(lambda client: client.delete(camera))
    with pytest.raises(NotThere, match="No record has the id"):
        asked.ask(lambda client: client.get(camera))


def test_a_sighting_without_an_id_gets_one(asked: Asking, camera: str) -> None:
    sighting = Sighting(rgb=picture(1), camera=camera)
    ids = {asked.ask(lambda client: client.enrol(sighting)).id for _ in range(2)}
    assert len(ids) == 2


def test_the_gallery_is_gone_through_and_counted_and_deleted(asked: Asking, camera: str) -> None:
    enrol_vehicles(asked, camera)
    passed = {"camera": camera}
    expected = [f"{camera}-{identity}-{one}" for identity in range(VEHICLES) for one in range(2)]
    records = asked.all_of(lambda client: client.records(filter=passed, limit=3))
    assert [record.id for record in records] == expected
    page = asked.ask(lambda client: client.page(filter=passed, limit=2))
    following = asked.ask(lambda client: client.page(page.next_cursor, filter=passed, limit=2))
    assert [record.id for record in (*page.records, *following.records)] == expected[:4]
    counted = asked.ask(lambda client: client.delete_matching(passed, dry_run=True))
    assert (counted.matched, counted.deleted) == (8, 0)
    second = {**passed, "attributes": {"number": 1}}
    with pytest.raises(Conflict, match="2 records pass the filter and 8 were expected"):
        asked.ask(lambda client: client.delete_matching(second, expected=8))
    deleted = asked.ask(lambda client: client.delete_matching(second, expected=2))
    assert deleted.deleted == 2
    assert len(asked.all_of(lambda client: client.records(filter=passed))) == 6


def test_facts_and_probes(asked: Asking) -> None:
    info = asked.ask(lambda client: client.info())
    assert info.limits.samples > 1
    assert info.document["version"] == info.version
    assert asked.ask(lambda client: client.live()).status == "live"
    assert asked.ask(lambda client: client.ready()).status == "ready"
    assert asked.ask(lambda client: client.wait_until_ready()).status == "ready"


def test_metrics_are_text(asked: Asking) -> None:
    assert "# TYPE" in asked.ask(lambda client: client.metrics())


@pytest.fixture(scope="module")
def ingesting(calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that accepts entries and has a worker."""
    directory = tmp_path_factory.mktemp("ingesting")
    with (
        running_redis(directory / "redis") as redis,
        running_service(
            calibrated_bundle.path,
            directory / "gallery",
            ingest={"redis": redis.url, "workers": 1},
        ) as (client, _),
    ):
        yield str(client.base_url)


def test_an_entry_is_accepted_and_stored(ingesting: str, kind: Kind, camera: str) -> None:
    sightings = [sighted(each, told=Sighting(camera=camera)) for each in range(2)]
    with asking(kind, ingesting) as asked:
        receipt = asked.ask(lambda client: client.ingest(*sightings, key=camera))
        assert not receipt.repeated
        stored = asked.ask(lambda client: client.wait_for_ingest(receipt.id))
        assert stored.records is not None
        assert len(stored.records) == 2
        again = asked.ask(lambda client: client.ingest(*sightings, key=camera))
        assert (again.id, again.repeated) == (receipt.id, True)
        records = asked.all_of(lambda client: client.records(filter={"camera": camera}))
        assert [record.id for record in records] == list(stored.records)


def test_an_entry_that_fails_is_an_error_with_the_reason(
    ingesting: str, kind: Kind, camera: str
) -> None:
    broken = picture(1)[:-100]
    with asking(kind, ingesting) as asked:
        receipt = asked.ask(lambda client: client.ingest(Sighting(rgb=broken, camera=camera)))
        assert asked.ask(lambda client: client.ingest_progress(receipt.id)).id == receipt.id
        with pytest.raises(IngestUnfinished, match="rgb") as caught:
            asked.ask(lambda client: client.wait_for_ingest(receipt.id))
        assert caught.value.entry_id == receipt.id


def test_status_says_what_runs_and_what_waits(asked: Asking) -> None:
    found = asked.ask(lambda client: client.status())
    assert found.version == asked.ask(lambda client: client.info()).version
    assert found.queue.held >= 0
    assert found.gallery is not None
    assert found.jobs == ()


def test_without_keys_everybody_is_admin(asked: Asking) -> None:
    found = asked.ask(lambda client: client.me())
    assert (found.authenticated, found.role, found.name) == (False, "admin", None)
