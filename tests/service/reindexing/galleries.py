"""Galleries to embed again, and what to look at in them."""

from contextlib import closing
from pathlib import Path

from service.gallery.record import NewRecord, Record
from service.gallery.store.crops import KeepCrops
from service.gallery.store.store import GalleryStore
from service.indexing.job import index_source
from service.messages.inputs import EnrolInput
from service.messages.sighting import new_record
from service.reindexing.job import Options
from tests.service.vehicles import picture, thermal_tiff
from vreid.bundle import Bundle
from vreid.decoding import DEFAULT_LIMITS, decode_image
from vreid.embedding import embed
from vreid.engines import open_engine
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import branch_pixels

QUIET = Options(show_progress=False)


def open_store(directory: Path, bundle: Bundle) -> GalleryStore:
    return GalleryStore.open(directory, bundle.fingerprint, bundle.manifest.feature_size)


def index(source: Path, bundle: Bundle, directory: Path, *, keep_crops: bool = False) -> None:
    summary = index_source(source, bundle, directory, show_progress=False, keep_crops=keep_crops)
    assert (summary.rejected, summary.skipped) == (0, 0)


def sighting(
    vehicle: int, modalities: tuple[Modality, ...] = MODALITIES, **fields: object
) -> EnrolInput:
    """What a client sends; the thermal image has 16 bits."""
    images: dict[str, object] = {
        each.value: thermal_tiff(vehicle) if each is Modality.TIR else picture(vehicle, 0, each)
        for each in modalities
    }
    return EnrolInput.model_validate(images | fields)


def embedded(asked: EnrolInput, bundle: Bundle, *, keep_crops: bool = True) -> NewRecord:
    """The record that the service would store, embedded by itself."""
    preprocessing = bundle.manifest.preprocessing
    inputs = {
        modality: branch_pixels(
            decode_image(data, DEFAULT_LIMITS), modality, preprocessing, asked.tir_palette
        )
        for modality, data in asked.by_modality().items()
    }
    features, mask = embed([inputs], open_engine(bundle), bundle.manifest.feature_size)
    thumbnails = {
        modality: b"small " + data[-40:] for modality, data in asked.by_modality().items()
    }
    kept: KeepCrops = "encoded" if keep_crops else "none"
    return new_record(asked, features[0], mask[0], thumbnails, asked.id, kept)


def records_of(directory: Path, generation: str | None = None) -> list[Record]:
    """Every record of what is served, or of another generation, in the order of storing."""
    with closing(GalleryStore.open_existing(directory, generation=generation)) as store:
        records = list(store.all_records())
    assert all(isinstance(each, Record) for each in records)
    return [each for each in records if isinstance(each, Record)]


def ids_of(directory: Path) -> list[str]:
    return [record.id for record in records_of(directory)]
