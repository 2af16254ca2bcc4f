"""Opening Parquet files, where the package for them is installed."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from service.errors import ParquetUnavailable
from vreid.installation import install_hint

SUFFIX = ".parquet"

# Read in pieces of this many bytes a column, so that a row group of any size may be read.
_PIECE = 1 << 20


def parquet_package() -> Any:  # noqa: ANN401 - pyarrow has no types
    """The module `pyarrow.parquet`. Raises `ParquetUnavailable` when it is not installed."""
    try:
        return importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise ParquetUnavailable(
            "Parquet files need the package pyarrow, which is not installed; "
            f"{install_hint('service,cpu,parquet')}"
        ) from error


def open_parquet(path: Path) -> Any:  # noqa: ANN401 - pyarrow has no types
    """A `pyarrow.parquet.ParquetFile` whose batches are read in small pieces.

    Raises `ParquetUnavailable`, OSError, and ValueError when the file is no Parquet file.
    """
    return parquet_package().ParquetFile(path, pre_buffer=False, buffer_size=_PIECE)


def damage_errors() -> tuple[type[Exception], ...]:
    """What pyarrow raises at files that are damaged. Raises `ParquetUnavailable`."""
    parquet_package()
    import pyarrow as arrow

    return (arrow.ArrowException, OSError, ValueError, OverflowError, MemoryError)
