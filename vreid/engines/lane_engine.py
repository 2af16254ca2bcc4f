"""The engine that all libraries share: checks, cuts into runs, pads, and hands runs to lanes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vreid.bundle import Bundle
from vreid.engines.batches import cut, padded_size
from vreid.engines.lanes import Lanes
from vreid.errors import EngineError
from vreid.modality import Modality, subset_name
from vreid.preprocessing import Normalisation, normalise

Images: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]
"""A batch of pixels uint8 (N, H, W, 3), or of normalised images float32 (N, 3, H, W)."""


class OpenNetwork(Protocol):
    """A branch's network file, open in some library."""

    @property
    def takes_pixels(self) -> bool:
        """Whether its input is uint8 (N, H, W, 3); else it is float32 (N, 3, H, W), normalised."""

    def run(self, lane: int, images: Images) -> NDArray[np.generic]:
        """Features (N, D) of a contiguous batch of one of the engine's sizes.

        They may be overwritten by the next run in the same lane. Any exception is a failure.
        """


@dataclass(frozen=True, slots=True)
class _Lane:
    """Buffers of the largest batch: as pixels (N, H, W, 3), and normalised (N, 3, H, W)."""

    number: int
    pixels: NDArray[np.uint8]
    normalised: NDArray[np.float32]


class LaneEngine:
    """An engine over open networks. Safe to call from several threads.

    Args:
        name: of the engine.
        precision: that it computes in.
        threads: processors that it keeps busy together.
        lanes: runs at the same moment.
        batch_sizes: ascending.
        bundle: whose pixels it takes.
        networks: one for each modality that it is to run.
    """

    def __init__(
        self,
        name: str,
        precision: str,
        threads: int,
        lanes: int,
        batch_sizes: tuple[int, ...],
        bundle: Bundle,
        networks: Mapping[Modality, OpenNetwork],
    ) -> None:
        self.name = name
        self.precision = precision
        self.threads = threads
        self.lanes = lanes
        self.batch_sizes = batch_sizes
        self._networks = dict(networks)
        preprocessing = bundle.manifest.preprocessing
        self._normalisation: Mapping[Modality, Normalisation] = preprocessing.normalisation
        self._shape = (preprocessing.height, preprocessing.width, 3)
        self._feature_size = bundle.manifest.feature_size
        height, width, channels = self._shape
        most = batch_sizes[-1]
        self._lanes = Lanes(
            [
                _Lane(
                    number,
                    np.zeros((most, height, width, channels), dtype=np.uint8),
                    np.zeros((most, channels, height, width), dtype=np.float32),
                )
                for number in range(lanes)
            ]
        )

    def warm_up(self) -> None:
        """Run every branch once in every lane at every batch size.

        A library prepares itself for each, which takes several times as long as a run and memory
        that it keeps: afterwards neither is needed any more.

        Raises:
            EngineError: a branch does not run.
        """

        def run_all(lane: _Lane) -> None:
            for modality, network in self._networks.items():
                for size in self.batch_sizes:
                    self._run_piece(lane, modality, network, np.zeros_like(lane.pixels[:size]))

        self._lanes.run_in_each(run_all)

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Branch features (N, D) of branch pixels (N, H, W, 3).

        Only this branch runs. More images than the largest batch has go to all the lanes.

        Raises:
            EngineError: the bundle has no such branch, the pixels have another type or shape, or
                the library failed.
        """
        network = self._networks.get(modality)
        if network is None:
            raise EngineError(
                f"the bundle has no {modality} branch, only {subset_name(self._networks)}; "
                "leave that image out or use another bundle"
            )
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != self._shape:
            height, width, channels = self._shape
            raise EngineError(
                f"pixels are {pixels.dtype} of shape {pixels.shape}; this bundle takes uint8 "
                f"(N, {height}, {width}, {channels}), made by vreid.preprocessing.branch_pixels"
            )
        features = np.empty((len(pixels), self._feature_size), dtype=np.float32)

        def run_piece(lane: _Lane, rows: slice) -> None:
            features[rows] = self._run_piece(lane, modality, network, pixels[rows])

        self._lanes.run(run_piece, cut(len(pixels), self.batch_sizes, self._lanes.count))
        return features

    def _run_piece(
        self, lane: _Lane, modality: Modality, network: OpenNetwork, pixels: NDArray[np.uint8]
    ) -> NDArray[np.generic]:
        size = padded_size(len(pixels), self.batch_sizes)
        images: Images
        if not network.takes_pixels:
            images = lane.normalised[:size]
            normalise(pixels, self._normalisation[modality], images[: len(pixels)])
        elif len(pixels) == size and pixels.flags.c_contiguous:
            images = pixels
        else:
            images = lane.pixels[:size]
            images[: len(pixels)] = pixels
        try:
            features = network.run(lane.number, images)
        except Exception as error:  # the libraries' exceptions have no common base but this
            raise EngineError(
                f"{self.name} failed on the {modality} branch ({error}); "
                "check the memory that is left, or use another engine"
            ) from error
        if features.shape != (size, self._feature_size):
            raise EngineError(
                f"the {modality} branch gave features of shape {features.shape} instead of "
                f"{(size, self._feature_size)}; export the bundle again"
            )
        return features[: len(pixels)]
