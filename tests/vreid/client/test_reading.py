"""From JSON to results, and from images to bytes."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tests.service.vehicles import picture
from vreid.client import Images, Sighting, UnexpectedAnswer
from vreid.client.inputs import encode
from vreid.client.reading import Vector, read_as
from vreid.decoding import decode_image
from vreid.errors import UnsupportedImage
from vreid.image_source import Tile
from vreid.modality import Modality
from vreid.sample import Sample


@dataclass(frozen=True)
class Inner:
    name: str
    ratio: float = 0.5


@dataclass(frozen=True, eq=False)
class Outer:
    count: int
    is_so: bool
    at: datetime | None
    kind: Literal["one", "two"]
    inner: Inner
    parts: tuple[Inner, ...]
    values: Mapping[str, str | int | float | bool]
    vector: Vector | None = None


WHOLE: dict[str, Any] = {
    "count": 3,
    "is_so": True,
    "at": "2026-03-01T12:00:00Z",
    "kind": "one",
    "inner": {"name": "a", "ratio": 1},
    "parts": [{"name": "b"}],
    "values": {"x": 1, "y": "z", "w": False},
}


def test_members_are_read_by_their_types() -> None:
    read = read_as(Outer, WHOLE, "it")
    assert read.at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert read.inner == Inner("a", 1.0)
    assert isinstance(read.inner.ratio, float)
    assert read.parts == (Inner("b"),)
    assert read.values == {"x": 1, "y": "z", "w": False}
    assert read.vector is None


def test_members_of_a_newer_service_are_passed_over() -> None:
    newer = {**WHOLE, "new": 1, "inner": {"name": "a", "newer": [1]}}
    assert read_as(Outer, newer, "it").inner == Inner("a")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"count": True}, "it.count"),
        ({"count": 1.5}, "it.count"),
        ({"is_so": 1}, "it.is_so"),
        ({"at": "noon"}, "it.at"),
        ({"kind": None}, "it.kind"),
        ({"inner": {"name": None}}, "it.inner.name"),
        ({"inner": {}}, "it.inner lacks 'name'"),
        ({"parts": [{"name": "b"}, 3]}, r"it.parts\[1\]"),
        ({"values": {"x": None}}, "it.values.x"),
        ({"vector": "AAA"}, "it.vector"),
        ({"vector": ["a"]}, "it.vector"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=where):
        read_as(Outer, {**WHOLE, **change}, "it")


@settings(deadline=None)
@given(arrays.arrays(np.float32, st.integers(0, 9), elements=st.floats(width=32)))
def test_vectors_come_as_lists_or_base64(numbers: NDArray[np.float32]) -> None:
    text = base64.b64encode(numbers.astype("<f4").tobytes()).decode()
    for sent in (text, [float(each) for each in numbers]):
        read = read_as(Outer, {**WHOLE, "vector": sent}, "it").vector
        assert read is not None
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, numbers)


_SIDES = st.integers(1, 5)


@settings(deadline=None)
@given(
    st.one_of(
        arrays.arrays(np.uint8, st.tuples(_SIDES, _SIDES, st.just(3))),
        arrays.arrays(np.uint8, st.tuples(_SIDES, _SIDES)),
        arrays.arrays(np.uint16, st.tuples(_SIDES, _SIDES)),
    )
)
def test_pixels_travel_without_a_loss(pixels: NDArray[Any]) -> None:
    np.testing.assert_array_equal(decode_image(encode(pixels)), pixels)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8), np.zeros(3)],
)
def test_an_array_that_is_no_picture_is_refused(array: NDArray[Any]) -> None:
    with pytest.raises(UnsupportedImage, match="is no picture"):
        encode(array)


def test_a_sample_of_an_archive_is_a_sighting(tmp_path: Path) -> None:
    path = tmp_path / "pair.png"
    path.write_bytes(picture(0))
    images = {Modality.RGB: Tile(path, 0, 2), Modality.TIR: Tile(path, 1, 2)}
    sample = Sample(images=images, identity="v", attributes={"lane": 1})
    sighting = Sighting.from_sample(sample, "one")
    assert (sighting.id, sighting.identity, sighting.attributes) == ("one", "v", {"lane": 1})
    whole = decode_image(path.read_bytes())
    halves = [decode_image(data) for data in sighting.encoded().values()]
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), whole)


def test_what_is_not_known_is_left_out() -> None:
    assert Images(rgb=b"x").told() == {}
    assert Sighting(rgb=b"x", identity="v").told() == {"identity": "v"}
