"""Real photographs over HTTP: one camera indexed, the other camera's crops searched.

Only identities that the split file holds out are used. NIR and TIR are missing for every sample.
Run: `python -m benchmarks.real_photographs --data FOLDER [--bundle DIR] [--json FILE]`, with FOLDER
the two-camera set (manifest.csv and images).
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import httpx
import numpy as np

from service.demo.child import serving, wait_until_ready
from vreid.metrics import Labels, evaluate_ranking

REPOSITORY = Path(__file__).resolve().parent.parent
SPLIT = REPOSITORY / "training" / "configs" / "splits" / "vehicles_two_camera.json"
BUNDLE = REPOSITORY / "service" / "demo" / "bundle"
ANY_PORT = 0
ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Photograph:
    """One crop of the two-camera set."""

    path: Path
    identity: str
    camera: str


@dataclass(frozen=True)
class Figures:
    """What one direction measured; `rank_1` and `map` are shares, not percent."""

    query_camera: str
    gallery_camera: str
    queries: int
    rank_1: float
    map: float


def held_out_photographs(folder: Path) -> list[Photograph]:
    """Read the photographs of identities that no training run has seen."""
    held_out = set(json.loads(SPLIT.read_text(encoding="utf-8"))["held_out"])
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return [
            Photograph(folder.resolve() / row["rgb"], row["identity"], row["camera"])
            for row in csv.DictReader(stream)
            if row["identity"] in held_out
        ]


def index_photographs(photographs: list[Photograph], bundle: Path, gallery: Path) -> None:
    """Index the photographs offline with `vreid index`."""
    manifest = gallery.with_suffix(".csv")
    with manifest.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["rgb", "identity", "camera"])
        writer.writerows([photo.path, photo.identity, photo.camera] for photo in photographs)
    command = [sys.executable, "-m", "vreid", "index", str(manifest)]
    command += ["--bundle", str(bundle), "--gallery", str(gallery), "--json"]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    summary = json.loads(run.stdout.splitlines()[-1])
    if summary["indexed"] != len(photographs):
        raise click.ClickException(f"indexed {summary} of {len(photographs)}: {run.stderr}")


def search_photographs(client: httpx.Client, queries: list[Photograph], k: int) -> list[list[str]]:
    """Search each photograph over HTTP; returns the ranked identities of each query."""
    ranked: list[list[str]] = []
    for query in queries:
        answer = client.post(
            "/search",
            files={"rgb": (query.path.name, query.path.read_bytes(), "image/jpeg")},
            data={"k": str(k)},
        )
        answer.raise_for_status()
        ranked.append([result["identity"] for result in answer.json()["results"]])
    return ranked


def measure(bundle: Path, queries: list[Photograph], gallery: list[Photograph]) -> Figures:
    """Index `gallery`, search every query over HTTP, and rank-1 and mAP of the answers."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "gallery"
        index_photographs(gallery, bundle, place)
        with (
            serving(bundle, place, ANY_PORT) as (child, address),
            httpx.Client(base_url=address, timeout=ANSWER_SECONDS) as client,
        ):
            wait_until_ready(client, child)
            ranked = search_photographs(client, queries, len(gallery))
    # One photograph an identity and camera, so an identity names its place in the gallery.
    columns = {photo.identity: place for place, photo in enumerate(gallery)}
    distances = np.full((len(queries), len(gallery)), np.inf)
    for row, identities in enumerate(ranked):
        for rank, identity in enumerate(identities):
            distances[row, columns[identity]] = rank
    ranking = evaluate_ranking(distances, _labels(queries), _labels(gallery), junk="camera")
    return Figures(
        query_camera=queries[0].camera,
        gallery_camera=gallery[0].camera,
        queries=ranking.valid_queries,
        rank_1=float(ranking.cmc[0]),
        map=ranking.map,
    )


def _labels(photographs: list[Photograph]) -> Labels:
    cameras = np.array([photo.camera for photo in photographs])
    return Labels(
        identity=np.array([photo.identity for photo in photographs]), camera=cameras, scene=cameras
    )


def measure_both_directions(folder: Path, bundle: Path) -> list[Figures]:
    """Camera 1 searched in camera 2, and the reverse."""
    photographs = held_out_photographs(folder)
    first = [photo for photo in photographs if photo.camera == "1"]
    second = [photo for photo in photographs if photo.camera == "2"]
    return [measure(bundle, first, second), measure(bundle, second, first)]


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True
)
@click.option("--bundle", type=click.Path(exists=True, path_type=Path), default=BUNDLE)
@click.option("--json", "json_file", type=click.Path(path_type=Path), default=None)
def main(data: Path, bundle: Path, json_file: Path | None) -> None:
    """Print rank-1 and mAP of both directions, and write them as JSON if asked."""
    figures = measure_both_directions(data, bundle)
    click.echo("query  gallery  queries  rank-1    mAP")
    for row in figures:
        click.echo(
            f"cam {row.query_camera}  cam {row.gallery_camera}    {row.queries:7d}  "
            f"{100 * row.rank_1:5.1f}  {100 * row.map:5.1f}"
        )
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(row) for row in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
