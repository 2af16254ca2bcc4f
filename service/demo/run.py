"""The demonstration: index the sample vehicles, serve them, search with three images, show it."""

from __future__ import annotations

import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import click
import httpx

from service.demo.child import DemoError, serving, wait_until_ready
from service.indexing.job import index_source
from service.settings import SHIPPED_BUNDLE, data_directory
from vreid.bundle import Bundle
from vreid.modality import MODALITIES

SAMPLES = Path(__file__).parent / "samples"
RESULTS = 10

_COLUMNS = (
    ("rank", 4),
    ("identity", 12),
    ("score", 7),
    ("probability", 11),
    ("match", 5),
    ("modalities", 12),
    ("camera", 8),
    ("record", 36),
)
_MATCH = {True: "yes", False: "no", None: "-"}


def run_demo(
    gallery: Path | None,
    port: int,
    once: bool,
    bundle: Path = SHIPPED_BUNDLE,
    samples: Path = SAMPLES,
) -> None:
    """Run the demonstration and serve until interrupted.

    Args:
        gallery: directory of the demonstration's gallery; what is in it already is not indexed
            again. None for one of this model in the user's data directory.
        port: the port to prefer; another one where it is taken.
        once: stop after the answer was printed.
        bundle: the model.
        samples: a directory with manifest.csv, and rgb, nir and tir images under query/.

    Raises:
        DemoError: the samples are not there, or the service did not become ready or did not answer.
        BundleError: the bundle is damaged, or the gallery was made with another one.
    """
    images = query_images(samples / "query")
    model = Bundle.load(bundle)
    directory = gallery or demo_gallery(model)
    signal.signal(signal.SIGTERM, _leave)
    click.echo(f"indexing the sample vehicles into {directory}")
    summary = index_source(samples / "manifest.csv", model, directory, show_progress=False)
    click.echo(
        f"{summary.indexed} samples indexed, {summary.skipped} were there already "
        f"({summary.seconds:.1f} s)"
    )
    with (
        serving(bundle, directory, port) as (child, address),
        httpx.Client(base_url=address, timeout=30.0, trust_env=False) as client,
    ):
        wait_until_ready(client, child)
        click.echo(f"the service is ready; searching with {', '.join(images)}\n")
        answer = search(client, images)
        click.echo(f"{explanation(answer, sightings(client))}\n")
        click.echo(table(answer["results"]))
        stays = f"\nthe gallery stays in {directory} for the next run"
        # In a directory that was named may be more than the demonstration's.
        removal = f"; to remove it: rm -r {shlex.quote(str(directory))}" if gallery is None else ""
        click.echo(stays + removal)
        if once:
            click.echo(
                "the page and the API: run `vreid demo` without --once "
                "(or `make demo` in a terminal)\n"
                f"the page (while it ran): {address}/"
            )
        else:
            click.echo(f"the page:  {address}/\nthe API:   {address}/docs")
            click.echo("press Ctrl-C to stop")
            wait_for_interrupt(child)


def demo_gallery(bundle: Bundle) -> Path:
    """Return where the demonstration's gallery of this model goes."""
    # One for each model: after an upgrade the old one would be refused.
    return data_directory() / "demo-gallery" / bundle.fingerprint.rpartition(":")[2][:12]


def query_images(directory: Path) -> dict[str, Path]:
    """Return the query's image files by field name.

    Raises:
        DemoError: one of the three is missing.
    """
    images: dict[str, Path] = {}
    for modality in MODALITIES:
        found = sorted(directory.glob(f"{modality}.*"))
        if not found:
            raise DemoError(
                f"the {modality} image of the demonstration is not in {directory}; "
                "install vreid again"
            )
        images[modality.value] = found[0]
    return images


def search(client: httpx.Client, images: Mapping[str, Path]) -> Mapping[str, Any]:
    """Return the answer to one search over HTTP.

    Raises:
        DemoError: the service refused.
    """
    files = {name: (path.name, path.read_bytes()) for name, path in images.items()}
    response = client.post("/search", files=files, data={"k": str(RESULTS)})
    answer: Mapping[str, Any] = response.json()
    if response.status_code != 200:
        raise DemoError(f"the search was refused: {answer['title']}: {answer['detail']}")
    return answer


def sightings(client: httpx.Client) -> int:
    """Return how many sightings the gallery has, of which a named one may have had some before.

    Raises:
        DemoError: the service refused.
    """
    response = client.get("/info")
    answer = response.json()
    if response.status_code != 200:
        raise DemoError(f"the facts were refused: {answer['title']}: {answer['detail']}")
    count: int = answer["gallery"]["records"]
    return count


def explanation(answer: Mapping[str, Any], count: int) -> str:
    """Return what the table of an answer shows, as lines of text.

    Args:
        answer: of the search.
        count: of the gallery's sightings.
    """
    results = answer["results"]
    lines = [
        f"the {len(results)} nearest of the gallery's {count} sightings:",
        "  identity     as the gallery has it, not as the search found it",
    ]
    if any(result["probability"] is not None for result in results):
        lines.append("  probability  of the same vehicle, if 1 in 2 pairs were the same")
    if any(result["match"] is not None for result in results):
        pairs = round(1 / answer["threshold"]["false_accept_rate"])
        lines.append(
            f"  match        yes: so alike are 1 in {pairs} pairs of different vehicles; "
            "no: only among the nearest"
        )
    return "\n".join(lines)


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return ranked results as lines of text."""
    rows = [[name for name, _ in _COLUMNS], *map(_cells, results)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, (_, width) in zip(row, _COLUMNS, strict=True)
        ).rstrip()
        for row in rows
    )


def wait_for_interrupt(child: subprocess.Popen[bytes]) -> None:
    """Return on Ctrl-C, or when the service was told to stop.

    Raises:
        DemoError: the service failed.
    """
    with suppress(KeyboardInterrupt):
        status = child.wait()
        if status != 0:
            raise DemoError(f"the service ended with status {status}; see its messages above")


def _leave(number: int, frame: FrameType | None) -> None:
    # So that the child is stopped too.
    raise SystemExit(0)


def _cells(result: Mapping[str, Any]) -> list[str]:
    probability = result["probability"]
    return [
        str(result["rank"]),
        result["identity"] or "-",
        f"{result['score']:.3f}",
        "-" if probability is None else f"{probability:.1%}",
        _MATCH[result["match"]],
        "+".join(name for name, there in result["mask"].items() if there),
        result["camera"] or "-",
        result["id"],
    ]
