"""What `vreid enrol` can send: a list of samples, a known layout, or a folder of pictures.

FILE.csv, FILE.jsonl, a folder with manifest.csv or manifest.jsonl   one sample a row
a public data set, or a folder arranged as one                        its samples
any other folder                                                      the pictures in it, by name
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vreid.errors import DatasetError, VreidError
from vreid.layouts import sample_list
from vreid.layouts.archive_tree import archive_tree_at
from vreid.layouts.image_names import pictures_in
from vreid.layouts.modality_endings import samples_by_ending
from vreid.sample import Sample


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One sample of a source, or why there is none.

    Attributes:
        name: how messages call it.
        sample: None where `problem` says why.
        id: that the source asks for.
        problem: what is wrong with it.
    """

    name: str
    sample: Sample | None
    id: str | None = None
    problem: VreidError | None = None


def read_source(source: Path) -> Iterator[SourceItem]:
    """Every sample of a source, in a fixed order, without opening an image.

    Raises:
        DatasetError: there is nothing, or nothing that can be read.
    """
    if not source.exists():
        raise DatasetError(f"{source} does not exist; name a folder or a list of samples")
    if source.is_file():
        if source.suffix.lower() not in sample_list.SUFFIXES:
            raise DatasetError(
                f"{source} is no list of samples; name a folder or a file with the suffix "
                f"{' or '.join(sample_list.SUFFIXES)}"
            )
        return _listed(source)
    for suffix in sample_list.SUFFIXES:
        if (manifest := source / f"manifest{suffix}").is_file():
            return _listed(manifest)
    if (tree := archive_tree_at(source)) is not None:
        return (SourceItem(each.name or "", each) for each in tree.read())
    pictures = pictures_in(source)
    if not pictures:
        raise DatasetError(
            f"{source} has no pictures and is laid out in no known way; name the folder that the "
            "pictures are in, or list them in a manifest.csv"
        )
    return (
        SourceItem(name.name, Sample(images=images, name=name.name))
        for name, images in samples_by_ending(pictures).items()
    )


def _listed(manifest: Path) -> Iterator[SourceItem]:
    for row in sample_list.read_rows(manifest):
        try:
            yield SourceItem(row.name, row.sample(), row.id)
        except VreidError as error:
            yield SourceItem(row.name, None, problem=error)
