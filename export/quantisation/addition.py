"""Replaces a bundle by one with other variants, or leaves it as it is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from export.bundle_writer import staged_directory
from export.errors import ValidationDataError, VariantError
from export.model_card import CARD_NAME, render_model_card
from export.named_sets import NamedSet, load_roles
from export.quantisation.calibration_images import pixels_or_reason, seen_by_ranges
from export.quantisation.measured_sets import measured_sets
from export.quantisation.variants import (
    VariantName,
    reason_against,
    without_variants,
    write_variants,
)
from export.validation import EmbeddedSets
from vreid.bundle import Bundle, write_manifest
from vreid.cpu_features import Processor, read_processor
from vreid.engines import BranchRunner, open_engine
from vreid.manifest import Manifest

ENGINE = "onnxruntime-cpu"


def add_variants(
    path: Path,
    variants: Sequence[VariantName],
    *,
    validation: Sequence[NamedSet] = (),
    calibration: Sequence[NamedSet] = (),
    halved: Sequence[NamedSet] = (),
    processor: Processor | None = None,
) -> Bundle:
    """Make these variants of a bundle anew; its others stay. None asked for: all go.

    Args:
        path: the bundle.
        variants: which.
        validation: data sets, as of `export.bundle_export.export_bundle`; so are the next two.
        calibration: of other identities.
        halved: of which half of the identities calibrate.
        processor: that this runs on; read from the system when None.

    Raises:
        BundleError: there is no bundle, or a damaged one.
        ValidationDataError, DatasetError: the data cannot be used, or there is none to measure on.
        VariantError: one that the bundle has cannot be made anew here.
    """
    # A name with a slash at its end, or a link, must not decide where the staging lies.
    path = path.resolve()
    former = Bundle.load(path)
    on = processor or read_processor()
    roles = load_roles(validation, calibration, halved)
    if variants and not roles.all():
        raise ValidationDataError(
            f"there is no data to measure {', '.join(variants)} on; give some by --validation. "
            "The bundle is as it was"
        )
    preprocessing = former.manifest.preprocessing

    def embed(runner: BranchRunner) -> EmbeddedSets:
        return measured_sets(roles, preprocessing, runner, former.manifest.feature_size)

    pixels = pixels_or_reason(roles, preprocessing)
    for name in variants:
        reason = reason_against(name, pixels, True, on)
        if reason is not None and name in former.manifest.variants:
            raise VariantError(
                f"{name} is there and cannot be made anew: {reason}. Ask for others by "
                "--variants; the bundle is as it was"
            )
    kept = without_variants(former.manifest, variants or tuple(former.manifest.variants))
    with staged_directory(path, force=True) as directory:
        _copy(former, kept, directory)
        if variants:
            kept = write_variants(
                directory,
                kept,
                variants,
                pixels,
                embed(open_engine(former, ENGINE, precision=former.manifest.precision)),
                embed,
                seen_by_ranges=seen_by_ranges(roles),
                processor=on,
            )
        write_manifest(directory, kept)
        (directory / CARD_NAME).write_text(render_model_card(kept), encoding="utf-8")
        Bundle.load(directory)
    return Bundle.load(path)


def _copy(former: Bundle, kept: Manifest, directory: Path) -> None:
    """Everything but the network files that the new manifest does not name."""
    named = {entry.path for entries in kept.files.values() for entry in entries.values()}
    given_up = {
        entry.path
        for entries in former.manifest.files.values()
        for entry in entries.values()
        if entry.path not in named
    }
    for source in former.path.rglob("*"):
        place = source.relative_to(former.path)
        if place.as_posix() in given_up:
            continue
        target = directory / place
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            shutil.copy2(source, target)
