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
from training.evaluation.published import published, published_missing_ratio
from vreid.bundle import Bundle

MEASURED = REPOSITORY / "docs" / "measured"


def evaluate(bundle: Path, tree: Path) -> dict[str, Any]:
    """`vreid evaluate --bundle` on the synthetic test identities, by every protocol."""
    command = [sys.executable, "-m", "vreid", "evaluate", "--bundle", str(bundle)]
    command += ["--data", "msvr310", "--root", str(tree), "--json"]
    command += ["--subsets", "--missing-ratio", "--flip", "--query-expansion", "5", "--re-rank"]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    document: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return document


def _cells(figures: dict[str, Any]) -> str:
    names = ("mAP", "rank1", "rank5", "rank10")
    return " | ".join(f"{100 * figures[name]:.1f}" for name in names)


def _variants(variants: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | {_cells(figures)} |" for name, figures in variants.items()]
    head = ["| variant | mAP | rank-1 | rank-5 | rank-10 |", "|---|---|---|---|---|"]
    return ["Beside the plain ranking, all modalities:", "", *head, *rows, ""]


def _missing_ratio(curves: dict[str, Any], auto: str) -> list[str]:
    """Fig. 10's experiment, mean and deviation of its trials, beside the paper's center."""
    paper = published_missing_ratio("CCNet")
    lines = [
        "## Missing modalities",
        "",
        "The given share of the samples, queries and gallery alike, loses one or two modalities;",
        f"{curves['center']['trials']} trials, mAP. The paper's CCNet ranks by center.",
        "",
        f"| missing | center | {auto} (auto) | paper |",
        "|---|---|---|---|",
    ]
    for row, ratio in enumerate(curves["center"]["ratios"]):
        cells = " | ".join(
            f"{100 * curve['mAP']['mean'][row]:.1f} ± {100 * curve['mAP']['deviation'][row]:.1f}"
            for curve in (curves["center"], curves["auto"])
        )
        percent = round(100 * ratio)
        lines.append(f"| {percent} % | {cells} | {paper[percent].map} |")
    return lines


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
    paper = published("table2_ccnet_msvr310")
    for name, figures in synthetic["subsets"].items():
        lines.append(f"| {name} | {_cells(figures)} | {paper[name].map} | {paper[name].rank1} |")
    interval = synthetic["intervals"]["mAP"]
    lines += [
        "",
        f"mAP of all three: {100 * interval['low']:.1f} to {100 * interval['high']:.1f} "
        "(95 % bootstrap interval over identities).",
        "",
        *_variants(synthetic["variants"]),
        *_missing_ratio(synthetic["missing_ratio"], synthetic["policy"]),
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
    evaluation = evaluate(bundle, synthetic)
    directions = [asdict(row) for row in measure_both_directions(photographs, bundle)]
    for name, document in (("synthetic", evaluation), ("real_photographs", directions)):
        text = json.dumps(document, indent=2) + "\n"
        (MEASURED / f"{name}.json").write_text(text, encoding="utf-8")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, CPU only"
    policies = Bundle.load(bundle).manifest.metrics["auto_policy_map"]
    page = render(evaluation, directions, policies, machine)
    (REPOSITORY / "docs" / "measured.md").write_text(page, encoding="utf-8")
    click.echo(page)


if __name__ == "__main__":
    main()
