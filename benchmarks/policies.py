"""Ways to rank galleries with missing modalities, and to pool calibration data, measured.

All parameters (calibration, gains, log-likelihood ratios) are fitted on one set of generated
identities and measured on another; both folders have the layout of MSVR310. Photographs, of RGB
alone, tell what pooling real with generated vehicles does to the probabilities. Run:
`python -m benchmarks.policies --calibration FOLDER --test FOLDER --photographs FOLDER`, with
`--bundle DIR` or `--checkpoint RUN` for another model than the shipped one. Writes the figures to
docs/measured/policies.json and the tables into the decision that they led to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.embeddings_cache import read_cache, write_cache
from benchmarks.log_likelihood_ratio import fit_ratios, ratio_curve
from benchmarks.policy_page import put_into, render
from benchmarks.pooling import measure_pooling
from benchmarks.real_photographs import BUNDLE, REPOSITORY
from training.calibration import fit_calibration, measure_reliability
from training.calibration.modality_weights import NEUTRAL, Gains, fit_modality_weights, scaled
from training.checkpoint import load_ccnet
from training.data import load_dataset
from training.embedded import EmbeddedDataset, embed_dataset
from training.evaluation.missing_ratio import missing_ratio_curves
from training.evaluation.ranking import evaluate_subsets
from training.torch_engine import TorchEngine
from vreid.bundle import Bundle
from vreid.engines import BranchRunner, open_engine
from vreid.modality import MODALITIES
from vreid.preprocessing import Preprocessing

MEASURED = REPOSITORY / "docs" / "measured" / "policies.json"
PAGE = REPOSITORY / "docs" / "decisions" / "0010-auto-policy-measured.md"
RATIOS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Model:
    """What embeds, and the gains that its features already have."""

    name: str
    engine: BranchRunner
    preprocessing: Preprocessing
    feature_size: int
    gains: Gains

    def embed(self, dataset: str, folder: Path) -> EmbeddedDataset:
        """The features of the network as trained: gains folded into a bundle are taken out."""
        found = embed_dataset(
            load_dataset(dataset, folder), self.preprocessing, self.engine, self.feature_size
        )
        first, second, third = (1 / gain for gain in self.gains)
        return found if self.gains == NEUTRAL else scaled(found, (first, second, third))


def open_model(bundle: Path, checkpoint: Path | None) -> Model:
    """The checkpoint where there is one, else the bundle."""
    if checkpoint is not None:
        network, config = load_ccnet(checkpoint)
        preprocessing = config.preprocessing.build()
        engine = TorchEngine(network, preprocessing)
        return Model(config.name, engine, preprocessing, network.feature_size, NEUTRAL)
    opened = Bundle.load(bundle)
    manifest = opened.manifest
    known = manifest.metrics.get("modality_weights", {}).get("gains", {})
    first, second, third = (float(known.get(modality.value, 1)) for modality in MODALITIES)
    return Model(
        f"{manifest.name} {manifest.version}, {manifest.fingerprint}",
        open_engine(opened),
        manifest.preprocessing,
        manifest.feature_size,
        (first, second, third),
    )


def measure(
    calibrating: EmbeddedDataset,
    test: EmbeddedDataset,
    photographs: EmbeddedDataset | None,
    trials: int,
) -> dict[str, Any]:
    """Every way to rank, with and without the gains of the modalities; and every way to pool."""
    weights = fit_modality_weights([calibrating])
    document: dict[str, Any] = {
        "ratios": list(RATIOS),
        "trials": trials,
        "identities": {"fitted": _identities(calibrating), "measured": _identities(test)},
        "queries": len(test.query),
        "gallery": len(test.gallery),
        "modality_weights": weights.to_json(),
        "mAP": {},
        "subsets": {},
    }
    for name, gains in (("gains 1", NEUTRAL), ("fitted gains", weights.gains)):
        fitting, measured = scaled(calibrating, gains), scaled(test, gains)
        calibration = fit_calibration([fitting])
        curves = missing_ratio_curves(measured, calibration, RATIOS, trials)
        plain = missing_ratio_curves(measured, None, RATIOS, trials)
        for way, curve in (
            ("shared, by probability", curves["shared"]),
            ("shared, by cosine", plain["shared"]),
            ("center", curves["center"]),
        ):
            document["mAP"][f"{way}, {name}"] = curve.map.mean(axis=1).tolist()
        document["subsets"][name] = {
            subset: found.figures.map
            for subset, found in evaluate_subsets(measured, "shared", calibration).items()
            if found is not None
        }
    document["reliability"] = {
        key: found.to_json()
        for key, found in measure_reliability(measured, calibration, ["shared"]).items()
    }
    for way, across in (("same modalities", False), ("all modalities", True)):
        ratios = fit_ratios(calibrating, across)
        by_ratio = ratio_curve(test, ratios, RATIOS, trials)
        document["mAP"][f"log-likelihood ratio, {way}"] = by_ratio
    if photographs is not None:
        document["pooling"] = measure_pooling(
            fitting, measured, photographs, calibration, RATIOS, trials
        )
    return document


def _identities(dataset: EmbeddedDataset) -> int:
    return len(np.unique(np.asarray(dataset.query.labels.identity, dtype=str)))


def _folders(
    calibration: Path, test: Path, photographs: Path | None
) -> Mapping[str, tuple[str, Path]]:
    """The layout and place of each set by what it is for."""
    sets = {"calibration": ("msvr310", calibration), "test": ("msvr310", test)}
    if photographs is not None:
        sets["photographs"] = ("vehicles_two_camera", photographs)
    return sets


FOLDER = click.Path(exists=True, path_type=Path)


@click.command()
@click.option("--calibration", type=FOLDER, required=True, help="Identities that are fitted on.")
@click.option("--test", type=FOLDER, required=True, help="Identities that are measured.")
@click.option("--photographs", type=FOLDER, help="Real photographs, layout vehicles_two_camera.")
@click.option("--bundle", type=FOLDER, default=BUNDLE, help="The model; the shipped by default.")
@click.option("--checkpoint", type=FOLDER, help="The model, instead of a bundle.")
@click.option(
    "--cache",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the embeddings in this file, and take them from it the next time.",
)
@click.option("--trials", default=10, show_default=True, type=click.IntRange(min=1))
@click.option("--out", type=click.Path(path_type=Path), default=MEASURED)
@click.option("--page", type=click.Path(path_type=Path), default=PAGE)
def main(
    calibration: Path,
    test: Path,
    photographs: Path | None,
    bundle: Path,
    checkpoint: Path | None,
    cache: Path | None,
    trials: int,
    out: Path,
    page: Path,
) -> None:
    """Measure, keep the figures, put the tables into the page."""
    model = open_model(bundle, checkpoint)
    sets = _folders(calibration, test, photographs)
    embedded = read_cache(cache, model.name, sets)
    if embedded is None:
        embedded = {name: model.embed(*place) for name, place in sets.items()}
        write_cache(cache, model.name, sets, embedded)
    document = {
        "model": model.name,
        **measure(embedded["calibration"], embedded["test"], embedded.get("photographs"), trials),
    }
    out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    put_into(page, render(document))
    click.echo(f"wrote {out} and the tables of {page}")


if __name__ == "__main__":
    main()
