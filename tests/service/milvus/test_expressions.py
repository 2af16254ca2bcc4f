from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.gallery.filters.filter import Filter
from service.gallery.record import Labels, NewRecord
from service.gallery.store.deletion import Selection
from service.milvus.expressions import expression_of, selection_expression
from service.milvus.gallery import MilvusGallery
from tests.service.gallery.builders import new_record
from tests.service.gallery.filter_strategies import filters, records

HOSTILE = ('x" or key != "', "\\", '\\" or 1 == 1', "'", "%", '"] or key in ["', "größe 车")


def with_labels(seed: int, labels: Labels) -> NewRecord:
    return new_record(
        seed,
        id=f"r{seed}",
        identity=labels.identity,
        camera=labels.camera,
        scene=labels.scene,
        captured_at=labels.captured_at,
        attributes=labels.attributes,
    )


def ids_of(gallery: MilvusGallery, filter: Filter) -> list[str]:
    return [record.id for record in gallery.page(limit=100, filter=filter).records]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    stored=st.lists(records, min_size=6, max_size=12),
    asked=st.lists(filters, min_size=8, max_size=8),
)
def test_admits_what_the_filter_matches(
    shared_gallery: MilvusGallery, stored: list[Labels], asked: list[Filter]
) -> None:
    shared_gallery.delete_selected(Selection())
    shared_gallery.add_all([with_labels(number, each) for number, each in enumerate(stored)])
    for each in asked:
        expected = [f"r{number}" for number, told in enumerate(stored) if each.matches(told)]
        assert ids_of(shared_gallery, each) == expected
        assert shared_gallery.count(each) == len(expected)


@pytest.mark.parametrize("text", HOSTILE)
def test_takes_texts_from_outside_for_nothing_but_texts(gallery: MilvusGallery, text: str) -> None:
    gallery.add(new_record(1, id="plain", camera="1", attributes={"kind": "bus"}))
    gallery.add(new_record(2, id="own", camera=text, attributes={text: text}))
    assert ids_of(gallery, Filter(camera=(text,))) == ["own"]
    assert ids_of(gallery, Filter(exclude_camera=(text,))) == ["plain"]
    assert ids_of(gallery, Filter(attributes={text: (text,)})) == ["own"]
    assert ids_of(gallery, Filter(attributes={"kind": (text,)})) == []


@pytest.mark.parametrize("text", ["a\nb", "\0", "\ud800", "x" * 2000])
def test_finds_nothing_for_what_no_label_can_be(gallery: MilvusGallery, text: str) -> None:
    gallery.add(new_record(1, id="plain", camera="1"))
    assert ids_of(gallery, Filter(camera=(text,))) == []
    assert ids_of(gallery, Filter(exclude_camera=(text,))) == ["plain"]


def test_is_exact_except_for_ranges_of_attributes() -> None:
    exact = Filter.from_json({"camera": "1", "not": {"attributes": {"kind": ["bus", 1]}}})
    assert expression_of(exact).is_exact
    ranged = Filter.from_json({"attributes": {"speed": {"from": 30}}})
    assert not expression_of(ranged).is_exact
    assert 'attributes["speed"] >= 30.0' in expression_of(ranged).text


def test_does_not_narrow_by_what_negates_a_range() -> None:
    expression = expression_of(
        Filter.from_json({"camera": "1", "not": {"attributes": {"speed": {"from": 30}}}})
    )
    assert expression.text == 'camera in ["1"]'


def test_selects_for_deletion_by_when_a_vehicle_was_seen_or_stored(gallery: MilvusGallery) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    gallery.add(new_record(1, id="seen", captured_at=long_ago, camera="1"))
    gallery.add(new_record(2, id="kept", captured_at=long_ago, camera="2"))
    gallery.add(new_record(3, id="without-a-camera", captured_at=long_ago))
    gallery.add(new_record(4, id="stored-now", camera="1"))
    old = Selection(seen_before=datetime(2002, 1, 1, tzinfo=UTC), except_cameras=("2",))
    assert gallery.delete_selected(old) == 2
    assert ids_of(gallery, Filter()) == ["kept", "stored-now"]
    assert gallery.delete_selected(Selection(seen_before=datetime(9000, 1, 1, tzinfo=UTC))) == 2


def test_selects_everything_where_nothing_is_asked() -> None:
    assert selection_expression(Selection()) == ""
