"""What `vreid index` can read: a manifest file, a public data set's layout, or a folder.

FILE.csv, FILE.jsonl                 one sample a row (vreid.layouts.sample_list)
FILE.parquet                         the same (service.indexing.parquet_manifest)
folder with manifest.csv, .jsonl or .parquet   that manifest
a public data set                    its gallery; name another of its folders for others
a folder arranged as one of theirs   every sample below it (vreid.layouts.archive_tree)
any other folder                     its pictures (service.indexing.pictures)

`remarks` says in words what a folder was taken for where somebody may have meant something else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from service import parquet
from service.errors import SourceNotFound, SourceUnsupported
from service.indexing import parquet_manifest, pictures
from vreid.errors import VreidError
from vreid.image_source import ImageSource, file_of
from vreid.layouts import sample_list
from vreid.layouts.archive_tree import archive_tree_at
from vreid.sample import Sample

MANIFEST_SUFFIXES = (*sample_list.SUFFIXES, parquet.SUFFIX)

# Pictures that a remark names; the rest are counted.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One sample of a source, or the reason why there is none.

    `label` is how the rejects file calls it, `id` the id that the source asks for.
    """

    label: str
    sample: Sample | None
    id: str | None = None
    problem: str | None = None


def read_source(source: Path, *, identity_from_folder: bool = False) -> Iterator[SourceItem]:
    """Every sample of a source, in a fixed order, without opening an image.

    Read as it is asked for: in memory are no more rows than a part of a manifest, or no more names
    than a directory has.

    Raises `SourceNotFound`, `SourceUnsupported`, `ParquetUnavailable`, or
    `vreid.errors.DatasetError` for a manifest that cannot be read at all. A single bad row is an
    item with a `problem`.
    """
    if not source.exists():
        raise SourceNotFound(f"{source} does not exist; name a folder or a manifest file.")
    if source.is_file():
        return _from_manifest(source)
    if (manifest := _manifest_in(source)) is not None:
        return _from_manifest(manifest)
    if (tree := archive_tree_at(source)) is not None:
        return _items(tree.read())
    return chain(
        _items(pictures.read_samples(source, identity_from_folder=identity_from_folder)),
        _outside_modality_folders(source),
    )


def remarks(source: Path) -> list[str]:
    """Sentences on how a folder is read that its owner may not expect; no image is opened.

    Raises `SourceUnsupported` as `read_source` does; of what is no folder there is nothing to say.
    """
    if not source.is_dir() or _manifest_in(source) is not None:
        return []
    if (tree := archive_tree_at(source)) is not None:
        if tree.set_name is None:
            return []
        return [
            f"indexing {tree.folder}, the gallery of {tree.set_name} at {source}; "
            "name another of its folders for others"
        ]
    doubtful = pictures.doubtful_rgb(source)
    first = [path_below(source, path) for path in islice(doubtful, _SHOWN)]
    if not first:
        return []
    count = len(first) + sum(1 for _ in doubtful)
    shown = ", ".join(first) + (", ..." if count > len(first) else "")
    return [
        f"warning: taken as RGB, though the name speaks of infrared: {shown} "
        f"({count} in all); {pictures.NAMING_RULE}"
    ]


def path_below(source: Path, image: Path) -> str:
    """Where an image lies below its source, see `paths_below`."""
    return paths_below(source)(image)


def paths_below(source: Path) -> Callable[[Path], str]:
    """What tells where an image lies below a source, the only part that a record keeps.

    Records go to clients, who have no business with where a machine keeps its files: of an image
    elsewhere it is the name alone. Bytes that are not UTF-8 are written as escapes.
    """
    root = str((source if source.is_dir() else source.parent).absolute())
    # Paths are taken as text: pathlib takes ten times as long, for every image of a source.
    prefix = root if root.endswith("/") else root + "/"

    def below(image: Path) -> str:
        path = os.path.join(os.getcwd(), image)
        shown = path.removeprefix(prefix) if path.startswith(prefix) else image.name
        return shown.encode(errors="backslashreplace").decode()

    return below


def kept_bytes(item: SourceItem) -> int:
    """Bytes of the files of an item's images; of those that are not there 0."""
    if item.sample is None:
        return 0
    return sum(map(_size_of, item.sample.images.values()))


def _size_of(image: ImageSource) -> int:
    file = file_of(image)
    if file is None:
        return len(image) if isinstance(image, bytes) else 0
    try:
        return os.stat(file).st_size
    except (OSError, ValueError):
        return 0


def _manifest_in(folder: Path) -> Path | None:
    candidates = (folder / f"manifest{suffix}" for suffix in MANIFEST_SUFFIXES)
    return next((each for each in candidates if each.is_file()), None)


def _outside_modality_folders(folder: Path) -> Iterator[SourceItem]:
    for path in pictures.pictures_outside(folder):
        yield SourceItem(
            label=path_below(folder, path),
            sample=None,
            problem="lies outside the folders rgb, nir, tir; move it into one of them, or list "
            "it in a manifest",
        )


def _items(samples: Iterator[Sample]) -> Iterator[SourceItem]:
    for sample in samples:
        yield SourceItem(label=sample.name or "", sample=sample)


def _from_manifest(manifest: Path) -> Iterator[SourceItem]:
    if manifest.suffix.lower() not in MANIFEST_SUFFIXES:
        raise SourceUnsupported(
            f"{manifest} is no manifest; name a folder or a file with the suffix "
            f"{' or '.join(MANIFEST_SUFFIXES)}."
        )
    return _manifest_items(manifest)


def _manifest_items(manifest: Path) -> Iterator[SourceItem]:
    is_parquet = manifest.suffix.lower() == parquet.SUFFIX
    read_rows = parquet_manifest.read_rows if is_parquet else sample_list.read_rows
    for row in read_rows(manifest):
        try:
            yield SourceItem(label=row.name, sample=row.sample(), id=row.id)
        except (VreidError, RecursionError) as error:
            yield SourceItem(label=row.name, sample=None, problem=str(error))
