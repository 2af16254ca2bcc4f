"""The list of a gallery's segment files: one small file that is replaced as a whole."""

from __future__ import annotations

import json
import os
import secrets
import zlib
from dataclasses import dataclass
from pathlib import Path

from service.errors import GalleryDamaged
from service.gallery.store.database import sync_directory

LIST_NAME = "segments.json"

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class SegmentList:
    """The files of a gallery's index in ascending order of their rows.

    `sequence` is the newest change of the gallery when the list was written.
    """

    gallery_id: str
    sequence: int
    files: tuple[str, ...]


def read_list(folder: Path) -> SegmentList | None:
    """The list of a folder, None when there is none. Raises `GalleryDamaged`, OSError."""
    try:
        content = (folder / LIST_NAME).read_bytes()
    except FileNotFoundError:
        return None
    try:
        values = json.loads(unsealed(content))
        if values["format"] != _FORMAT:
            raise ValueError(f"its format is {values['format']}")
        return SegmentList(values["gallery_id"], values["sequence"], tuple(values["files"]))
    except (ValueError, TypeError, KeyError) as error:
        raise GalleryDamaged(
            f"The list {folder / LIST_NAME} is damaged ({error}); the index is derived, and is "
            "built again from the gallery at the next start."
        ) from error


def write_list(folder: Path, segments: SegmentList) -> None:
    """Replace the list of a folder durably. Raises OSError; then the old list is there."""
    values = {
        "format": _FORMAT,
        "gallery_id": segments.gallery_id,
        "sequence": segments.sequence,
        "files": segments.files,
    }
    replace_file(folder / LIST_NAME, sealed(json.dumps(values, indent=1)), durably=True)


def sealed(text: str) -> bytes:
    """A text with its checksum before it."""
    content = text.encode()
    return b"%08x\n" % zlib.crc32(content) + content


def unsealed(content: bytes) -> str:
    """The text that was sealed. Raises ValueError when it is another."""
    checksum, _, text = content.partition(b"\n")
    if checksum != b"%08x" % zlib.crc32(text):
        raise ValueError("it does not match its checksum")
    return text.decode()


def replace_file(path: Path, content: bytes, *, durably: bool) -> None:
    """Replace a file as a whole; several processes may do so at once. Raises OSError."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            if durably:
                os.fsync(file.fileno())
        partial.replace(path)
        if durably:
            sync_directory(path.parent)
    finally:
        partial.unlink(missing_ok=True)
