"""Where an encoded image comes from."""

import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vreid.decoding import decode_image
from vreid.errors import SampleError, UndecodableImage, UnreadableImage, WrongTiles
from vreid.image_source import Tile, content_of, file_of, read_source
from vreid.modality import Modality
from vreid.sample import Sample


def write(path: Path, width: int, height: int, deep: bool = False) -> Path:
    generator = np.random.default_rng(width)
    levels = generator.integers(0, 0xFFFF if deep else 0xFF, (height, width))
    Image.fromarray(levels.astype(np.uint16 if deep else np.uint8)).save(path)
    return path


@given(
    count=st.integers(1, 4),
    each=st.integers(1, 9),
    height=st.integers(1, 9),
    colour=st.booleans(),
)
def test_the_tiles_of_a_file_side_by_side_are_the_file(
    count: int, each: int, height: int, colour: bool
) -> None:
    shape = (height, each * count, 3) if colour else (height, each * count)
    whole = np.random.default_rng(each).integers(0, 256, shape).astype(np.uint8)
    tiles = [Tile(Path("f.png"), index, count).cut(whole) for index in range(count)]
    assert {tile.shape[1] for tile in tiles} == {each}
    np.testing.assert_array_equal(np.concatenate(tiles, axis=1), whole)


@pytest.mark.parametrize("deep", [False, True])
def test_a_tile_is_read_as_an_image_of_its_own_and_loses_no_level(
    tmp_path: Path, deep: bool
) -> None:
    path = write(tmp_path / "f.png", 12, 2, deep)
    whole = decode_image(path.read_bytes())
    for index in range(3):
        pixels = decode_image(read_source(Tile(path, index, 3)))
        assert pixels.dtype == whole.dtype
        np.testing.assert_array_equal(pixels, whole[:, 4 * index : 4 * index + 4])


def test_a_tile_that_is_read_has_the_pixels_that_are_cut_of_the_decoded_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "f.jpg"
    generator = np.random.default_rng(0)
    Image.fromarray(generator.integers(0, 256, (4, 24, 3)).astype(np.uint8)).save(path)
    tiles = [Tile(path, index, 3, aspect=2) for index in range(3)]
    whole = tiles[0].decoded()
    assert whole.shape == (4, 24, 3)
    for tile in tiles:
        np.testing.assert_array_equal(decode_image(tile.read()), tile.cut(whole))


def test_a_width_that_is_no_multiple_is_refused_with_the_file_and_its_size(tmp_path: Path) -> None:
    path = write(tmp_path / "f.png", 13, 2)
    with pytest.raises(WrongTiles, match=r"f\.png has 13 x 2 pixels .* not 3 tiles"):
        Tile(path, 0, 3).read()


def test_three_tiles_are_not_taken_for_two_wide_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "f.png", 24, 4)
    assert decode_image(Tile(path, 0, 3, aspect=2).read()).shape == (4, 8)
    with pytest.raises(WrongTiles, match="2 tiles side by side, each 2 times as wide as high"):
        Tile(path, 0, 2, aspect=2).read()


def test_a_damaged_or_absent_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xff but no more")
    with pytest.raises(UndecodableImage, match=r"damaged\.jpg: "):
        Tile(tmp_path / "damaged.jpg", 0, 3).read()
    with pytest.raises(UnreadableImage, match=r"absent\.jpg cannot be read"):
        Tile(tmp_path / "absent.jpg", 0, 3).read()


def test_a_tile_beyond_the_last_is_refused() -> None:
    with pytest.raises(SampleError, match="tile 3 of 3"):
        Tile(Path("f.png"), 3, 3)


def test_contents_tell_tiles_of_one_file_apart_and_do_not_depend_on_a_decoder(
    tmp_path: Path,
) -> None:
    path = tmp_path / "f.jpg"
    path.write_bytes(b"bytes that nothing decodes")
    contents = {content_of(source) for source in (path, Tile(path, 0, 3), Tile(path, 1, 3))}
    assert len(contents) == 3
    assert all(content.startswith(path.read_bytes()) for content in contents)
    assert content_of(b"in memory") == b"in memory"


def test_a_source_knows_its_file() -> None:
    path = Path("f.png")
    assert [file_of(each) for each in (path, Tile(path, 1, 2), b"")] == [path, path, None]


def test_tiles_are_images_of_a_sample_that_travels_to_another_process(tmp_path: Path) -> None:
    path = write(tmp_path / "f.png", 8, 2)
    sample = Sample({Modality.NIR: Tile(path, 1, 2), Modality.RGB: Tile(path, 0, 2)})
    assert sample.mask.tolist() == [True, True, False]
    assert Image.open(BytesIO(sample.read(Modality.NIR))).size == (4, 2)
    assert sample.content(Modality.NIR) != sample.content(Modality.RGB)
    assert pickle.loads(pickle.dumps(sample)) == sample
