"""Plans galleries of a million to a billion sightings from a small one; writes docs/scale.md.

Run: `python -m benchmarks.scale_plan`. It stores and seals small galleries of random features with
the thumbnails and crops of the shipped samples, measures what one record takes on disk and in
memory, and multiplies. Prices and nodes are parameters, not facts. What Milvus takes is calculated
from its layout and was not measured.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
import numpy as np
from PIL import Image

from service.gallery.files.segment_files import SegmentFolder
from service.gallery.following import Follower
from service.gallery.index.index import SearchIndex
from service.gallery.record import NewRecord
from service.gallery.store.store import GalleryStore
from service.indexing.thumbnails import LONG_SIDE, QUALITY
from vreid.modality import MODALITIES, Modality

PAGE = Path("docs/scale.md")
BEGIN, END = "<!-- scale:begin -->", "<!-- scale:end -->"
SAMPLES = Path("service/demo/samples/images")
FEATURE_SIZES = (1280, 2048)
PLANS = {"1 M": 10**6, "10 M": 10**7, "100 M": 10**8, "1 B": 10**9}
GB = 1e9

# Of Milvus's HNSW index with M = 32: two links of four bytes for each of two fields.
_HNSW_LINKS = 2 * 2 * 32 * 4
# Keys, ids, labels, times and words of a record in a query node, with their indexes: a guess.
_MILVUS_SCALARS = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """Bytes of one record."""

    database: float
    index_files: float
    memory: float


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a node is and costs; prices in any currency, a month."""

    node_memory: float
    usable: float
    replicas: int
    memory_price: float
    disk_price: float


def sample_images() -> tuple[dict[Modality, bytes], dict[Modality, bytes]]:
    """The thumbnails and the crops of one shipped sighting, one that is of average size."""
    crops, thumbnails = {}, {}
    for modality in MODALITIES:
        files = sorted(SAMPLES.glob(f"*_{modality}.jpg"), key=lambda file: file.stat().st_size)
        crop = files[len(files) // 2].read_bytes()
        image = Image.open(io.BytesIO(crop))
        image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        image.save(encoded, format="JPEG", quality=QUALITY)
        crops[modality], thumbnails[modality] = crop, encoded.getvalue()
    return thumbnails, crops


def records(
    count: int, size: int, modalities: int, pictures: Sequence[dict[Modality, bytes]]
) -> Iterator[NewRecord]:
    """Sightings with labels as a site has them; each picture is one that no other record has."""
    generator = np.random.default_rng(0)
    mask = np.arange(3) < modalities
    thumbnails, crops = pictures
    for number in range(count):
        # Pictures are stored once under their content.
        mark = number.to_bytes(4, "little")
        yield NewRecord(
            features=generator.normal(size=(3, size)),
            mask=mask,
            identity=f"vehicle {number // 8}",
            camera=f"gate {number % 40}",
            attributes={"speed": number % 120, "lane": number % 4},
            thumbnails={each: data + mark for each, data in thumbnails.items() if mask[each.index]},
            crops={each: data + mark for each, data in crops.items() if mask[each.index]},
        )


def measured(
    count: int, size: int, modalities: int, pictures: Sequence[dict[Modality, bytes]]
) -> Taken:
    """What one of `count` records takes."""
    with tempfile.TemporaryDirectory() as folder:
        store = GalleryStore.open(Path(folder), "sha256:" + "0" * 64, size)
        remaining = records(count, size, modalities, pictures)
        while batch := list(islice(remaining, 250)):
            store.add(batch)
        index = SearchIndex(size, folder=SegmentFolder(store), seal_rows=64, coded_rows=64)
        Follower(store, index).follow()
        while index.step():
            pass
        facts = index.facts()
        assert facts.sealed_rows == count, "the index still has rows to seal; give a multiple of 64"
        memory = facts.bytes_in_memory / facts.records
        index.close()
        store.close()
        database = store.path.stat().st_size
        files = sum(
            file.stat().st_size
            for file in Path(folder).rglob("*")
            if file.is_file() and file != store.path
        )
        return Taken(database / count, files / facts.sealed_rows, memory)


def milvus_memory(size: int, index: str) -> float:
    """Bytes of a record in query nodes: a center and a concatenation, and scalars."""
    values = 4 * size
    if index == "HNSW":
        return 4 * values + _HNSW_LINKS + _MILVUS_SCALARS
    return values / 8 + 2 * 8 + _MILVUS_SCALARS


def milvus_storage(size: int, thumbnails: float) -> float:
    """Bytes of a complete record in object storage: vectors, features and pictures as base64."""
    return 4 * 4 * size + (2 * 3 * size + thumbnails) * 4 / 3 + _MILVUS_SCALARS


def page(count: int, assumed: Assumptions) -> str:
    """The tables."""
    thumbnails, crops = sample_images()
    none: dict[Modality, bytes] = {}
    bare = {
        (size, modalities): measured(count, size, modalities, (none, none))
        for size in FEATURE_SIZES
        for modalities in (1, 2, 3)
    }
    shown = measured(count, 2048, 3, (thumbnails, none)).database - bare[2048, 3].database
    kept = measured(count, 2048, 3, (none, crops)).database - bare[2048, 3].database
    lines = [f"Measured on galleries of {count} records, bytes a record:", ""]
    lines += ["| D | modalities | database | index files | memory |", "|--:|--:|--:|--:|--:|"]
    lines += [
        f"| {size} | {modalities} | {taken.database:,.0f} | {taken.index_files:,.0f} "
        f"| {taken.memory:,.0f} |"
        for (size, modalities), taken in bare.items()
    ]
    lines += ["", f"Three thumbnails add {shown:,.0f} bytes, three crops {kept:,.0f}.", ""]
    for size in FEATURE_SIZES:
        plans = _plans(size, bare[size, 3], shown, kept, assumed)
        lines += [f"### D = {size}, complete records", "", *plans, ""]
    return "\n".join(lines).rstrip()


def _plans(size: int, taken: Taken, shown: float, kept: float, assumed: Assumptions) -> list[str]:
    heads = (
        "sightings",
        "disk, GB",
        "with thumbnails",
        "and crops",
        "memory, GB",
        "cost a month",
        "Milvus IVF_RABITQ: memory, GB (nodes)",
        "HNSW: memory, GB (nodes)",
        "storage, GB",
        "cost a month with IVF_RABITQ",
    )
    lines = [f"| {' | '.join(heads)} |", "|" + "--:|" * len(heads)]
    for name, number in PLANS.items():
        disk = number * (taken.database + taken.index_files) / GB
        pictures, crops = number * shown / GB, number * kept / GB
        memory = number * taken.memory / GB
        here = memory * assumed.memory_price + (disk + pictures) * assumed.disk_price
        small = assumed.replicas * number * milvus_memory(size, "IVF_RABITQ") / GB
        large = assumed.replicas * number * milvus_memory(size, "HNSW") / GB
        storage = number * milvus_storage(size, shown) / GB
        there = small * assumed.memory_price + storage * assumed.disk_price
        lines.append(
            f"| {name} | {disk:,.0f} | {disk + pictures:,.0f} | {disk + pictures + crops:,.0f} "
            f"| {memory:,.1f} | {here:,.0f} "
            f"| {small:,.1f} ({_nodes(small, assumed)}) | {large:,.0f} ({_nodes(large, assumed)}) "
            f"| {storage:,.0f} | {there:,.0f} |"
        )
    return lines


def _nodes(memory: float, assumed: Assumptions) -> int:
    per_node = assumed.node_memory * assumed.usable
    return max(assumed.replicas, int(np.ceil(memory / per_node)))


@click.command()
@click.option("--records", "count", default=2048, show_default=True, help="Records of a gallery.")
@click.option("--node-memory", default=256.0, show_default=True, help="GB of a node.")
@click.option("--usable", default=0.7, show_default=True, help="Share of it for the gallery.")
@click.option("--replicas", default=2, show_default=True, help="Copies in Milvus's memory.")
@click.option("--memory-price", default=4.0, show_default=True, help="Of a GB of memory a month.")
@click.option("--disk-price", default=0.1, show_default=True, help="Of a GB of disk a month.")
def main(
    count: int,
    node_memory: float,
    usable: float,
    replicas: int,
    memory_price: float,
    disk_price: float,
) -> None:
    """Write the tables of docs/scale.md."""
    assumed = Assumptions(node_memory, usable, replicas, memory_price, disk_price)
    told = (
        f"Assumed: nodes of {node_memory:g} GB, {usable:.0%} of it usable; {replicas} copies in "
        f"Milvus's memory; {memory_price:g} for a GB of memory and {disk_price:g} for a GB of disk "
        "a month, in any currency (`--memory-price`, `--disk-price`)."
    )
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{told}\n\n{page(count, assumed)}\n\n{END}{after}")
    click.echo(f"{PAGE} is written")


if __name__ == "__main__":
    main()
