from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vreid.bundle import Bundle
from vreid.decoding import ImageLimits, decode_image
from vreid.embedding import branch_inputs, embed, embed_samples, round_to_stored
from vreid.engines import BranchEngine, open_engine
from vreid.errors import EngineError, ImageTooLarge, NoModality, UndecodableImage
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import branch_pixels
from vreid.sample import Sample

SUBSETS = [
    [modality for modality in MODALITIES if code >> modality.index & 1] for code in range(1, 8)
]


class Counting:
    """A real engine that also remembers which branch ran on how many images."""

    def __init__(self, engine: BranchEngine) -> None:
        self._engine = engine
        self.name = engine.name
        self.precision = engine.precision
        self.threads = engine.threads
        self.lanes = engine.lanes
        self.batch_sizes = engine.batch_sizes
        self.runs: list[tuple[Modality, int]] = []

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.runs.append((modality, len(pixels)))
        return self._engine.run(modality, pixels)


@pytest.fixture
def engine(bundle: Bundle) -> Counting:
    return Counting(open_engine(bundle, "onnxruntime-cpu", threads=1))


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def sample(modalities: list[Modality], seed: int = 0) -> Sample:
    return Sample({modality: picture(seed * 3 + modality.index) for modality in modalities})


def test_features_stand_at_their_modality_and_are_zero_where_it_is_missing(
    bundle: Bundle, engine: Counting
) -> None:
    samples = [sample(subset, seed) for seed, subset in enumerate(SUBSETS)]
    features, mask = embed_samples(samples, bundle, engine)
    assert features.shape == (7, 3, 16)
    assert mask.tolist() == [each.mask.tolist() for each in samples]
    assert not features[~mask].any()
    assert features[mask].any(axis=1).all()
    for row, each in enumerate(samples):
        for modality in each.images:
            prepared = branch_pixels(
                decode_image(each.read(modality)), modality, bundle.manifest.preprocessing
            )
            alone = round_to_stored(engine.run(modality, prepared[None]))
            np.testing.assert_array_equal(features[row, modality.index], alone[0])


def test_a_branch_runs_in_full_batches_and_only_where_its_modality_is(
    bundle: Bundle, engine: Counting
) -> None:
    inputs = [
        branch_inputs(sample(subset), bundle.manifest.preprocessing)
        for subset in ([Modality.RGB], [Modality.RGB, Modality.TIR]) * 3
    ]
    embed(inputs, engine, 16, batch_size=4)
    assert engine.runs == [(Modality.RGB, 4), (Modality.RGB, 2), (Modality.TIR, 3)]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_the_batch_size_changes_nothing(bundle: Bundle, engine: Counting, batch_size: int) -> None:
    samples = [sample(subset, seed) for seed, subset in enumerate(SUBSETS)]
    expected, _ = embed_samples(samples, bundle, engine, batch_size=8)
    features, _ = embed_samples(iter(samples), bundle, engine, batch_size)
    np.testing.assert_array_equal(features, expected)


def test_samples_come_in_as_many_as_keep_every_lane_busy(bundle: Bundle, engine: Counting) -> None:
    engine.lanes, engine.batch_sizes = 3, (1, 2, 4)
    embed_samples([sample([Modality.NIR])] * 14, bundle, engine)
    assert engine.runs == [(Modality.NIR, 12), (Modality.NIR, 2)]


def test_features_are_exactly_what_a_gallery_stores(bundle: Bundle, engine: Counting) -> None:
    features, _ = embed_samples([sample(SUBSETS[6])], bundle, engine)
    np.testing.assert_array_equal(features.astype(np.float16).astype(np.float32), features)


def test_no_samples_give_no_features(bundle: Bundle, engine: Counting) -> None:
    for features, mask in (embed([], engine, 16), embed_samples([], bundle, engine)):
        assert features.shape == (0, 3, 16)
        assert mask.shape == (0, 3)
        assert mask.dtype == np.bool_


def test_files_are_read_from_disk(bundle: Bundle, engine: Counting, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(5))
    from_disk, _ = embed_samples([Sample({Modality.NIR: tmp_path / "a.png"})], bundle, engine)
    in_memory, _ = embed_samples([Sample({Modality.NIR: picture(5)})], bundle, engine)
    np.testing.assert_array_equal(from_disk, in_memory)


def test_a_sample_without_images_is_refused(engine: Counting) -> None:
    with pytest.raises(NoModality, match="sample 0 of the batch has no image"):
        embed([{}], engine, 16)


def test_a_broken_image_is_refused(bundle: Bundle, engine: Counting) -> None:
    with pytest.raises(UndecodableImage):
        embed_samples([Sample({Modality.RGB: b"broken"})], bundle, engine)


def test_the_limits_reach_the_decoder(bundle: Bundle, engine: Counting) -> None:
    with pytest.raises(ImageTooLarge):
        embed_samples([sample(SUBSETS[0])], bundle, engine, limits=ImageLimits(max_pixels=100))


def test_a_feature_size_that_the_network_does_not_give_is_an_error(
    bundle: Bundle, engine: Counting
) -> None:
    inputs = branch_inputs(sample(SUBSETS[0]), bundle.manifest.preprocessing)
    with pytest.raises(EngineError, match=r"shape \(1, 16\) instead of \(1, 8\)"):
        embed([inputs], engine, 8)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_features_that_float16_cannot_hold_are_an_error(value: float) -> None:
    with pytest.raises(EngineError, match="not a finite number within float16"):
        round_to_stored(np.array([[value]], dtype=np.float32))
