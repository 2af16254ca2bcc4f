from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tests.bundles import make_tiny_bundle
from vreid.bundle import Bundle
from vreid.engines import ENGINES, open_engine
from vreid.engines.processors import usable_processors
from vreid.errors import BundleDamaged, BundleUnsupported, EngineError, EngineUnavailable
from vreid.modality import MODALITIES, Modality

HAS_CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def images(
    count: int, height: int = 32, width: int = 32
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    generator = np.random.default_rng(count)
    return generator.normal(size=(count, 3, height, width)).astype(np.float32)


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_branch_gives_one_feature_per_image(bundle: Bundle, modality: Modality) -> None:
    features = open_engine(bundle, "onnxruntime-cpu").run(modality, images(3))
    assert features.shape == (3, 16)
    assert features.dtype == np.float32
    assert len(np.unique(features, axis=0)) == 3


def test_each_modality_has_its_own_branch(bundle: Bundle) -> None:
    engine = open_engine(bundle, "onnxruntime-cpu")
    by_modality = np.stack([engine.run(modality, images(1))[0] for modality in MODALITIES])
    assert len(np.unique(by_modality, axis=0)) == 3


@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_is_the_same_to_the_last_bit_in_a_batch_of_any_size(
    tmp_path: Path, threads: int
) -> None:
    bundle = make_tiny_bundle(tmp_path, 96, height=64, width=128)
    engine = open_engine(bundle, "onnxruntime-cpu", threads)
    batch = images(8, 64, 128)
    for modality in MODALITIES:
        of_eight = engine.run(modality, batch)
        of_three = np.concatenate([engine.run(modality, part) for part in (batch[:3], batch[3:6])])
        alone = np.concatenate([engine.run(modality, batch[row : row + 1]) for row in range(8)])
        np.testing.assert_array_equal(of_three, of_eight[:6])
        np.testing.assert_array_equal(alone, of_eight)


def test_no_images_give_no_features(bundle: Bundle) -> None:
    assert open_engine(bundle, "onnxruntime-cpu").run(Modality.RGB, images(0)).shape == (0, 16)


def test_images_need_not_be_contiguous(bundle: Bundle) -> None:
    engine = open_engine(bundle, "onnxruntime-cpu")
    turned = images(2).transpose(0, 1, 3, 2)
    np.testing.assert_array_equal(
        engine.run(Modality.RGB, turned), engine.run(Modality.RGB, turned.copy())
    )


def test_threads_may_share_an_engine(bundle: Bundle) -> None:
    engine = open_engine(bundle, "onnxruntime-cpu", threads=1)
    batches = [images(1 + index % 3) for index in range(12)]
    expected = [engine.run(Modality.NIR, batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(
            pool.map(lambda batch: engine.run(Modality.NIR, batch), batches), expected, strict=True
        ):
            np.testing.assert_array_equal(found, wanted)


def test_an_engine_says_what_it_is(bundle: Bundle) -> None:
    engine = open_engine(bundle, "onnxruntime-cpu")
    assert engine.name == "onnxruntime-cpu"
    assert engine.precision == "fp32"


def test_the_threads_default_to_the_processors_that_may_be_used(bundle: Bundle) -> None:
    from vreid.engines.onnx_runtime import OnnxRuntimeEngine

    assert OnnxRuntimeEngine(bundle).threads == usable_processors()
    assert OnnxRuntimeEngine(bundle, threads=3).threads == 3


def test_auto_takes_an_engine_that_works(bundle: Bundle) -> None:
    engine = open_engine(bundle)
    assert engine.name in ENGINES
    assert engine.run(Modality.RGB, images(1)).shape == (1, 16)


@pytest.mark.skipif(HAS_CUDA, reason="this machine's ONNX Runtime has CUDA")
def test_cuda_asked_for_and_absent_is_an_error_and_never_the_cpu(bundle: Bundle) -> None:
    with pytest.raises(EngineUnavailable, match=r"onnxruntime-cuda was asked for, but .* has only"):
        open_engine(bundle, "onnxruntime-cuda")
    assert open_engine(bundle, "auto").name == "onnxruntime-cpu"


@pytest.mark.skipif(HAS_CUDA, reason="this machine's ONNX Runtime has CUDA")
def test_auto_says_that_it_takes_the_cpu_and_why(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="vreid.engines"):
        open_engine(bundle)
    assert caplog.messages == ["engine auto: CPU (this ONNX Runtime has no CUDA)"]


def test_an_unknown_engine_is_refused_with_the_known_ones(bundle: Bundle) -> None:
    with pytest.raises(EngineUnavailable, match="'tpu' is no engine; use one of auto, onnxruntime"):
        open_engine(bundle, "tpu")


def test_an_unknown_precision_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleUnsupported, match="no precision 'int4'"):
        open_engine(bundle, "onnxruntime-cpu", precision="int4")


def test_a_file_that_is_no_network_is_damage(bundle: Bundle) -> None:
    bundle.file(Modality.TIR).write_bytes(b"not a network")
    with pytest.raises(BundleDamaged, match=r"tir\.onnx cannot be loaded by ONNX Runtime"):
        open_engine(bundle, "onnxruntime-cpu")


def test_a_branch_that_the_bundle_lacks_is_refused(bundle: Bundle) -> None:
    entries = {Modality.RGB: bundle.manifest.files["fp32"][Modality.RGB]}
    manifest = replace(bundle.manifest, modalities=(Modality.RGB,), files={"fp32": entries})
    engine = open_engine(Bundle(bundle.path, manifest), "onnxruntime-cpu")
    assert engine.run(Modality.RGB, images(1)).shape == (1, 16)
    with pytest.raises(EngineError, match="no tir branch, only rgb; leave that image out"):
        engine.run(Modality.TIR, images(1))


def test_images_of_another_size_are_refused(bundle: Bundle) -> None:
    engine = open_engine(bundle, "onnxruntime-cpu")
    with pytest.raises(EngineError, match=r"takes \(N, 3, 32, 32\)"):
        engine.run(Modality.RGB, images(1, 32, 64))
