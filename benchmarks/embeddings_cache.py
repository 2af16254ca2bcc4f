"""Embeddings kept in a file between runs of a benchmark.

The file is a pickle: read only one that you have written.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

from training.embedded import EmbeddedDataset

Sets = Mapping[str, tuple[str, Path]]
"""Layout and folder of each set by what it is for."""


def read_cache(file: Path | None, model: str, sets: Sets) -> dict[str, EmbeddedDataset] | None:
    """The embeddings of this model and these sets; None where the file holds others, or is none."""
    if file is None or not file.exists():
        return None
    described, embedded = pickle.loads(file.read_bytes())
    return embedded if described == _describe(model, sets) else None


def write_cache(
    file: Path | None, model: str, sets: Sets, embedded: Mapping[str, EmbeddedDataset]
) -> None:
    """Keep the embeddings, where a file was given."""
    if file is not None:
        file.write_bytes(pickle.dumps((_describe(model, sets), dict(embedded))))


def _describe(model: str, sets: Sets) -> tuple[str, dict[str, tuple[str, str]]]:
    return model, {name: (layout, str(folder.resolve())) for name, (layout, folder) in sets.items()}
