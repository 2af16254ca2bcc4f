"""One sample's way from files to a network's input."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from service.indexing.preparation import Outcome, Prepared, hash_content, hash_images, prepare
from service.indexing.source import SourceItem
from tests.bundles import make_tiny_bundle
from tests.service.indexing.pictures import write_picture
from vreid.bundle import Bundle
from vreid.decoding import DEFAULT_LIMITS, ImageLimits, Pixels
from vreid.image_source import Tile
from vreid.modality import MODALITIES, Modality
from vreid.sample import Sample

SIDE_BY_SIDE = (Modality.RGB, Modality.TIR)

decoded_tiles: list[Path] = []


class CountingTile(Tile):
    """A tile that notes when its file is decoded."""

    __slots__ = ()

    def decoded(self, limits: ImageLimits = DEFAULT_LIMITS) -> Pixels:
        decoded_tiles.append(self.path)
        return super().decoded(limits)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


def prepared(sample: Sample, bundle: Bundle) -> Prepared:
    outcome: Outcome = prepare(
        SourceItem("label", sample),
        bundle.manifest.preprocessing,
        DEFAULT_LIMITS,
        lambda content_hash: False,
    )
    assert isinstance(outcome, Prepared)
    return outcome


def tiles_of(path: Path) -> Sample:
    return Sample({each: CountingTile(path, at, 2) for at, each in enumerate(SIDE_BY_SIDE)})


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16"])
def test_tiles_become_what_their_own_files_would_become(
    tmp_path: Path, bundle: Bundle, mode: str
) -> None:
    sample = tiles_of(write_picture(tmp_path / "f.png", 3, mode=mode))
    alone = replace(sample, images={each: sample.read(each) for each in SIDE_BY_SIDE})
    cut, read = prepared(sample, bundle), prepared(alone, bundle)
    assert list(cut.inputs) == list(SIDE_BY_SIDE)
    for modality in SIDE_BY_SIDE:
        np.testing.assert_array_equal(cut.inputs[modality], read.inputs[modality])
    assert cut.thumbnails == read.thumbnails
    assert not np.array_equal(*(cut.inputs[each][0] for each in SIDE_BY_SIDE))


def test_a_file_with_tiles_is_decoded_once_for_a_sample(tmp_path: Path, bundle: Bundle) -> None:
    paths = [write_picture(tmp_path / f"{number}.png", number) for number in range(2)]
    sample = Sample(
        {
            Modality.RGB: CountingTile(paths[0], 0, 2),
            Modality.NIR: CountingTile(paths[1], 1, 2),
            Modality.TIR: CountingTile(paths[0], 1, 2),
        }
    )
    decoded_tiles.clear()
    assert list(prepared(sample, bundle).inputs) == list(MODALITIES)
    assert decoded_tiles == paths


def test_the_hashes_by_which_stored_records_are_recognised_never_change() -> None:
    images = {Modality.RGB: b"colour", Modality.TIR: b"thermal\ntile 1 of 2"}
    told = Sample(images, "v1", "2", "7", datetime(2024, 5, 1, 12, tzinfo=UTC))
    assert [
        hash_content("r1", told, images),
        hash_content(None, Sample(images), images),
        hash_images(images),
    ] == [
        "b479717b760b0e292a13b2cb3ae0662e145440e84834d15455308fbdbfbf643c",
        "e25ca222cdb7b4539b87361b709239a8f4a73f3e7bc47aec25280c29c69c5895",
        "4fcc9c2f7c1b2c377e64e30cb4457e8a43b52c169e5ac5c1f7750748f2c8dd1a",
    ]
