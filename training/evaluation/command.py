"""The command `evaluate`; it imports what it runs when it runs, torch above all."""

from __future__ import annotations

import json
from pathlib import Path

import click

from training.data.load import DATASETS
from vreid.scoring import POLICIES


@click.command()
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="Run, checkpoint directory or its file."
)
@click.option("--bundle", type=click.Path(path_type=Path), help="Exported model.")
@click.option("--data", required=True, help=f"Which data set: {', '.join(DATASETS)}.")
@click.option("--root", required=True, type=click.Path(path_type=Path), help="Where it lies.")
@click.option("--split", type=click.Path(path_type=Path), help="Split file of a manifest.")
@click.option("--policy", type=click.Choice(POLICIES), default="auto", show_default=True)
@click.option("--subsets", is_flag=True, help="Measure every subset of the modalities too.")
@click.option(
    "--missing-ratio",
    is_flag=True,
    help="Take modalities from 0 to 100 % of the samples, ten times each, and measure.",
)
@click.option("--flip", is_flag=True, help="Measure with the mirror images' features averaged in.")
@click.option(
    "--query-expansion",
    metavar="K",
    default=0,
    type=click.IntRange(min=0),
    help="Measure with each query averaged with its K nearest.",
)
@click.option("--re-rank", is_flag=True, help="Measure with k-reciprocal re-ranking.")
@click.option("--engine", default="auto", show_default=True, help="What runs a bundle.")
@click.option("--batch-size", default=16, show_default=True, type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the JSON object to this file too.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a report with plots and pictures to this file.",
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    help="Another checkpoint, to show its features beside in the report.",
)
def evaluate(
    checkpoint: Path | None,
    bundle: Path | None,
    data: str,
    root: Path,
    split: Path | None,
    policy: str,
    subsets: bool,
    missing_ratio: bool,
    flip: bool,
    query_expansion: int,
    re_rank: bool,
    engine: str,
    batch_size: int,
    as_json: bool,
    out: Path | None,
    html: Path | None,
    compare: Path | None,
) -> None:
    """Measure mAP and CMC of a checkpoint or a bundle on a data set.

    Prints the figures in percent, with the paper's beside them where it reports this data
    set. Flip, query expansion and re-ranking are measured beside the plain figures.
    """
    from training.data import load_dataset
    from training.embedded import EmbeddedDataset, embed_dataset
    from training.evaluation.measured_model import open_measured_model
    from training.evaluation.measurement import MeasurementOptions, Scoring, measure
    from training.evaluation.terminal_tables import measurement_lines
    from training.evaluation.variants import VariantOptions
    from training.report.options import check_report_options

    check_report_options(html, compare)
    measured = open_measured_model(checkpoint, bundle, engine)
    dataset = load_dataset(data, root, split)

    def embedded(mirrored: bool) -> EmbeddedDataset:
        return embed_dataset(
            dataset,
            measured.preprocessing,
            measured.engine,
            measured.feature_size,
            batch_size,
            mirrored,
        )

    plain = embedded(mirrored=False)
    measurement = measure(
        plain,
        measured.name,
        Scoring(policy, measured.calibration, measured.auto_policy),
        MeasurementOptions(subsets, missing_ratio, VariantOptions(flip, query_expansion, re_rank)),
        embedded(mirrored=True) if flip else None,
    )
    document = json.dumps(measurement.to_json())
    if out is not None:
        out.write_text(document + "\n", encoding="utf-8")
    if html is not None:
        from training.report.write import write_report

        write_report(html, measurement, dataset, plain, measured, compare)
    if as_json:
        click.echo(document)
        return
    for line in measurement_lines(measurement):
        click.echo(line)
