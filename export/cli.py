"""The command ``vreid export``; torch and onnx are imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vreid.bundle import Bundle

if TYPE_CHECKING:
    from export.bundle_export import WeightStorage


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
@click.option(
    "--validate",
    "more",
    type=NameAndValue(),
    multiple=True,
    metavar="NAME=DIR",
    help="A further data set to validate on. May be repeated.",
)
@click.option(
    "--licence",
    "licences",
    type=NameAndValue(),
    multiple=True,
    metavar="SOURCE=TERMS",
    help="Terms of a source of the training data, for the model card. May be repeated.",
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
    licences: tuple[tuple[str, str], ...],
    force: bool,
) -> None:
    """Write CHECKPOINT as a bundle: ONNX files, manifest and model card.

    Each branch is checked by the ONNX checker and against torch. With validation data the checks
    run on real images, and metrics, calibrated probabilities and the automatic scoring policy go
    into the manifest. A check that fails writes nothing.
    """
    from export.bundle_export import DEFAULT_VERSION, export_bundle

    if (data is None) != (root is None):
        raise click.UsageError("give --data and --root together")
    validation = [(data, root)] if data is not None and root is not None else []
    validation += [(named, Path(folder)) for named, folder in more]
    bundle = export_bundle(
        checkpoint,
        out,
        name=name,
        version=version or DEFAULT_VERSION,
        weights=weights,
        validation=validation,
        licences=dict(licences),
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
    for name, figures in manifest.metrics["validation"].items():
        found = figures["all"]
        lines.append(f"{name}: mAP {100 * found['mAP']:.1f} %, rank-1 {100 * found['rank1']:.1f} %")
        if figures["seen_in_training"]:
            lines.append(
                f"{name}: training saw vehicles of this set; its figures flatter the model"
            )
    if manifest.calibration is None:
        lines.append(f"not calibrated: {manifest.metrics['not_calibrated']}")
    return "\n".join(lines)
