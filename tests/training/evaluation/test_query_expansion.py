"""Query expansion on branch features with missing modalities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.evaluation.embedded_samples import random_dataset, random_samples
from training.embedded import EmbeddedSamples
from training.evaluation.query_expansion import expand_queries
from training.evaluation.ranking import policy_distances
from vreid.errors import MetricError
from vreid.metrics import Labels
from vreid.query_expansion import unit_samples


def samples(*rows: list[list[float] | None]) -> EmbeddedSamples:
    """Samples of two-dimensional features; None is a missing modality."""
    features = np.array([[part or [0, 0] for part in row] for row in rows], dtype=np.float32)
    mask = np.array([[part is not None for part in row] for row in rows])
    return EmbeddedSamples(features, mask, Labels([None] * len(rows)))


def test_by_hand_each_modality_is_averaged_over_those_that_have_it() -> None:
    # All of root mean square length 2, except the query's 4.
    query = samples([[4, 0], [0, 4], None])
    gallery = samples([[0, 2], None, [2, 0]], [[2, 0], [2, 0], [2, 0]], [[0, -2], [0, -2], None])
    found = expand_queries(query, gallery, np.array([[1.0, 2.0, 3.0]]), 2)
    expected = np.array([[2 / 3, 1 / 3], [1 / 2, 1 / 2], [0, 0]])
    np.testing.assert_allclose(found.features[0], expected, atol=1e-3)
    np.testing.assert_array_equal(found.mask, query.mask)


def test_every_sample_counts_the_same_whatever_its_length_and_mask() -> None:
    incomplete = random_samples(5, complete=False)
    longer = replace(incomplete, features=incomplete.features * 4)
    unit = unit_samples(incomplete.features, incomplete.mask)
    np.testing.assert_allclose(unit_samples(longer.features, longer.mask), unit)
    squares = np.square(unit).sum(axis=(1, 2))
    np.testing.assert_allclose(squares, incomplete.mask.sum(axis=1))


def test_a_complete_query_becomes_the_mean_of_normalised_concatenations() -> None:
    dataset = random_dataset()
    distances = policy_distances(dataset.query, dataset.gallery, "concat", None)
    found = expand_queries(dataset.query, dataset.gallery, distances, 3)
    flat = [side.features.reshape(len(side), -1) for side in (dataset.query, dataset.gallery)]
    query, gallery = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in flat)
    nearest = np.argsort(distances, axis=1)[:, :3]
    expected = (query + gallery[nearest].sum(axis=1)) / 4 * np.sqrt(3)
    np.testing.assert_allclose(found.features.reshape(len(query), -1), expected, atol=2e-3)


def test_a_query_without_neighbours_keeps_its_direction(tmp_path: Path) -> None:
    alone = random_samples(1, 1, directory=tmp_path)
    for distances in (np.array([[np.inf]]), np.array([[0.0]])):
        found = expand_queries(alone, alone, distances, 4)
        np.testing.assert_allclose(
            found.features, unit_samples(alone.features, alone.mask), atol=1e-3
        )


def test_at_least_one_neighbour_is_needed() -> None:
    query = random_samples(1)
    with pytest.raises(MetricError, match="at least 1"):
        expand_queries(query, query, np.zeros((3, 3)), 0)
