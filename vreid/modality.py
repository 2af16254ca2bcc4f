"""The three spectra, in the order that every array in vreid uses."""

from collections.abc import Iterable
from enum import StrEnum

from vreid.errors import UnknownModality


class Modality(StrEnum):
    """A spectrum in which a vehicle is seen."""

    RGB = "rgb"
    NIR = "nir"
    TIR = "tir"

    # An enumeration's own hash is a function of Python, called at each look into a dict.
    __hash__ = str.__hash__

    # str has a method of this name; nothing searches inside a modality's name, and every
    # array in vreid is indexed by this number.
    @property
    def index(self) -> int:  # type: ignore[override]
        """Position on the modality axis: RGB 0, NIR 1, TIR 2."""
        return _INDEX[self]


MODALITIES: tuple[Modality, ...] = (Modality.RGB, Modality.NIR, Modality.TIR)

_INDEX = {modality: index for index, modality in enumerate(MODALITIES)}


def parse_modality(name: str) -> Modality:
    """The modality of this name, in any case of letters.

    Raises:
        UnknownModality: the name is not rgb, nir or tir.
    """
    try:
        return Modality(name.strip().lower())
    except ValueError:
        raise UnknownModality(f"{name!r} is no modality; use one of rgb, nir, tir") from None


def subset_name(modalities: Iterable[Modality]) -> str:
    """Name of a set of modalities, in the fixed order: ``"rgb+tir"``; empty for none."""
    present = set(modalities)
    return "+".join(modality.value for modality in MODALITIES if modality in present)


def modalities_of(mask: Iterable[bool]) -> tuple[Modality, ...]:
    """The modalities that a mask row of three booleans marks as present."""
    return tuple(modality for modality, there in zip(MODALITIES, mask, strict=True) if there)
