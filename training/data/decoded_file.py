"""Decoded images in one memory-mapped file per source, shared by all processes that train on it.

    KEY.npy     uint8 (images, H, W, 3), the images of all samples in sequence
    KEY.json    which of them could not be decoded, and why

The key covers each file's path, size and time of change and how it is decoded, so a run finds its
own file again, so does any other run on the same data, and none finds one that is out of date.
The .npy takes its name when it is complete: whoever sees it can read all of it. What could not be
decoded is tried again by every run: a read may fail once, and the key does not know.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap, write_array_header_1_0
from numpy.typing import NDArray

from training.data.decoded_images import (
    BadImage,
    DecodedTable,
    decode_for_network,
    fill,
    slots_of,
)
from training.errors import ImageCacheError, TrainingImageError
from vreid.image_source import ImageSource, file_of
from vreid.preprocessing import Preprocessing
from vreid.sample import Sample

_FORMAT = 1


def decode_into_file(
    samples: Sequence[Sample],
    preprocessing: Preprocessing,
    folder: Path,
    progress: Callable[[], None],
    show: bool = True,
) -> DecodedTable:
    """Maps the file of these samples, after making it where it is not there.

    Args:
        samples: of one source.
        preprocessing: the model's; its normalisation plays no part.
        folder: where the file lies.
        progress: see `fill`.
        show: a progress bar.

    Raises:
        ImageCacheError: the file cannot be written or read.
    """
    path = folder / f"{cache_key(samples, preprocessing)}.npy"
    slots = slots_of(samples)
    try:
        if path.exists():
            bad = _try_again(path, slots, samples, preprocessing)
        else:
            bad = _make(path, slots, samples, preprocessing, progress, show)
        return DecodedTable(slots, open_memmap(path, mode="r"), bad)
    except (OSError, ValueError) as error:
        raise ImageCacheError(
            f"the decoded images cannot be kept in {path} ({error}); give another folder as "
            "compute.image_cache_folder, make room (delete old .npy files there), or set "
            "compute.image_cache to none"
        ) from error


def cache_key(samples: Sequence[Sample], preprocessing: Preprocessing) -> str:
    """Names the content: which files, as they are now, decoded how."""
    settings = preprocessing.to_json()
    del settings["normalisation"]
    digest = hashlib.sha256(json.dumps([_FORMAT, settings], sort_keys=True).encode())
    for sample in samples:
        for modality, source in sample.images.items():
            digest.update(f"{modality.value} {_description(source)}\n".encode())
    return digest.hexdigest()[:32]


def _description(source: ImageSource) -> str:
    file = file_of(source)
    if file is None:
        assert isinstance(source, bytes)
        return hashlib.sha256(source).hexdigest()
    try:
        status: Any = file.stat()
        state = f"{status.st_size} {status.st_mtime_ns}"
    except (OSError, ValueError):
        state = "absent"
    return f"{source!r} of {file.absolute()} {state}"


def _make(
    path: Path,
    slots: NDArray[np.int64],
    samples: Sequence[Sample],
    preprocessing: Preprocessing,
    progress: Callable[[], None],
    show: bool,
) -> dict[int, BadImage]:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    shape = (int(slots.max()) + 1, preprocessing.height, preprocessing.width, 3)
    try:
        _reserve(unfinished, shape)
        pixels = open_memmap(unfinished, mode="r+")
        bad = fill(pixels, slots, samples, preprocessing, progress, show)
        pixels.flush()
        _list_bad(path, bad)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return bad


def _try_again(
    path: Path,
    slots: NDArray[np.int64],
    samples: Sequence[Sample],
    preprocessing: Preprocessing,
) -> dict[int, BadImage]:
    """Decodes what could not be decoded before, and returns what still cannot."""
    listed = json.loads(path.with_suffix(".json").read_text("utf-8"))
    before = {int(row): BadImage(*entry) for row, entry in listed.items()}
    decoded, bad = {}, {}
    for number, sample in enumerate(samples):
        for modality in sample.images:
            row = int(slots[number, modality.index])
            if row not in before:
                continue
            try:
                decoded[row] = decode_for_network(sample, modality, preprocessing)
            except TrainingImageError as error:
                bad[row] = BadImage(error.file, error.reason)
    if decoded:
        # Runs that share the file read no row that it lists as bad.
        pixels = open_memmap(path, mode="r+")
        for row, image in decoded.items():
            pixels[row] = image
        pixels.flush()
        _list_bad(path, bad)
    return bad


def _list_bad(path: Path, bad: Mapping[int, BadImage]) -> None:
    listed = path.with_name(f"{path.stem}.{os.getpid()}.json.unfinished")
    listed.write_text(json.dumps(bad), encoding="utf-8")
    listed.replace(path.with_suffix(".json"))


def _reserve(path: Path, shape: tuple[int, ...]) -> None:
    """Makes the file at its full size.

    A mapped file with holes on a disk that fills up would end the process by SIGBUS, unsaid.
    """
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        write_array_header_1_0(file, header)
        file.flush()
        size = file.tell() + int(np.prod(shape))
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        file.truncate(size)
