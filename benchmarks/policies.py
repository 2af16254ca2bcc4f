"""Ways to rank galleries with missing modalities, measured against each other.

All parameters (calibration, gains, log-likelihood ratios) are fitted on one set of
identities and measured on another. Both folders have the layout of MSVR310. Run:
`python -m benchmarks.policies --calibration FOLDER --test FOLDER [--bundle DIR] [--trials 10]`.
Prints a table and writes docs/measured/policies.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.real_photographs import BUNDLE, REPOSITORY
from training.calibration import fit_calibration, measure_reliability
from training.calibration.modality_weights import (
    NEUTRAL,
    fit_modality_weights,
    scaled,
)
from training.data import load_dataset
from training.embedded import EmbeddedDataset, embed_dataset, same_samples
from training.evaluation.missing_ratio import damage, missing_ratio_curves
from training.evaluation.ranking import evaluate_subsets, modality_subsets, rank
from training.evaluation.verification import equal_labels
from vreid.bundle import Bundle
from vreid.engines import open_engine
from vreid.modality import MODALITIES, Modality
from vreid.policy import subset_codes

MEASURED = REPOSITORY / "docs" / "measured" / "policies.json"
RATIOS = (0.0, 0.25, 0.5, 0.75, 1.0)

Couple = tuple[Modality, Modality]
Curve = list[float]


@dataclass(frozen=True)
class LogLikelihoodRatio:
    """A weighted sum of cosines of single modalities, and a constant, for one pair of subsets."""

    couples: tuple[Couple, ...]
    weights: NDArray[np.float64]
    constant: float


Ratios = Mapping[tuple[int, int], LogLikelihoodRatio]


def cosines(dataset: EmbeddedDataset) -> dict[Couple, NDArray[np.float64]]:
    """Cosine (Q, G) of each of the query's modalities with each of the gallery's."""

    def unit(features: NDArray[np.float32], modality: Modality) -> NDArray[np.float64]:
        rows = features[:, modality.index].astype(np.float64)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    return {
        (left, right): unit(dataset.query.features, left) @ unit(dataset.gallery.features, right).T
        for left, right in product(MODALITIES, MODALITIES)
    }


def fit_ratios(dataset: EmbeddedDataset, across: bool) -> Ratios:
    """Logistic regression for each pair of subsets; the share of true pairs is taken out again.

    Args:
        dataset: complete samples.
        across: use the cosines between different modalities even where the two share some.
    """
    found = cosines(dataset)
    same = equal_labels("identity", dataset.query.labels, dataset.gallery.labels)
    counted = ~same_samples(dataset.query, dataset.gallery)
    if dataset.junk is not None:
        junk = equal_labels(dataset.junk, dataset.query.labels, dataset.gallery.labels)
        counted &= ~(same & junk)
    truth = same[counted]
    prior = float(np.log(truth.sum() / (~truth).sum()))
    ratios = {}
    for left, right in product(list(modality_subsets()), repeat=2):
        couples = tuple(_couples(left, right, across))
        columns = np.stack([found[couple][counted] for couple in couples], axis=1)
        fitted = LogisticRegression(C=1e3, max_iter=2000).fit(columns, truth)
        ratios[_code(left), _code(right)] = LogLikelihoodRatio(
            couples, fitted.coef_[0], float(fitted.intercept_[0]) - prior
        )
    return ratios


def ratio_curve(dataset: EmbeddedDataset, ratios: Ratios, trials: int) -> Curve:
    """Mean mAP by missing ratio, ranked by log-likelihood ratio."""
    found = cosines(dataset)
    curve = []
    for missing in RATIOS:
        maps = []
        for trial in range(trials if missing else 1):
            damaged = damage(dataset, missing, trial)
            keys = _keys(damaged, found, ratios)
            maps.append(rank(-keys, damaged.query, damaged.gallery, damaged.junk).map)
        curve.append(float(np.mean(maps)))
    return curve


def measure(calibrating: EmbeddedDataset, test: EmbeddedDataset, trials: int) -> dict[str, Any]:
    """Every way, with and without the gains of the modalities."""
    weights = fit_modality_weights([calibrating])
    document: dict[str, Any] = {
        "ratios": list(RATIOS),
        "trials": trials,
        "modality_weights": weights.to_json(),
        "mAP": {},
        "subsets": {},
        "reliability": {},
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
        document["reliability"][name] = {
            key: found.to_json()
            for key, found in measure_reliability(measured, calibration).items()
            if key.startswith("shared:")
        }
    for way, across in (("same modalities", False), ("all modalities", True)):
        ratios = fit_ratios(calibrating, across)
        document["mAP"][f"log-likelihood ratio, {way}"] = ratio_curve(test, ratios, trials)
    return document


def table(document: Mapping[str, Any]) -> str:
    """The mAP in percent by way and missing ratio, as Markdown."""
    ratios = [f"{100 * ratio:.0f} %" for ratio in document["ratios"]]
    lines = [f"| ranked by | {' | '.join(ratios)} |", "|---" * (len(ratios) + 1) + "|"]
    lines += [
        f"| {way} | {' | '.join(f'{100 * share:.1f}' for share in curve)} |"
        for way, curve in document["mAP"].items()
    ]
    return "\n".join(lines)


def _couples(
    left: tuple[Modality, ...], right: tuple[Modality, ...], across: bool
) -> Iterator[Couple]:
    shares = set(left) & set(right)
    for couple in product(left, right):
        if across or not shares or couple[0] is couple[1]:
            yield couple


def _code(subset: tuple[Modality, ...]) -> int:
    return sum(1 << modality.index for modality in subset)


def _keys(
    dataset: EmbeddedDataset, found: Mapping[Couple, NDArray[np.float64]], ratios: Ratios
) -> NDArray[np.float64]:
    left, right = subset_codes(dataset.query.mask), subset_codes(dataset.gallery.mask)
    keys = np.empty((len(left), len(right)))
    for query, gallery in product(np.unique(left), np.unique(right)):
        block = np.ix_(left == query, right == gallery)
        ratio = ratios[int(query), int(gallery)]
        keys[block] = ratio.constant + sum(
            weight * found[couple][block]
            for couple, weight in zip(ratio.couples, ratio.weights, strict=True)
        )
    return keys


@click.command()
@click.option("--calibration", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--test", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--bundle", type=click.Path(exists=True, path_type=Path), default=BUNDLE)
@click.option("--trials", default=10, show_default=True, type=click.IntRange(min=1))
@click.option("--out", type=click.Path(path_type=Path), default=MEASURED)
def main(calibration: Path, test: Path, bundle: Path, trials: int, out: Path) -> None:
    """Measure, print the table, keep the figures."""
    opened = Bundle.load(bundle)
    manifest = opened.manifest
    engine = open_engine(opened)
    calibrating, measured = (
        embed_dataset(
            load_dataset("msvr310", folder), manifest.preprocessing, engine, manifest.feature_size
        )
        for folder in (calibration, test)
    )
    document = {"model": manifest.name, **measure(calibrating, measured, trials)}
    out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    click.echo(table(document))


if __name__ == "__main__":
    main()
