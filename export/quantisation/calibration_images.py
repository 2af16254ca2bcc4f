"""Real images of each modality, from which ranges of activations are taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from export.errors import CalibrationImagesError
from export.named_sets import Roles, calibrating_half, identities
from export.validation import validation_samples
from vreid.decoding import decode_image
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing, branch_pixels
from vreid.sample import Sample

MOST = 96
"""Images of a modality that are read."""

FEWEST = 16
"""Fewer say too little about the range of an activation."""

PixelsByModality = Mapping[Modality, NDArray[np.uint8]]
"""(n, H, W, 3) of each modality."""


def calibration_samples(roles: Roles) -> Iterator[Sample]:
    """Samples of what calibrates; of what is reported only where there is nothing else.

    The figures of a variant are then of vehicles that its ranges were not taken from.
    """
    calibrating = list(validation_samples(list(roles.calibration.values())))
    for dataset in roles.halved.values():
        half = calibrating_half(identities(dataset))
        calibrating += [one for one in validation_samples([dataset]) if one.identity in half]
    return iter(calibrating or list(validation_samples(roles.all())))


def seen_by_ranges(roles: Roles) -> dict[str, str]:
    """How much of each set that losses are measured on gives ranges of activations, too.

    ``all`` or ``half``; sets that give none are left out. There the loss is in-sample.
    """
    if not roles.separate:
        return dict.fromkeys(roles.reported, "all")
    if not roles.reported and not roles.halved:
        return dict.fromkeys(roles.calibration, "all")
    # Halved sets are measured whole where no sample has two modalities, see `EmbeddedRoles`.
    return {
        label: "half"
        for label, dataset in roles.halved.items()
        if all(len(one.images) < 2 for one in (*dataset.query, *dataset.gallery))
    }


def calibration_pixels(
    samples: Iterable[Sample], preprocessing: Preprocessing
) -> dict[Modality, NDArray[np.uint8]]:
    """Up to MOST images of each modality, (n, H, W, 3), the samples taken from end to end.

    Raises:
        CalibrationImagesError: a modality has fewer than FEWEST.
        ImageError: an image cannot be used.
    """
    having: dict[Modality, list[Sample]] = {modality: [] for modality in MODALITIES}
    for sample in samples:
        for modality in sample.images:
            having[modality].append(sample)
    for modality, found in having.items():
        if len(found) < FEWEST:
            raise CalibrationImagesError(
                f"{modality} has {len(found)} real images and int8 needs {FEWEST}; give data "
                "with more by --calibration or --validation"
            )
    return {
        modality: np.stack(
            [
                branch_pixels(decode_image(sample.read(modality)), modality, preprocessing)
                for sample in _spread(found)
            ]
        )
        for modality, found in having.items()
    }


def pixels_or_reason(
    roles: Roles, preprocessing: Preprocessing
) -> dict[Modality, NDArray[np.uint8]] | CalibrationImagesError:
    """The calibration images of an export, or why it has none: it goes on without."""
    try:
        return calibration_pixels(calibration_samples(roles), preprocessing)
    except CalibrationImagesError as reason:
        return reason


def _spread(samples: list[Sample]) -> list[Sample]:
    """At most MOST of them, at equal distances, so that every set and vehicle is seen."""
    places = np.linspace(0, len(samples) - 1, min(MOST, len(samples))).round().astype(int)
    return [samples[place] for place in places]
