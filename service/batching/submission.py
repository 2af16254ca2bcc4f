"""The images that one request wants embedded, and the features as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.batching.ticket import Ticket
from vreid.embedding import round_to_stored
from vreid.errors import NoModality
from vreid.modality import MODALITIES, Modality

Pixels: TypeAlias = NDArray[np.uint8]
BranchPixels: TypeAlias = Mapping[Modality, Pixels]
"""Branch pixels (H, W, 3) of one sample."""

Embedded: TypeAlias = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""Features (N, 3, D), exact in float16, zero where missing; and the mask (N, 3)."""


class Submission:
    """Images under way; whoever changes it holds the batcher's lock, but for `future` and `write`.

    Attributes:
        ticket: of its request.
        future: gets the features, or what went wrong.
        submitted: the moment of `time.monotonic()`.
        begun: the moment that the first of its images was taken by a lane, None before.
        found_free: whether a lane was free when it came: then nobody made it wait.
        images: what is to be computed; none when it is over.
    """

    __slots__ = (
        "_features",
        "_mask",
        "_remaining",
        "begun",
        "found_free",
        "future",
        "images",
        "submitted",
        "ticket",
    )

    def __init__(
        self, samples: Sequence[BranchPixels], feature_size: int, ticket: Ticket, now: float
    ) -> None:
        self.ticket = ticket
        self.future: Future[Embedded] = Future()
        self.submitted = now
        self.begun: float | None = None
        self.found_free = False
        self._features = np.zeros((len(samples), len(MODALITIES), feature_size), dtype=np.float32)
        self._mask = np.zeros((len(samples), len(MODALITIES)), dtype=np.bool_)
        self.images = [
            QueuedImage(self, modality, row, pixels)
            for row, sample in enumerate(samples)
            for modality, pixels in sample.items()
        ]
        for image in self.images:
            self._mask[image.row, image.modality.index] = True
        self._remaining = len(self.images)
        empty = np.flatnonzero(~self._mask.any(axis=1))
        if empty.size:
            raise NoModality(f"sample {empty[0]} has no image; give at least one of rgb, nir, tir")

    @property
    def is_over(self) -> bool:
        """Whether it was answered, with features or without."""
        return self._remaining <= 0

    def is_late(self, now: float) -> bool:
        """Tell whether its turn should have come before `now`."""
        return self.begun is None and not self.found_free and self.ticket.is_late(now)

    def write(self, image: QueuedImage, features: NDArray[np.float32]) -> None:
        """Note the features (D,) of one image; each has its own place, so no lock is needed."""
        self._features[image.row, image.modality.index] = features

    def keep(self) -> bool:
        """Count an image whose features are written; return whether it was the last."""
        self._remaining -= 1
        return self._remaining == 0

    def give_up(self) -> bool:
        """Take no more features and forget the images; return whether it was still under way."""
        was_under_way = self._remaining > 0
        self._remaining = 0
        self._let_go()
        return was_under_way

    def finish(self) -> None:
        """Hand over the features, or say why they cannot be."""
        self._let_go()
        try:
            features = round_to_stored(self._features)
        except BaseException as error:
            self.fail(error)
        else:
            with suppress(InvalidStateError):
                self.future.set_result((features, self._mask))

    def fail(self, error: BaseException) -> None:
        """Say why there are no features, unless something has been said."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)

    def _let_go(self) -> None:
        # Each image names its submission, and the ticket whom to tell: without cycles, all of it
        # goes at the moment of the answer and not when the collector comes by.
        self.images = []
        self.ticket.settle()


class QueuedImage:
    """One image of a submission; equal to itself only."""

    __slots__ = ("modality", "pixels", "row", "submission")

    def __init__(
        self, submission: Submission, modality: Modality, row: int, pixels: Pixels
    ) -> None:
        self.submission = submission
        self.modality = modality
        self.row = row
        self.pixels = pixels
