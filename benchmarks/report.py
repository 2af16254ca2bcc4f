"""Measures the shipped bundle and writes docs/measured.md from what came out.

Run: `python -m benchmarks.report --synthetic TREE --photographs FOLDER`; TREE is made by
`vreid synth TREE --identities 240 --seed 7 --train-share 0.6666666666666666`. Only test identities
of both sets are measured. The figures are kept as JSON under docs/measured/.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from benchmarks.real_photographs import BUNDLE, REPOSITORY, measure_both_directions
from vreid.bundle import Bundle

MEASURED = REPOSITORY / "docs" / "measured"
PAPER_SUBSETS = {
    "R": (30.7, 49.4),
    "N": (26.3, 45.5),
    "T": (19.6, 35.7),
    "R+N": (34.0, 53.6),
    "R+T": (34.6, 52.8),
    "N+T": (31.4, 51.6),
    "R+N+T": (36.4, 55.2),
}
"""mAP and rank-1 in percent: CCNet on MSVR310, Table II of the paper."""


def evaluate_subsets(bundle: Path, tree: Path) -> dict[str, Any]:
    """`vreid evaluate --bundle` on the synthetic test identities, every modality subset."""
    command = [sys.executable, "-m", "vreid", "evaluate", "--bundle", str(bundle)]
    command += ["--data", "msvr310", "--root", str(tree), "--subsets", "--json"]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    document: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return document


def render(
    synthetic: dict[str, Any],
    photographs: list[dict[str, Any]],
    policies: dict[str, float],
    machine: str,
) -> str:
    """The page docs/measured.md."""
    lines = [
        "# Measured",
        "",
        "Written by `benchmarks/report.py`; the raw figures lie in `docs/measured/`. Percent.",
        f"Machine: {machine}.",
        "",
        "## Synthetic vehicles, test identities",
        "",
        f"Model {synthetic['model']}, policy `{synthetic['policy']}`:",
        f"{synthetic['queries']} queries in {synthetic['gallery']} gallery samples;",
        "same identity and same scene is ignored.",
        "The last two columns are the paper's CCNet on MSVR310 (Table II), another data set: they",
        "are there for the order of the rows, not for the level.",
        "",
        "| modalities | mAP | rank-1 | rank-5 | rank-10 | paper mAP | paper rank-1 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, figures in synthetic["subsets"].items():
        paper = PAPER_SUBSETS[name]
        shares = (figures["mAP"], figures["rank1"], figures["rank5"], figures["rank10"])
        cells = " | ".join(f"{100 * share:.1f}" for share in shares)
        lines.append(f"| {name} | {cells} | {paper[0]} | {paper[1]} |")
    lines += [
        "",
        "## Real photographs over HTTP, held-out identities",
        "",
        "RGB only, NIR and TIR missing; one camera indexed with `vreid index`, the other searched",
        "with `POST /search`. One true match each.",
        "",
        "| query | gallery | queries | rank-1 | mAP |",
        "|---|---|---|---|---|",
    ]
    for row in photographs:
        lines.append(
            f"| camera {row['query_camera']} | camera {row['gallery_camera']} | {row['queries']} | "
            f"{100 * row['rank_1']:.1f} | {100 * row['map']:.1f} |"
        )
    lines += [
        "",
        "## Policies on galleries with missing modalities",
        "",
        "Mean mAP when a quarter, half, three quarters and all of the samples, queries and gallery",
        "alike, lose one or two modalities (five draws each); measured at export on the identities",
        "that calibrate. Other ways to rank: `python -m benchmarks.policies`.",
        "",
        "| policy | mAP |",
        "|---|---|",
    ]
    lines += [f"| {name} | {100 * share:.1f} |" for name, share in policies.items()]
    return "\n".join([*lines, ""])


@click.command()
@click.option("--synthetic", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--photographs", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--bundle", type=click.Path(exists=True, path_type=Path), default=BUNDLE)
def main(synthetic: Path, photographs: Path, bundle: Path) -> None:
    """Measure, keep the raw figures, write the page."""
    MEASURED.mkdir(parents=True, exist_ok=True)
    subsets = evaluate_subsets(bundle, synthetic)
    directions = [asdict(row) for row in measure_both_directions(photographs, bundle)]
    for name, document in (("synthetic", subsets), ("real_photographs", directions)):
        text = json.dumps(document, indent=2) + "\n"
        (MEASURED / f"{name}.json").write_text(text, encoding="utf-8")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, CPU only"
    policies = Bundle.load(bundle).manifest.metrics["auto_policy_map"]
    page = render(subsets, directions, policies, machine)
    (REPOSITORY / "docs" / "measured.md").write_text(page, encoding="utf-8")
    click.echo(page)


if __name__ == "__main__":
    main()
