"""``vreid bundle``: look at a model bundle, check it, and give it variants."""

import importlib
import json
from pathlib import Path
from typing import Any

import click

from vreid.bundle import Bundle
from vreid.installation import install_hint


class _WithQuantise(click.Group):
    """Imports ``quantise``, which needs training and export, only when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*super().list_commands(context), "quantise"]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name != "quantise":
            return super().get_command(context, name)
        try:
            command = importlib.import_module("export.quantisation.command").quantise
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"'vreid bundle quantise' needs the package '{error.name}', which is not "
                f"installed; {install_hint('export,cpu')}"
            ) from error
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    ("quantise", "Measure variants of a bundle and write those that cost little."),
                    *(
                        (name, command.get_short_help_str(100))
                        for name, command in sorted(self.commands.items())
                    ),
                ]
            )


@click.group(cls=_WithQuantise)
def bundle() -> None:
    """Look at a model bundle, check it, and give it variants."""


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
