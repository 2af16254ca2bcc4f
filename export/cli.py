"""The command ``vreid export``; torch and onnx are imported when it runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vreid.bundle import Bundle

if TYPE_CHECKING:
    from export.modality_gains import ModalityWeighting
    from export.network_files import WeightStorage
    from export.quantisation.variants import VariantName


Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class NameAndValue(click.ParamType[tuple[str, str]]):
    """NAME=VALUE on the command line."""

    name = "NAME=VALUE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equals sign."""
        name, sign, rest = str(value).partition("=")
        if not (name and sign and rest):
            self.fail(f"{value!r} is not of the form {self.name}", param, ctx)
        return name, rest


class Weighting(click.ParamType["ModalityWeighting"]):
    """fit, none, or three gains."""

    name = "fit|none|R,N,T"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ModalityWeighting:
        """Read three positive, finite numbers where it is neither word."""
        text = str(value)
        if text == "fit":
            return "fit"
        if text == "none":
            return "none"
        try:
            first, second, third = (float(part) for part in text.split(","))
        except ValueError:
            self.fail(f"{text!r} is neither fit nor none nor three numbers", param, ctx)
        if not all(0 < gain < math.inf for gain in (first, second, third)):
            self.fail(f"{text!r} has a gain that is not a positive number", param, ctx)
        return first, second, third


class Variants(click.ParamType["tuple[VariantName, ...]"]):
    """Names of variants with commas between, or none."""

    name = "none|NAME,..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[VariantName, ...]:
        """Read the names; each may stand there once."""
        from export.quantisation.variants import VARIANTS

        text = str(value)
        asked = [] if text == "none" else text.split(",")
        known = {str(name): name for name in VARIANTS}
        if len(set(asked)) != len(asked) or not known.keys() >= set(asked):
            self.fail(f"{text!r} is neither none nor some of {', '.join(VARIANTS)}", param, ctx)
        return tuple(known[name] for name in asked)


def data_set_option(*names: str, told: str) -> Callable[[Decorated], Decorated]:
    """An option that names data sets, any number of times; `told` says what they are for."""
    return click.option(
        *names,
        type=NameAndValue(),
        multiple=True,
        metavar="[LABEL:]NAME=DIR",
        help=f"{told} May be repeated.",
    )


@click.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The bundle's directory, made by this command.",
)
@click.option("--name", help="Name of the model; the training configuration's by default.")
@click.option("--version", show_default="1.0.0", help="Version of the model.")
@click.option(
    "--weights",
    type=click.Choice(["float32", "compact"]),
    default="float32",
    show_default=True,
    help="How weights are stored; compact needs a quarter of the space and computes alike.",
)
@click.option("--data", help="A data set to validate on; --root says where it lies.")
@click.option("--root", type=click.Path(exists=True, path_type=Path), help="Where --data lies.")
@data_set_option(
    "--validation", "--validate", "more", told="A data set that figures are reported of."
)
@data_set_option(
    "--calibration",
    told="A data set of other identities that calibration, automatic policy and modality weights "
    "are fitted on; the validation data by default.",
)
@data_set_option(
    "--halve",
    told="A data set of which half of the identities calibrate and the others are reported.",
)
@click.option(
    "--modality-weights",
    "weighting",
    type=Weighting(),
    default="fit",
    show_default=True,
    help="Weigh the modalities as the calibration data says, not at all, or by gains such as "
    "1,1,0.5 for RGB, NIR, TIR.",
)
@click.option(
    "--licence",
    "licences",
    type=NameAndValue(),
    multiple=True,
    metavar="SOURCE=TERMS",
    help="Terms of a source of the training data, for the model card. May be repeated.",
)
@click.option(
    "--variants",
    type=Variants(),
    default="int8,bf16",
    show_default=True,
    help="Other precisions to measure on the data, and to write where they cost at most 0.5 points "
    "of mAP: int8, bf16, fp16 (for GPUs), or none.",
)
@click.option("--force", is_flag=True, help="Replace the bundle at --out.")
def export(
    checkpoint: Path,
    out: Path,
    name: str | None,
    version: str | None,
    weights: WeightStorage,
    data: str | None,
    root: Path | None,
    more: tuple[tuple[str, str], ...],
    calibration: tuple[tuple[str, str], ...],
    halve: tuple[tuple[str, str], ...],
    weighting: ModalityWeighting,
    licences: tuple[tuple[str, str], ...],
    variants: tuple[VariantName, ...],
    force: bool,
) -> None:
    """Write CHECKPOINT as a bundle: ONNX files, manifest and model card.

    Each branch is checked by the ONNX checker and against torch. With validation data the checks
    run on real images, and metrics, calibrated probabilities and the automatic scoring policy go
    into the manifest. A check that fails writes nothing.

    A set is named by its layout, such as msvr310=DIR, or by a label, LABEL:msvr310=DIR; figures
    call it so. Identities of equal names in sets of one name are taken for the same vehicle, and
    what calibrates may be neither reported nor trained on. Training data have the names of their
    sources and layouts. A new label says that a set's vehicles are others, though they are numbered
    alike: do not give one to data that training has seen, nothing would notice.
    """
    from export.bundle_export import DEFAULT_VERSION, export_bundle
    from export.named_sets import NamedSet

    if (data is None) != (root is None):
        raise click.UsageError("give --data and --root together")
    first = [(data, str(root))] if data is not None else []
    validation, calibrating, halved = (
        [NamedSet.parse(name, Path(folder)) for name, folder in given]
        for given in ([*first, *more], calibration, halve)
    )
    bundle = export_bundle(
        checkpoint,
        out,
        name=name,
        version=version or DEFAULT_VERSION,
        weights=weights,
        validation=validation,
        calibration=calibrating,
        halved=halved,
        weighting=weighting,
        licences=dict(licences),
        variants=variants,
        force=force,
    )
    click.echo(describe(bundle))


def describe(bundle: Bundle) -> str:
    """What was written, in a few lines."""
    manifest = bundle.manifest
    files = manifest.files[manifest.precision].values()
    lines = [
        f"{bundle.path}: {manifest.name} {manifest.version}, "
        f"{sum(entry.bytes for entry in files) / 1e6:.1f} MB, {bundle.fingerprint}"
    ]
    for name, figures in manifest.metrics.get("validation", {}).items():
        found = figures["all"]
        lines.append(f"{name}: mAP {100 * found['mAP']:.1f} %, rank-1 {100 * found['rank1']:.1f} %")
        if figures["seen_in_training"]:
            lines.append(
                f"{name}: training saw vehicles of this set; its figures flatter the model"
            )
    weights = manifest.metrics.get("modality_weights", {})
    if weights.get("mAP_after") != weights.get("mAP_before"):
        lines.append(
            "modality weights: "
            + ", ".join(f"{name} {gain:g}" for name, gain in weights["gains"].items())
        )
    lines += [
        f"{name}: costs {variant.loss_points:.2f} points of mAP at most, on {variant.worst}"
        for name, variant in manifest.variants.items()
    ]
    lines += [
        f"{name} was not written: {reason}"
        for name, reason in manifest.metrics.get("variants", {}).get("not_written", {}).items()
    ]
    if manifest.calibration is None:
        lines.append(f"not calibrated: {manifest.metrics.get('not_calibrated', 'unknown why')}")
    return "\n".join(lines)
