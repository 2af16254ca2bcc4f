"""Which identities of a manifest are held out from training, and how they are queried."""

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vreid.errors import DatasetError
from vreid.sample import Sample


@dataclass(frozen=True)
class IdentitySplit:
    """A split by identity.

    Attributes:
        held_out: identities that training must not see; the others are for training.
        query_camera: camera whose held-out samples are queries; None when all of them are.
        gallery_camera: camera whose held-out samples are the gallery; None when all of them are.

    Raises:
        DatasetError: one of the two cameras is given without the other.
    """

    held_out: frozenset[str]
    query_camera: str | None = None
    gallery_camera: str | None = None

    def __post_init__(self) -> None:
        """Checks that the cameras go together."""
        if (self.query_camera is None) != (self.gallery_camera is None):
            given = "query_camera" if self.gallery_camera is None else "gallery_camera"
            raise DatasetError(
                f"the split gives {given} alone; give both query_camera and gallery_camera, or none"
            )


def read_split(path: Path) -> IdentitySplit:
    """Reads a split file: JSON as `draw_split` writes it, or CSV with columns identity, split.

    In CSV the split is "train" or "test".

    Raises:
        DatasetError: the file is not readable as either, or gives one camera without the other.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return _from_csv(text) if path.suffix == ".csv" else _from_json(text)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} is no split file ({error!r}); give JSON with a list held_out and, optionally, "
            "query_camera and gallery_camera, or CSV with the columns identity and split "
            "(train or test)"
        ) from error


def _from_json(text: str) -> IdentitySplit:
    document = json.loads(text)
    return IdentitySplit(
        frozenset(str(identity) for identity in document["held_out"]),
        _camera(document.get("query_camera")),
        _camera(document.get("gallery_camera")),
    )


def _camera(value: object) -> str | None:
    return None if value is None else str(value)


def _from_csv(text: str) -> IdentitySplit:
    rows = list(csv.DictReader(text.splitlines()))
    unknown = {row["split"] for row in rows} - {"train", "test"}
    if unknown:
        raise ValueError(f"split is {unknown.pop()!r}")
    return IdentitySplit(frozenset(row["identity"] for row in rows if row["split"] == "test"))


def draw_split(
    samples: Sequence[Sample], by: str | None, share: float, seed: int
) -> Mapping[str, list[str]]:
    """Draws the given share of the identities of each kind, at least one of each.

    Args:
        samples: those of the manifest.
        by: the attribute whose values are the kinds; None for one kind.
        share: of the identities to hold out, in (0, 1).
        seed: of the draw.

    Returns:
        The identities held out, by kind, sorted.
    """
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample.identity is not None:
            kinds[str(sample.attributes.get(by)) if by else "all"].add(sample.identity)
    generator = np.random.default_rng(seed)
    return {
        kind: sorted(
            generator.permutation(sorted(kinds[kind]))[
                : max(1, round(share * len(kinds[kind])))
            ].tolist()
        )
        for kind in sorted(kinds)
    }
