"""Opening a gallery wherever it is: a directory, or a collection on a Milvus server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from service.gallery.address import MilvusAddress, parse_address
from service.gallery.gallery import Gallery
from service.gallery.protocol import GalleryProtocol, RecordStore
from service.gallery.store.store import GalleryStore
from vreid.bundle import Bundle
from vreid.errors import ConfigurationError
from vreid.installation import install_hint

if TYPE_CHECKING:
    from service.milvus.gallery import MilvusGallery


def open_gallery(
    address: Path | str | MilvusAddress,
    bundle: Bundle,
    *,
    follow_interval: float | None = 0.5,
    lock_timeout: float = 30.0,
) -> GalleryProtocol:
    """Open a gallery of a bundle, or make it where there is none.

    `follow_interval` and `lock_timeout` are those of `Gallery.open`; a Milvus server gets
    `lock_timeout` to answer a call. Raises what `Gallery.open` and `MilvusGallery.open` raise, and
    `ConfigurationError` for an address that is none.
    """
    place = place_of(address)
    if isinstance(place, MilvusAddress):
        return _milvus_gallery(place, bundle, lock_timeout)
    return Gallery.open(place, bundle, follow_interval=follow_interval, lock_timeout=lock_timeout)


def open_records(
    address: Path | str | MilvusAddress, bundle: Bundle, *, lock_timeout: float = 30.0
) -> RecordStore:
    """Open a gallery of a bundle for storing records only; raises as `open_gallery`."""
    place = place_of(address)
    if isinstance(place, MilvusAddress):
        gallery = _milvus_gallery(place, bundle, lock_timeout)

        from service.milvus.records import MilvusRecords

        return MilvusRecords(gallery)
    manifest = bundle.manifest
    return GalleryStore.open(
        place, manifest.fingerprint, manifest.feature_size, lock_timeout=lock_timeout
    )


def place_of(address: Path | str | MilvusAddress) -> Path | MilvusAddress:
    """A directory or a parsed address. Raises `ConfigurationError` for what is neither."""
    if isinstance(address, MilvusAddress):
        return address
    try:
        return parse_address(address)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _milvus_gallery(address: MilvusAddress, bundle: Bundle, timeout: float) -> MilvusGallery:
    try:
        from service.milvus.gallery import MilvusGallery
    except ModuleNotFoundError as error:
        if error.name not in ("pymilvus", "milvus_lite"):
            raise
        raise ConfigurationError(
            f"the gallery {address} is in Milvus and pymilvus is not installed here; "
            f"{install_hint('service,cpu,milvus')}"
        ) from error
    return MilvusGallery.open(address, bundle, timeout=timeout)
