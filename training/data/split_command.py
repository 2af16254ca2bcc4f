r"""Draws the identities of a manifest to hold out, with a fixed seed.

The repository's split of the real photographs was made by

    python -m training.data.split_command ROOT/manifest.csv --by kind \
        --query-camera 1 --gallery-camera 2 --out training/configs/splits/vehicles_two_camera.json
"""

import json
from pathlib import Path

import click

from training.data.manifest_rows import read_manifest
from training.data.split import IdentitySplit, draw_split


@click.command()
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", default=None, help="Column whose values each give their share.")
@click.option("--share", default=0.2, show_default=True, help="Share of identities to hold out.")
@click.option("--seed", default=2022, show_default=True)
@click.option("--query-camera", default=None)
@click.option("--gallery-camera", default=None)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def command(
    manifest: Path,
    by: str | None,
    share: float,
    seed: int,
    query_camera: str | None,
    gallery_camera: str | None,
    out: Path,
) -> None:
    """Draw a split of MANIFEST's identities and write it as JSON."""
    drawn = draw_split([row.sample for row in read_manifest(manifest)], by, share, seed)
    held_out = [identity for kind in sorted(drawn) for identity in drawn[kind]]
    split = IdentitySplit(frozenset(held_out), query_camera, gallery_camera)
    document = {
        "drawn_by": {"share": share, "seed": seed, "by": by},
        "query_camera": split.query_camera,
        "gallery_camera": split.gallery_camera,
        "held_out": held_out,
    }
    out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    click.echo(f"held out {len(held_out)} identities: {out}")


if __name__ == "__main__":
    command()
