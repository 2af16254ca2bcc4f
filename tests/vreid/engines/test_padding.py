"""Padding to the next batch size, with real sessions of what takes pixels and what does not."""

from collections.abc import Mapping

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.vreid.engines.pixel_batches import pixels
from vreid.bundle import Bundle
from vreid.engines import open_engine
from vreid.engines.lane_engine import Images, LaneEngine, OpenNetwork
from vreid.engines.onnx_runtime import _Session
from vreid.modality import MODALITIES, Modality

SIZES = (1, 4, 8)


class Noted:
    """A session that notes the batch sizes that it is run with."""

    def __init__(self, session: OpenNetwork, sizes: list[int]) -> None:
        self._session, self._sizes = session, sizes
        self.takes_pixels = session.takes_pixels

    def run(self, lane: int, images: Images) -> NDArray[np.generic]:
        self._sizes.append(len(images))
        return self._session.run(lane, images)


def padded_engine(bundle: Bundle, precision: str, lanes: int) -> tuple[LaneEngine, list[int]]:
    """An engine of several batch sizes, as GPUs have them, and the sizes of its runs."""
    sizes: list[int] = []
    networks: Mapping[Modality, OpenNetwork] = {
        modality: Noted(
            _Session(
                onnxruntime.InferenceSession(
                    bundle.file(modality, precision), providers=["CPUExecutionProvider"]
                ),
                precision,
            ),
            sizes,
        )
        for modality in MODALITIES
    }
    return LaneEngine("padded", precision, lanes, lanes, SIZES, bundle, networks), sizes


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("lanes", [1, 2])
def test_rows_of_an_earlier_run_never_show_in_a_padded_one(
    variants: Bundle, precision: str, lanes: int
) -> None:
    reference = open_engine(variants, "onnxruntime-cpu", 1, precision)
    engine, sizes = padded_engine(variants, precision, lanes)
    for count in (8, 3, 1, 5, 2, 19, 3):
        batch = pixels(count)
        for modality in MODALITIES:
            alone = np.concatenate([reference.run(modality, row[np.newaxis]) for row in batch])
            found = engine.run(modality, batch)
            np.testing.assert_allclose(found, alone, rtol=1e-4, atol=1e-4)
    assert set(sizes) == set(SIZES)


def test_the_warm_up_runs_every_branch_at_every_size_in_every_lane(variants: Bundle) -> None:
    engine, sizes = padded_engine(variants, "fp32", 2)
    engine.warm_up()
    assert sorted(sizes) == sorted(SIZES * len(MODALITIES) * 2)
