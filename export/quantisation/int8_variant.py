"""The int8 variant: made, measured, and blocks given back to float32 until it loses little."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from export.quantisation.calibration_images import PixelsByModality
from export.quantisation.candidate import Candidate, Embed, measured, with_files
from export.quantisation.int8_graph import QuantisableBranch, int8_graph, quantisable_branch
from export.quantisation.sensitivity import MOST_IN_FLOAT, BlockChoice, choose_blocks
from export.validation import EmbeddedSets
from training.evaluation import SUBSET_LETTERS
from vreid.manifest import Manifest
from vreid.modality import Modality
from vreid.variant import Variant


def int8_variant(
    directory: Path,
    manifest: Manifest,
    pixels: PixelsByModality,
    default: EmbeddedSets,
    embed: Embed,
    most_loss_points: float,
) -> Candidate:
    """Write the files and measure them; of branches that lose too much, more stays float32.

    One block more, then two, four and so on, the worst first, until the mAP holds or as many are
    float32 as may be.

    Errors as `export.quantisation.candidate.measured`.
    """
    branches: dict[Modality, QuantisableBranch] = {}
    choices: dict[Modality, BlockChoice] = {}
    for modality in manifest.modalities:
        entry = manifest.files[manifest.precision][modality]
        branches[modality] = quantisable_branch(
            onnx.load(directory / entry.path),
            manifest.preprocessing.normalisation[modality],
            pixels[modality],
        )
        choices[modality] = choose_blocks(branches[modality], pixels[modality])
    more = dict.fromkeys(manifest.modalities, 0)
    while True:
        chosen = {
            modality: replace(choice, kept=min(choice.kept + more[modality], choice.most))
            for modality, choice in choices.items()
        }
        graphs = {
            modality: int8_graph(branches[modality], choice.ranges, choice.in_float)
            for modality, choice in chosen.items()
        }
        written, shared = with_files(directory, manifest, "int8", graphs)
        candidate = measured("int8", directory, written, default, embed)
        lossy = lossy_branches(candidate.variant, most_loss_points)
        able = {one for one in lossy if chosen[one].kept < chosen[one].most}
        if not able:
            break
        for modality in able:
            more[modality] = max(1, 2 * more[modality])
    record = {
        modality.value: {
            **_described(choice, choices[modality].kept),
            "shared_bytes": shared[modality],
        }
        for modality, choice in chosen.items()
    }
    return replace(candidate, record=record, refused=_refusal(chosen, lossy))


def lossy_branches(variant: Variant, most_loss_points: float) -> set[Modality]:
    """The branches to blame for what a variant loses too much.

    Where a modality alone loses it, that one; where only a combination does, all of it.
    """
    letters = {letter: modality for modality, letter in SUBSET_LETTERS.items()}
    over = {
        tuple(letters[one] for one in where.modalities.split("+"))
        for where, one in variant.map.items()
        if one.loss_points > most_loss_points
    }
    alone = {modality for subset in over if len(subset) == 1 for modality in subset}
    return alone or {modality for subset in over for modality in subset}


def _refusal(chosen: Mapping[Modality, BlockChoice], lossy: Collection[Modality]) -> str | None:
    """Why it is not called int8: too much would have to stay float32, or there is nothing else."""
    for modality, choice in chosen.items():
        if not choice.alone:
            return f"{modality} has no layer that can be computed in 8 bits"
        if modality in lossy:
            return (
                f"with {choice.kept} of {len(choice.alone)} blocks of {modality} in float32, and "
                f"no more than {MOST_IN_FLOAT:.0%} may be"
            )
    return None


def _described(choice: BlockChoice, by_distance: int) -> dict[str, Any]:
    """How a branch came to be what it is: distances are 1 - cosine to its float32 features."""
    reasons = {
        block: "mAP" if place >= by_distance else "distance"
        for place, block in enumerate(choice.in_float)
    }
    return {
        "ranges": choice.method,
        "distance_by_ranges": {name: _short(one) for name, one in choice.methods.items()},
        "distance_alone": {name: _short(one) for name, one in choice.alone.items()},
        "in_float": reasons,
    }


def _short(distance: float) -> float:
    return float(f"{distance:.2e}")
