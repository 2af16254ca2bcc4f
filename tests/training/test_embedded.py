"""Embedding a data set: equal images are embedded once, and nobody sees it in the features."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.bundles import make_tiny_bundle
from tests.public_trees import write_tiled_set
from tests.training.images import write_image
from training.data import Dataset, load_dataset
from training.embedded import EmbeddedDataset, embed_dataset
from training.model import HAMNet
from training.torch_engine import TorchEngine
from vreid.bundle import Bundle
from vreid.embedding import embed_samples
from vreid.engines import BranchRunner, open_engine
from vreid.image_source import Tile
from vreid.modality import MODALITIES, Modality
from vreid.sample import Sample


class Counting:
    """An engine that counts the images it runs."""

    def __init__(self, engine: BranchRunner) -> None:
        self.engine = engine
        self.images = 0

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As the engine itself."""
        self.images += len(pixels)
        return self.engine.run(modality, pixels)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("embedded") / "bundle")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Sample]:
    """Five different samples, the last one without NIR."""
    folder = tmp_path_factory.mktemp("pictures")
    found = []
    for number in range(5):
        there = MODALITIES if number < 4 else (Modality.RGB, Modality.TIR)
        images = {modality: folder / f"{number}_{modality}.png" for modality in there}
        for modality, path in images.items():
            write_image(path, seed=3 * number + modality.index)
        found.append(Sample(images, identity=f"{number}"))
    return found


def copied(samples: Sequence[Sample], folder: Path) -> list[Sample]:
    """The same pictures in files of their own."""
    found = []
    for number, sample in enumerate(samples):
        images = {}
        for modality, source in sample.images.items():
            assert isinstance(source, Path)
            images[modality] = folder / f"{number}_{modality}{source.suffix}"
            shutil.copyfile(source, images[modality])
        found.append(replace(sample, images=images))
    return found


def embedded(
    bundle: Bundle, engine: BranchRunner, dataset: Dataset, mirrored: bool = False
) -> EmbeddedDataset:
    manifest = bundle.manifest
    return embed_dataset(
        dataset, manifest.preprocessing, engine, manifest.feature_size, 2, mirrored
    )


def test_copies_of_gallery_pictures_are_not_embedded_again(
    tiny: Bundle, samples: Sequence[Sample], tmp_path: Path
) -> None:
    gallery = copied(samples, tmp_path)[::-1]
    engine = Counting(open_engine(tiny))
    found = embedded(tiny, engine, Dataset("copies", [], samples, gallery, None))
    assert engine.images == sum(len(sample.images) for sample in samples)
    for side, given in ((found.query, samples), (found.gallery, gallery)):
        features, mask = embed_samples(given, tiny, open_engine(tiny), batch_size=2)
        np.testing.assert_array_equal(side.features, features)
        np.testing.assert_array_equal(side.mask, mask)
        assert list(side.labels.identity) == [sample.identity for sample in given]
        assert side.sources == tuple(frozenset(sample.images.values()) for sample in given)


def test_mirrored_pictures_are_embedded_once_as_well(
    tiny: Bundle, samples: Sequence[Sample], tmp_path: Path
) -> None:
    engine = Counting(open_engine(tiny))
    dataset = Dataset("copies", [], samples, copied(samples, tmp_path), None)
    found = embedded(tiny, engine, dataset, mirrored=True)
    assert engine.images == sum(len(sample.images) for sample in samples)
    np.testing.assert_array_equal(found.query.features, found.gallery.features)
    plain = embedded(tiny, engine, dataset)
    assert (plain.query.features != found.query.features).any()


def test_joint_features_are_computed_once(
    tiny: Bundle, samples: Sequence[Sample], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = HAMNet("osnet_x0_25", 2).eval()

    def found(gallery: Sequence[Sample]) -> EmbeddedDataset:
        dataset = Dataset("copies", [], samples, gallery, None)
        preprocessing = tiny.manifest.preprocessing
        engine = TorchEngine(model, preprocessing, "cpu")
        return embed_dataset(dataset, preprocessing, engine, model.feature_size)

    twice, once = found(copied(samples, tmp_path)), found([])
    assert twice.gallery.joint is not None
    assert once.query.joint is not None
    for side in (twice.query, twice.gallery):
        np.testing.assert_array_equal(side.features, once.query.features)
        np.testing.assert_array_equal(side.joint, once.query.joint)
    assert len(once.gallery) == 0


def test_tiles_of_one_file_are_different_pictures(tiny: Bundle, tmp_path: Path) -> None:
    root = write_tiled_set(tmp_path, 3, identities=1)
    first = load_dataset("rgbnt100", root).query[0]
    tiles = [first.images[modality] for modality in MODALITIES]
    assert all(isinstance(tile, Tile) for tile in tiles)
    samples = [Sample({Modality.RGB: tile}) for tile in (*tiles, tiles[0])]
    engine = Counting(open_engine(tiny))
    found = embedded(tiny, engine, Dataset("tiles", [], samples[:2], samples[2:], None))
    assert engine.images == 3
    np.testing.assert_array_equal(found.query.features[0], found.gallery.features[1])
    assert (found.query.features[0] != found.query.features[1]).any()


def test_one_picture_in_two_modalities_is_two(tiny: Bundle, samples: Sequence[Sample]) -> None:
    picture = samples[0].images[Modality.RGB]
    query, gallery = [Sample({Modality.RGB: picture})], [Sample({Modality.NIR: picture})]
    found = embedded(tiny, open_engine(tiny), Dataset("one", [], query, gallery, None))
    assert found.query.mask.tolist() == [[True, False, False]]
    assert found.gallery.mask.tolist() == [[False, True, False]]
    assert found.query.features[0, 0].any()
    assert found.gallery.features[0, 1].any()
