"""Data sets given by a CSV or JSONL manifest, of which any modality may be missing."""

from collections.abc import Sequence
from pathlib import Path

from training.data.dataset import Dataset
from training.data.manifest_rows import ManifestRow, read_manifest
from training.data.split import IdentitySplit, read_split
from vreid.errors import DatasetError
from vreid.metrics import Junk
from vreid.sample import Sample

FILE_NAMES = ("manifest.csv", "manifest.jsonl")


def load_manifest(root: Path, split: Path | None = None) -> Dataset:
    """Lists the samples of a manifest; no image is opened.

    Which sample is for what is decided by the first of these that is there:

    1. the split file, by identity;
    2. the manifest's split column;
    3. neither: every sample is for training and for evaluation alike, which suits a manifest
       that is used for one of the two.

    Where evaluation samples come from exactly two cameras and nothing tells queries from gallery,
    one camera queries the other, in both directions. Otherwise every evaluation sample is a query
    and all of them are the gallery.

    Junk is a sample of the same identity and camera; where no camera is known, of the same scene.

    Args:
        root: the manifest, or the folder that holds manifest.csv or manifest.jsonl.
        split: a split file, see `training.data.split`.

    Raises:
        DatasetError: manifest or split file cannot be read, or a sample lacks what is needed.
    """
    manifest = _find(root)
    rows = read_manifest(manifest)
    if split is not None:
        return _split_by_identity(manifest, rows, read_split(split))
    named = [row for row in rows if row.split is not None]
    if not named:
        samples = [row.sample for row in rows]
        return _evaluated_by_camera(manifest, samples, samples)
    if len(named) < len(rows):
        raise DatasetError(
            f"{manifest}: {len(rows) - len(named)} rows have no split; give each one of train, "
            "query, gallery, or leave the column out"
        )
    train, query, gallery = (
        [row.sample for row in rows if row.split == name] for name in ("train", "query", "gallery")
    )
    return Dataset("manifest", train, query, gallery, _junk([*query, *gallery]))


def _find(root: Path) -> Path:
    if root.is_file():
        return root
    for name in FILE_NAMES:
        if (root / name).is_file():
            return root / name
    found = sorted(path.name for path in root.iterdir())[:8] if root.is_dir() else []
    raise DatasetError(
        f"{root} holds no manifest: expected {' or '.join(FILE_NAMES)}, "
        f"found {', '.join(found) or 'nothing'}"
    )


def _split_by_identity(
    manifest: Path, rows: Sequence[ManifestRow], split: IdentitySplit
) -> Dataset:
    samples = [row.sample for row in rows]
    train = [sample for sample in samples if sample.identity not in split.held_out]
    held_out = [sample for sample in samples if sample.identity in split.held_out]
    absent = split.held_out - {sample.identity for sample in held_out}
    if absent:
        raise DatasetError(
            f"{manifest} lacks {len(absent)} of the identities that the split holds out, for "
            f"example {min(absent)!r}; give the split file of this manifest"
        )
    if split.query_camera is None or split.gallery_camera is None:
        return _evaluated_by_camera(manifest, train, held_out)
    query, gallery = (
        _of_camera(manifest, held_out, camera)
        for camera in (split.query_camera, split.gallery_camera)
    )
    return Dataset("manifest", train, query, gallery, "camera", symmetric=True)


def _of_camera(manifest: Path, held_out: Sequence[Sample], camera: str) -> list[Sample]:
    found = [sample for sample in held_out if sample.camera == camera]
    if not found:
        cameras = sorted({sample.camera for sample in held_out if sample.camera is not None})
        raise DatasetError(
            f"{manifest} has no held-out sample of camera {camera!r} that the split names; it has "
            f"{', '.join(map(repr, cameras)) or 'no cameras'}: correct the split file"
        )
    return found


def _evaluated_by_camera(
    manifest: Path, train: Sequence[Sample], evaluated: Sequence[Sample]
) -> Dataset:
    if any(sample.identity is None for sample in [*train, *evaluated]):
        raise DatasetError(f"{manifest}: a row has no identity; training and evaluation need it")
    cameras = sorted({sample.camera for sample in evaluated if sample.camera is not None})
    if len(cameras) != 2:
        return Dataset("manifest", train, evaluated, evaluated, _junk(evaluated))
    query, gallery = (
        [sample for sample in evaluated if sample.camera == camera] for camera in cameras
    )
    return Dataset("manifest", train, query, gallery, "camera", symmetric=True)


def _junk(samples: Sequence[Sample]) -> Junk:
    if any(sample.camera is not None for sample in samples):
        return "camera"
    return "scene" if any(sample.scene is not None for sample in samples) else None
