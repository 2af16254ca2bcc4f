"""The commands `train` and `evaluate`; each imports what it runs when it runs, torch above all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vreid.bundle import Bundle
from vreid.calibration import Calibration
from vreid.engines import BranchEngine, open_engine
from vreid.errors import ConfigurationError
from vreid.preprocessing import Preprocessing
from vreid.scoring import POLICIES, resolve_policy

if TYPE_CHECKING:
    from training.evaluate import Evaluation


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the run.",
)
@click.option(
    "--data", "roots", multiple=True, metavar="SOURCE=FOLDER", help="Where a source's data lies."
)
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting of CONFIG."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the run's directory.")
@click.option(
    "--from",
    "start",
    type=click.Path(exists=True, path_type=Path),
    help="Another run on the same identities, whose weights this one begins with.",
)
def train(
    config: Path,
    directory: Path,
    roots: tuple[str, ...],
    changes: tuple[str, ...],
    resume: bool,
    start: Path | None,
) -> None:
    """Train CCNet as CONFIG (TOML) says.

    Writes DIRECTORY/checkpoint after every epoch. Ctrl-C or SIGTERM finishes the step at hand,
    writes a checkpoint and exits with status 1; the same command with --resume goes on.
    """
    from training.allocator import restart_with_tuned_allocator
    from training.config import read_config
    from training.loop import train as run_training
    from training.sources import with_roots

    settings = with_roots(read_config(config, changes), _parse_roots(roots))
    restart_with_tuned_allocator(settings.compute.accelerator)
    click.echo(f"checkpoint: {run_training(settings, directory, resume, start)}")


def _parse_roots(roots: tuple[str, ...]) -> dict[str, Path]:
    parsed = {}
    for given in roots:
        name, equals, folder = given.partition("=")
        if not equals:
            raise ConfigurationError(f"--data {given!r} names no source; write SOURCE=FOLDER")
        parsed[name] = Path(folder)
    return parsed


@click.command()
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="Run, checkpoint directory or its file."
)
@click.option("--bundle", type=click.Path(path_type=Path), help="Exported model.")
@click.option("--data", required=True, help="msvr310, manifest or vehicles_two_camera.")
@click.option("--root", required=True, type=click.Path(path_type=Path), help="Where it lies.")
@click.option("--split", type=click.Path(path_type=Path), help="Split file of a manifest.")
@click.option("--policy", type=click.Choice(POLICIES), default="auto", show_default=True)
@click.option("--subsets", is_flag=True, help="Measure every subset of the modalities too.")
@click.option("--engine", default="auto", show_default=True, help="What runs a bundle.")
@click.option("--batch-size", default=16, show_default=True, type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    checkpoint: Path | None,
    bundle: Path | None,
    data: str,
    root: Path,
    split: Path | None,
    policy: str,
    subsets: bool,
    engine: str,
    batch_size: int,
    as_json: bool,
) -> None:
    """Measure mAP and CMC of a checkpoint or a bundle on a data set."""
    from training.data import load_dataset
    from training.embedded import embed_dataset
    from training.evaluate import evaluate as run_evaluation
    from training.evaluate import evaluate_subsets

    measured = _measured_model(checkpoint, bundle, engine)
    embedded = embed_dataset(
        load_dataset(data, root, split),
        measured.preprocessing,
        measured.engine,
        measured.feature_size,
        batch_size,
    )
    scoring = (policy, measured.calibration, measured.auto_policy)
    whole = run_evaluation(embedded, *scoring)
    parts = evaluate_subsets(embedded, *scoring) if subsets else {}
    if not as_json:
        for name, evaluation in {"all": whole, **parts}.items():
            click.echo(_line(name, evaluation))
        return
    document: dict[str, Any] = {
        "model": measured.name,
        "data": embedded.name,
        "policy": resolve_policy(policy, measured.auto_policy),
        **whole.to_json(),
    }
    if subsets:
        document["subsets"] = {
            name: part.to_json() if part else None for name, part in parts.items()
        }
    click.echo(json.dumps(document))


@dataclass(frozen=True)
class _MeasuredModel:
    name: str
    engine: BranchEngine
    preprocessing: Preprocessing
    feature_size: int
    calibration: Calibration | None
    auto_policy: str


def _measured_model(
    checkpoint: Path | None, bundle_path: Path | None, engine: str
) -> _MeasuredModel:
    if (checkpoint is None) == (bundle_path is None):
        raise ConfigurationError("give either --checkpoint or --bundle")
    if checkpoint is not None:
        from training.checkpoint import load_model
        from training.torch_engine import TorchEngine

        model, config = load_model(checkpoint)
        preprocessing = config.preprocessing.build()
        return _MeasuredModel(
            config.name, TorchEngine(model), preprocessing, model.feature_size, None, "shared"
        )
    assert bundle_path is not None
    bundle = Bundle.load(bundle_path)
    manifest = bundle.manifest
    return _MeasuredModel(
        manifest.name,
        open_engine(bundle, engine),
        manifest.preprocessing,
        manifest.feature_size,
        manifest.calibration,
        manifest.auto_policy,
    )


def _line(name: str, evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return f"{name:6} no query has a positive"
    figures = evaluation.figures
    shares = ", ".join(
        f"{label} {share:.1%}"
        for label, share in (
            ("mAP", figures.map),
            ("rank-1", figures.rank1),
            ("rank-5", figures.rank5),
            ("rank-10", figures.rank10),
        )
    )
    return f"{name:6} {shares} ({figures.queries} queries, {figures.gallery} in gallery)"
