"""The figures of a trained cell."""

from __future__ import annotations

from training.ablation.cell import EVALUATION, Cell
from training.ablation.document import write_document
from training.data import load_dataset
from training.embedded import embed_dataset
from training.evaluation.measured_model import open_measured_model
from training.evaluation.measurement import MeasurementOptions, Scoring
from training.evaluation.measurement import measure as measure_embedded


def measure(cell: Cell) -> None:
    """Writes what `vreid evaluate --subsets --json` prints of a trained cell.

    Raises:
        CheckpointError: the checkpoint does not fit its configuration.
        DatasetError: the data set cannot be loaded.
        ImageError: an image cannot be used.
        MetricError: no query has a positive.
    """
    source = cell.measured_source
    assert source.root is not None, "a cell that runs has the folders of its sources"
    model = open_measured_model(cell.directory, None)
    embedded = embed_dataset(
        load_dataset(source.dataset, source.root, source.split),
        model.preprocessing,
        model.engine,
        model.feature_size,
    )
    options = MeasurementOptions(subsets=True, missing_ratio=cell.missing_ratio)
    measured = measure_embedded(embedded, model.name, Scoring(cell.policy), options)
    write_document(cell.directory / EVALUATION, measured.to_json())
