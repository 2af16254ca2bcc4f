"""What every engine on a processor does alike."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vreid.engines.pixel_batches import pixels
from vreid.bundle import Bundle
from vreid.cpu_features import read_processor
from vreid.engines import open_engine
from vreid.engines.openvino_runtime import import_openvino, streams_of
from vreid.engines.processors import usable_processors
from vreid.engines.request import engine_request
from vreid.errors import BundleDamaged, ConfigurationError, EngineError
from vreid.modality import MODALITIES, Modality

SHIPPED = Path(__file__).parents[3] / "service" / "demo" / "bundle"
ENGINES_HERE = ["onnxruntime-cpu", "openvino-cpu"]

COSINE_ACROSS_SIZES = 0.9999
"""Least cosine between features of one image in runs of different sizes, in 8 bits."""

needs_bf16 = pytest.mark.skipif(
    not read_processor().has_bf16, reason="this processor does not compute in bf16"
)

COMPUTED = [
    ("onnxruntime-cpu", "fp32", 0.999999),
    ("openvino-cpu", "fp32", 0.999999),
    pytest.param("openvino-cpu", "bf16", 0.999, marks=needs_bf16),
    ("onnxruntime-cpu", "int8", 0.99),
    ("openvino-cpu", "int8", 0.99),
]


@pytest.mark.parametrize(("name", "precision", "cosine"), COMPUTED)
def test_every_engine_and_precision_gives_the_features_of_the_default(
    variants: Bundle, name: str, precision: str, cosine: float
) -> None:
    default = open_engine(variants, "onnxruntime-cpu", precision="fp32")
    engine = open_engine(variants, name, precision=precision, threads=2)
    assert (engine.name, engine.precision) == (name, precision)
    for modality in MODALITIES:
        expected, found = default.run(modality, pixels(9)), engine.run(modality, pixels(9))
        assert found.dtype == np.float32
        along = (expected * found).sum(axis=1)
        lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
        assert (along / lengths).min() > cosine
        assert len(np.unique(found, axis=0)) == 9


@pytest.mark.parametrize("name", ENGINES_HERE)
def test_a_lane_of_one_thread_computes_in_the_thread_that_calls(
    variants: Bundle, name: str
) -> None:
    before = threads_of_libraries()
    engine = open_engine(variants, name, precision="int8", threads=2, lanes=2)
    for modality in MODALITIES:
        engine.run(modality, pixels(9))
    # Importing a library may start a thread; one for each lane of each branch would be six.
    assert threads_of_libraries() - before <= 2


def threads_of_libraries() -> int:
    return len(list(Path("/proc/self/task").iterdir())) - threading.active_count()


@pytest.mark.parametrize("name", ENGINES_HERE)
@pytest.mark.parametrize(("threads", "lanes"), [(1, 1), (2, 1), (2, 2)])
def test_a_row_is_the_same_to_the_last_bit_in_a_batch_of_any_size(
    variants: Bundle, name: str, threads: int, lanes: int
) -> None:
    engine = open_engine(variants, name, threads, "fp32", lanes)
    assert (engine.threads, engine.lanes) == (threads, lanes)
    batch = pixels(7)
    for modality in MODALITIES:
        together = engine.run(modality, batch)
        alone = [engine.run(modality, batch[row : row + 1]) for row in range(7)]
        np.testing.assert_array_equal(np.concatenate(alone), together)


@pytest.mark.parametrize(
    ("name", "precision"),
    [("onnxruntime-cpu", "fp32"), *[("openvino-cpu", precision) for precision in ("fp32", "int8")]],
)
def test_threads_that_share_an_engine_get_their_own_rows(
    variants: Bundle, name: str, precision: str
) -> None:
    engine = open_engine(variants, name, 2, precision)
    batches = [pixels(1 + index % 4, seed=index) for index in range(40)]
    expected = [engine.run(Modality.NIR, batch) for batch in batches]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda batch: engine.run(Modality.NIR, batch), batches))
    for one, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, wanted)  # to the last bit: whoever else runs


@pytest.mark.parametrize("name", ENGINES_HERE)
def test_features_in_8_bits_hardly_depend_on_the_size_of_the_batch(name: str) -> None:
    shipped = Bundle.load(SHIPPED, verify=False)
    preprocessing = shipped.manifest.preprocessing
    batch = pixels(8, preprocessing.height, preprocessing.width)
    engine = open_engine(shipped, name, 1, "int8")
    alone = np.concatenate([engine.run(Modality.RGB, image[np.newaxis]) for image in batch])
    for size in (2, 3, 4, 5, 8):
        parts = [batch[start : start + size] for start in range(0, 8, size)]
        together = np.concatenate([engine.run(Modality.RGB, part) for part in parts])
        lengths = np.linalg.norm(alone, axis=1) * np.linalg.norm(together, axis=1)
        assert ((alone * together).sum(axis=1) / lengths).min() > COSINE_ACROSS_SIZES


@pytest.mark.parametrize("name", ENGINES_HERE)
def test_no_images_give_no_features(variants: Bundle, name: str) -> None:
    engine = open_engine(variants, name, precision="fp32")
    assert engine.run(Modality.RGB, pixels(0)).shape == (0, 16)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", ENGINES_HERE)
def test_pixels_need_not_be_contiguous(variants: Bundle, name: str, precision: str) -> None:
    engine = open_engine(variants, name, precision=precision)
    mirrored = pixels(3)[:, :, ::-1]
    np.testing.assert_array_equal(
        engine.run(Modality.RGB, mirrored), engine.run(Modality.RGB, mirrored.copy())
    )


def test_each_modality_has_its_own_branch(variants: Bundle) -> None:
    engine = open_engine(variants, "onnxruntime-cpu", precision="fp32")
    found = np.stack([engine.run(modality, pixels(1))[0] for modality in MODALITIES])
    assert len(np.unique(found, axis=0)) == 3


@pytest.mark.parametrize("name", ENGINES_HERE)
def test_the_lanes_default_to_the_processors_that_may_be_used(variants: Bundle, name: str) -> None:
    engine = open_engine(variants, name, precision="fp32")
    assert engine.threads == engine.lanes == usable_processors()


@pytest.mark.parametrize(("threads", "lanes"), [(2, 3), (2, 0), (-1, None), (0, None)])
def test_lanes_without_threads_are_refused(
    variants: Bundle, threads: int, lanes: int | None
) -> None:
    with pytest.raises(ConfigurationError, match="no more lanes than threads"):
        open_engine(variants, "onnxruntime-cpu", threads, lanes=lanes)


def test_lanes_that_would_leave_threads_idle_are_refused(variants: Bundle) -> None:
    with pytest.raises(ConfigurationError, match="give a multiple of 2 as threads"):
        open_engine(variants, "onnxruntime-cpu", 3, lanes=2)


@pytest.mark.parametrize("lanes", range(1, usable_processors() + 1))
def test_lanes_without_a_number_of_threads_share_what_there_is(lanes: int) -> None:
    request = engine_request(Bundle.load(SHIPPED, verify=False), None, lanes)
    assert request.threads % lanes == 0
    assert 0 <= usable_processors() - request.threads < lanes


@pytest.mark.parametrize("name", ENGINES_HERE)
def test_a_file_that_is_no_network_is_damage(bundle: Bundle, name: str) -> None:
    bundle.file(Modality.TIR).write_bytes(b"not a network")
    with pytest.raises(BundleDamaged, match=r"tir\.onnx cannot be loaded by (ONNX Runtime|Open)"):
        open_engine(bundle, name)


@pytest.mark.parametrize("name", ENGINES_HERE)
def test_a_branch_that_the_bundle_lacks_is_refused(bundle: Bundle, name: str) -> None:
    entries = {Modality.RGB: bundle.manifest.files["fp32"][Modality.RGB]}
    manifest = replace(bundle.manifest, modalities=(Modality.RGB,), files={"fp32": entries})
    engine = open_engine(Bundle(bundle.path, manifest), name)
    assert engine.run(Modality.RGB, pixels(1)).shape == (1, 16)
    with pytest.raises(EngineError, match="no tir branch, only rgb; leave that image out"):
        engine.run(Modality.TIR, pixels(1))


def test_pixels_of_another_size_or_type_are_refused(bundle: Bundle) -> None:
    engine = open_engine(bundle, "onnxruntime-cpu")
    others: list[NDArray[Any]] = [pixels(1, 32, 64), pixels(1).astype(np.float32), pixels(1)[0]]
    for wrong in others:
        with pytest.raises(EngineError, match=r"takes uint8 \(N, 32, 32, 3\)"):
            engine.run(Modality.RGB, wrong)


@pytest.mark.parametrize("name", ENGINES_HERE)
def test_features_of_another_length_than_the_manifest_says_are_an_error(
    bundle: Bundle, name: str
) -> None:
    shorter = Bundle(bundle.path, replace(bundle.manifest, feature_size=8))
    with pytest.raises(EngineError, match=r"shape \(1, 16\) instead of \(1, 8\)"):
        open_engine(shorter, name).run(Modality.RGB, pixels(1))


@pytest.mark.parametrize(
    ("threads", "lanes", "models"),
    [
        pytest.param(2, 2, 2, id="a model computes in one caller at a time, so each lane has one"),
        pytest.param(1, 1, 1, id="one lane"),
        pytest.param(4, 2, 1, id="lanes of several threads share the streams of one"),
        pytest.param(10**6, 10**6, 1, id="so many copies of the weights would be large"),
    ],
)
def test_how_many_models_openvino_compiles_for_a_branch(
    bundle: Bundle, threads: int, lanes: int, models: int
) -> None:
    network = import_openvino().Core().read_model(bundle.file(Modality.RGB, "fp32"))
    assert len(streams_of(network, threads, lanes)) == models


@pytest.mark.parametrize("threads", [2, 4])
def test_lanes_of_compact_weights_compute_the_same_at_the_same_time(threads: int) -> None:
    """OpenVINO's streams, which lanes of several threads have, race for compact weights."""
    shipped = Bundle.load(SHIPPED, verify=False)
    reference = open_engine(shipped, "onnxruntime-cpu", 1, "fp32")
    preprocessing = shipped.manifest.preprocessing
    image = pixels(1, preprocessing.height, preprocessing.width)
    found = open_engine(shipped, "openvino-cpu", threads, "fp32", 2)
    with ThreadPoolExecutor(2) as callers:
        for modality in MODALITIES:
            expected = reference.run(modality, image)
            running = [callers.submit(found.run, modality, image) for _ in range(6)]
            for each in running:
                np.testing.assert_allclose(each.result(), expected, atol=1e-3)
