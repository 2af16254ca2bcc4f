"""Made-up vehicles as the client's images and sightings."""

from dataclasses import replace

from tests.service.vehicles import picture
from vreid.client import Images, Sighting
from vreid.modality import Modality


def seen(identity: int, sighting: int = 0) -> Images:
    """The three images of one sighting of a vehicle."""
    return Images(
        rgb=picture(identity, sighting, Modality.RGB),
        nir=picture(identity, sighting, Modality.NIR),
        tir=picture(identity, sighting, Modality.TIR),
    )


def sighted(identity: int, sighting: int = 0, told: Sighting | None = None) -> Sighting:
    """The same with what is told about it."""
    images = seen(identity, sighting)
    return replace(told or Sighting(), rgb=images.rgb, nir=images.nir, tir=images.tir)
