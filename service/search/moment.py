"""Which changes of a gallery a search sees: all that any process made before it."""

from __future__ import annotations

from service.gallery.gallery import Gallery
from service.gallery.protocol import GalleryProtocol
from service.search.pages import PageStart, refuse_later


def follow_others(gallery: GalleryProtocol) -> None:
    """Make what other processes stored and deleted up to now searched.

    When nothing changed this is one look at the disk, some 40 microseconds; without it, a search
    right after another process's import would answer 'no match' from before it. In Milvus, what is
    stored is searched at once.

    Raises:
        GalleryError: the gallery cannot be read.
    """
    if isinstance(gallery, Gallery):
        gallery.refresh()


def refuse_unknown_moment(start: PageStart, gallery: GalleryProtocol) -> None:
    """Refuse a page that saw changes that the gallery does not have.

    Machines that share a gallery in Milvus number changes by their clocks, so one may not know yet
    what another one saw; there nothing is refused.

    Raises:
        InvalidRequest: naming the cursor.
    """
    if isinstance(gallery, Gallery) and start.as_of > gallery.sequence:
        raise refuse_later(start.as_of)
