"""``vreid bundle``: look at a model bundle and check it."""

import json
from pathlib import Path
from typing import Any

import click

from vreid.bundle import Bundle


@click.group()
def bundle() -> None:
    """Look at a model bundle and check it."""


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(path: Path, as_json: bool) -> None:
    """Check the manifest and every file of the bundle at PATH."""
    summary = summarise(Bundle.load(path, verify=True))
    if as_json:
        click.echo(json.dumps(summary))
        return
    click.echo(f"{summary['name']} {summary['version']} is whole: {path}")
    for name in ("modalities", "precisions"):
        click.echo(f"  {name}: {', '.join(summary[name])}")
    for name in ("feature_size", "input", "auto_policy", "bytes", "fingerprint"):
        click.echo(f"  {name}: {summary[name]}")


def summarise(bundle: Bundle) -> dict[str, Any]:
    """What a person asks about a bundle first, as plain JSON values."""
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "fingerprint": bundle.fingerprint,
        "modalities": [modality.value for modality in manifest.modalities],
        "precisions": list(manifest.precisions),
        "feature_size": manifest.feature_size,
        "input": f"{manifest.preprocessing.height}x{manifest.preprocessing.width}",
        "auto_policy": manifest.auto_policy,
        "calibrated": manifest.calibration is not None,
        "bytes": sum(
            entry.bytes for entries in manifest.files.values() for entry in entries.values()
        ),
    }
