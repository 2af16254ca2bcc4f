"""What comes into question, by what the bundle has and the processor can."""

import pytest

from vreid.cpu_features import Processor
from vreid.engines import ENGINES, PRECISIONS
from vreid.engines.candidates import PREFERENCE, candidates_of, require_known
from vreid.engines.names import PRECISIONS_OF
from vreid.errors import EngineUnavailable

ABLE = Processor("able", frozenset({"avx512_bf16", "avx512_vnni"}), True)
OLD = Processor("old", frozenset({"avx2"}), True)
ALL = ("fp32", "int8", "fp16", "bf16")


def names(
    engine: str, precision: str, available: tuple[str, ...], processor: Processor
) -> list[str]:
    return [str(each) for each in candidates_of(engine, precision, available, processor)]


def test_auto_takes_every_variant_that_the_processor_can_in_the_order_of_preference() -> None:
    assert candidates_of("auto", "auto", ALL, ABLE) == list(PREFERENCE)


def test_a_bundle_without_variants_runs_in_its_default() -> None:
    assert names("auto", "auto", ("fp32",), ABLE) == ["onnxruntime-cpu fp32", "openvino-cpu fp32"]


def test_auto_leaves_out_what_the_processor_cannot_or_computes_otherwise_than_measured() -> None:
    assert names("auto", "auto", ALL, OLD) == ["onnxruntime-cpu fp32", "openvino-cpu fp32"]


def test_int8_asked_for_by_name_is_given_on_any_processor() -> None:
    assert names("auto", "int8", ALL, OLD) == ["onnxruntime-cpu int8", "openvino-cpu int8"]
    assert names("onnxruntime-cpu", "int8", ALL, OLD) == ["onnxruntime-cpu int8"]


@pytest.mark.parametrize("engine", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
def test_a_gpu_prefers_fp16_where_the_bundle_has_it(engine: str) -> None:
    assert names(engine, "auto", ALL, OLD) == [f"{engine} fp16", f"{engine} fp32"]
    assert names(engine, "auto", ("fp32", "int8"), OLD) == [f"{engine} fp32"]


@pytest.mark.parametrize(
    ("engine", "precision", "message"),
    [
        ("onnxruntime-cpu", "bf16", "does not compute in bf16; use openvino-cpu"),
        ("auto", "fp16", "does not compute in fp16; use onnxruntime-cuda or onnxruntime-tensorrt"),
        ("onnxruntime-cuda", "int8", "does not compute in int8"),
        ("openvino-cpu", "bf16", r"processor \(old\) does not compute in bf16"),
    ],
)
def test_what_does_not_go_together_is_refused(engine: str, precision: str, message: str) -> None:
    with pytest.raises(EngineUnavailable, match=message):
        candidates_of(engine, precision, ALL, OLD)


def test_an_engine_without_any_of_the_bundles_precisions_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match=r"none of the bundle's precisions here \(fp16\)"):
        candidates_of("auto", "auto", ("fp16",), ABLE)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(EngineUnavailable, match="'tpu' is no engine; use one of auto, openvino"):
        require_known("tpu", "auto")
    with pytest.raises(EngineUnavailable, match="'int4' is no precision; use one of auto, fp32"):
        require_known("auto", "int4")


def test_every_engine_says_in_which_precisions_it_computes() -> None:
    assert {"auto", *PRECISIONS_OF} == set(ENGINES)
    assert {"auto", *(each for known in PRECISIONS_OF.values() for each in known)} == set(
        PRECISIONS
    )
    assert all(each.precision in PRECISIONS_OF[each.engine] for each in PREFERENCE)
