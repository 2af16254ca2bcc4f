"""Which branches give blocks back to float32 when int8 loses too much."""

from __future__ import annotations

from export.quantisation.int8_variant import lossy_branches
from vreid.modality import MODALITIES, Modality
from vreid.variant import MeasuredOn, Variant, VariantMap


def lost(**points: float) -> Variant:
    """A variant that loses so many points by modalities, such as T=0.7 or RNT=0.2."""
    found = {
        MeasuredOn("openvino-cpu", "drawn", "+".join(letters)): VariantMap(
            0.9, 0.9 - loss / 100, 0.9
        )
        for letters, loss in points.items()
    }
    return Variant("int8", found, max(points.values()))


def test_a_modality_that_loses_alone_is_to_blame_alone() -> None:
    assert lossy_branches(lost(R=0.1, N=0.0, T=0.7, RNT=0.6), 0.5) == {Modality.TIR}


def test_what_only_all_together_lose_all_are_to_blame_for() -> None:
    assert lossy_branches(lost(R=0.1, N=0.0, T=0.4, RNT=0.6), 0.5) == set(MODALITIES)


def test_nothing_is_to_blame_within_the_bound() -> None:
    assert lossy_branches(lost(R=0.1, N=0.5, T=0.4, RNT=0.2), 0.51) == set()
