"""A bundle appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from export.errors import OutputExistsError
from vreid.bundle import MANIFEST_NAME


@contextlib.contextmanager
def staged_directory(out: Path, force: bool = False) -> Iterator[Path]:
    """A temporary directory beside ``out`` that takes its place when the block ends well.

    The content is flushed to disk before the rename. When the block raises, the directory is
    removed and ``out`` stays what it was. ``force`` allows to replace a bundle, and only a bundle.

    Raises:
        OutputExistsError: ``out`` holds something that must not be replaced.
    """
    out = Path(os.path.abspath(out))
    require_free(out, force)
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        # Temporary directories are private; a bundle is read by whoever runs the service.
        staging.chmod(0o755)
        yield staging
        _flush(staging)
        require_free(out, force)
        _take_place(staging, out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def require_free(out: Path, force: bool) -> None:
    """Raise OutputExistsError unless a bundle may be written at ``out``."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / MANIFEST_NAME).is_file():
        raise OutputExistsError(
            f"{out} exists and is not a bundle; choose another --out or remove it yourself"
        )
    if not force:
        raise OutputExistsError(f"{out} holds a bundle; pass --force to replace it")


def _take_place(staging: Path, out: Path) -> None:
    if not out.exists():
        staging.rename(out)
    else:
        former = staging.with_suffix(".former")
        out.rename(former)
        try:
            staging.rename(out)
        except OSError:
            former.rename(out)
            raise
        shutil.rmtree(former)
    _flush_path(out.parent)


def _flush(directory: Path) -> None:
    for path in [*directory.rglob("*"), directory]:
        _flush_path(path)


def _flush_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
