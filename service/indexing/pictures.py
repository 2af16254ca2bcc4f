"""Samples in a plain folder of pictures.

Either the folder has subfolders `rgb`, `nir`, `tir`, and pictures with the same path below them are
one sample; or pictures lie anywhere below it, and `NAME_rgb`, `NAME_nir`, `NAME_tir` in one folder
are one sample. A picture without such an ending is RGB. A second picture of the same name in
another format is a sample of its own, named with its ending. Beside modality folders no picture is
a sample: there is nothing to tell its modality or its partners by.

Directories are read one after the other: no more names are in memory than one of them has (and its
namesakes in the other modality folders).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from service.errors import SourceUnsupported
from vreid.layouts.image_names import PICTURE_SUFFIXES
from vreid.layouts.modality_endings import split_ending
from vreid.modality import MODALITIES, Modality
from vreid.sample import Sample

NAMING_RULE = "NAME_rgb, NAME_nir, NAME_tir are one sample; a name without such an ending is RGB"

_WORDS_FOR_INFRARED = frozenset(["thermal", "tir", "nir", "ir"])


def modality_folders(folder: Path) -> dict[Modality, Path]:
    """The subfolders that are named for a modality, in any case of letters.

    Raises `SourceUnsupported` when two of them are named for the same one.
    """
    found: dict[Modality, Path] = {}
    for below in sorted(folder.iterdir()):
        modality = next((each for each in MODALITIES if each.value == below.name.lower()), None)
        if modality is None or not below.is_dir():
            continue
        if modality in found:
            raise SourceUnsupported(
                f"{folder} has the folders {found[modality].name} and {below.name} for one "
                "modality; move their pictures into one of them."
            )
        found[modality] = below
    return found


def read_samples(folder: Path, *, identity_from_folder: bool = False) -> Iterator[Sample]:
    """Every sample below the folder, in a fixed order; no picture is opened.

    `name` is the path below the folder. With `identity_from_folder`, the identity is the name of
    the folder in which the picture lies.
    """
    folders = modality_folders(folder)
    groups = _by_folder(folders) if folders else _by_ending(folder)
    for name, images in groups:
        parent = name.parent.name
        yield Sample(
            images=images,
            identity=parent if identity_from_folder and parent else None,
            name=str(name),
        )


def pictures_outside(folder: Path) -> Iterator[Path]:
    """The pictures beside the modality folders; none when the folder has no modality folders."""
    roots = modality_folders(folder).values()
    if not roots:
        return
    for directory, pictures in _pictures_below(folder):
        if not any(directory.is_relative_to(root) for root in roots):
            yield from (directory / picture for picture in pictures)


def doubtful_rgb(folder: Path) -> Iterator[Path]:
    """Pictures taken as RGB for want of an ending, though their path speaks of infrared."""
    if modality_folders(folder):
        return
    for directory, pictures in _pictures_below(folder):
        for picture in pictures:
            path = (directory / picture).relative_to(folder)
            words = re.split("[^a-z]+", str(path.with_suffix("")).lower())
            ending_given = split_ending(path)[0] != path.with_suffix("")
            if not ending_given and not _WORDS_FOR_INFRARED.isdisjoint(words):
                yield directory / picture


def _by_folder(folders: dict[Modality, Path]) -> Iterator[tuple[Path, dict[Modality, Path]]]:
    """The samples of one path below the modality folders after the other."""
    return _below(folders, Path())


def _below(
    folders: Mapping[Modality, Path], path: Path
) -> Iterator[tuple[Path, dict[Modality, Path]]]:
    names: set[str] = set()
    images: dict[Path, dict[Modality, Path]] = {}
    for modality, root in folders.items():
        below, pictures = _listed(root / path)
        names.update(below)
        for picture in pictures:
            name = (path / picture).with_suffix("")
            if modality in images.get(name, {}):
                name = path / picture
            images.setdefault(name, {})[modality] = root / path / picture
    yield from sorted(images.items())
    for folder in sorted(names):
        yield from _below(folders, path / folder)


def _listed(directory: Path) -> tuple[list[str], list[str]]:
    """Names of the folders and of the pictures in a directory; none where there is no such one."""
    _, below, files = next(os.walk(directory), ("", [], []))
    # As os.walk does by itself: a link may lead back to a folder above.
    walked = (name for name in below if not (directory / name).is_symlink())
    return _seen_folders(walked), _seen_pictures(files)


def _by_ending(folder: Path) -> Iterator[tuple[Path, dict[Modality, Path]]]:
    for directory, pictures in _pictures_below(folder):
        images: dict[Path, dict[Modality, Path]] = {}
        for picture in pictures:
            path = directory / picture
            name, modality = split_ending(path.relative_to(folder))
            if modality in images.get(name, {}):
                name = path.relative_to(folder)
            images.setdefault(name, {})[modality] = path
        yield from sorted(images.items())


def _pictures_below(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    for directory, below, files in os.walk(folder):
        below[:] = _seen_folders(below)
        yield Path(directory), _seen_pictures(files)


def _seen_folders(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("."))


def _seen_pictures(names: Iterable[str]) -> list[str]:
    return sorted(
        name
        for name in names
        if not name.startswith(".") and Path(name).suffix.lower() in PICTURE_SUFFIXES
    )
