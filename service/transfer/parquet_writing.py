"""Writing a gallery's records as a Parquet file, a row group for each block of records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.gallery.store.blocks import RecordBlock
from service.parquet import parquet_package
from service.transfer.gallery_reading import Snapshot
from service.transfer.parquet_reading import FEATURE_COLUMNS
from service.transfer.rows import COLUMNS, MODEL, TIME_COLUMNS


def write_parquet(
    records: Snapshot, path: Path, at_once: int, progress: Callable[[int], None]
) -> None:
    """Write every record. Raises OSError, `GalleryDamaged` and `ParquetUnavailable`."""
    parquet = parquet_package()
    import pyarrow as arrow

    features = arrow.list_(arrow.float16(), records.facts.feature_size)
    time = arrow.timestamp("us", tz="UTC")
    schema = arrow.schema(
        [
            *((name, time if name in TIME_COLUMNS else arrow.string()) for name in COLUMNS),
            ("mask", arrow.list_(arrow.bool_(), len(FEATURE_COLUMNS))),
            *((name, features) for name in FEATURE_COLUMNS),
        ],
        metadata={MODEL: records.facts.fingerprint},
    )
    lists = ("mask", *FEATURE_COLUMNS)
    uncompressed = dict.fromkeys((f"{name}.list.element" for name in lists), "none")
    # Features neither compress nor repeat; looking for it takes most of the time.
    options = {
        "use_dictionary": list(COLUMNS),
        "compression": dict.fromkeys(COLUMNS, "snappy") | uncompressed,
        "write_statistics": list(COLUMNS),
    }
    with parquet.ParquetWriter(path, schema, **options) as writer:
        for block in records.blocks(at_once):
            writer.write_table(arrow.table(_columns(block, schema), schema=schema))
            progress(len(block))


def _columns(block: RecordBlock, schema: Any) -> list[Any]:  # noqa: ANN401 - a pyarrow Schema
    import pyarrow as arrow

    told = [arrow.array(getattr(block, name), schema.field(name).type) for name in COLUMNS]
    mask = arrow.FixedSizeListArray.from_arrays(
        arrow.array(block.mask.reshape(-1)), block.mask.shape[1]
    )
    features = [
        _vectors(block.features[:, index], ~block.mask[:, index])
        for index in range(len(FEATURE_COLUMNS))
    ]
    return [*told, mask, *features]


def _vectors(features: NDArray[np.float16], missing: NDArray[np.bool_]) -> Any:  # noqa: ANN401 - a pyarrow array
    import pyarrow as arrow

    values = arrow.array(np.ascontiguousarray(features).reshape(-1))
    return arrow.FixedSizeListArray.from_arrays(
        values, features.shape[1], mask=arrow.array(missing)
    )
