"""What to index of a folder that is laid out like a public data set."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vreid.layouts.identity_folders import IdentityFolders
from vreid.layouts.public_sets import (
    MSVR310,
    PUBLIC_SETS,
    WMVEID863,
    Arrangement,
    public_set_at,
)
from vreid.sample import Sample

_ARRANGEMENTS: tuple[Arrangement, ...] = (
    IdentityFolders((MSVR310.pattern, WMVEID863.pattern)),
    *(
        each.arrangement
        for each in PUBLIC_SETS.values()
        if not isinstance(each.arrangement, IdentityFolders)
    ),
)


@dataclass(frozen=True)
class ArchiveTree:
    """A folder of samples.

    Attributes:
        folder: in which the samples lie.
        arrangement: how.
        set_name: the data set that the folder is the gallery of; None for a folder by itself.
    """

    folder: Path
    arrangement: Arrangement
    set_name: str | None = None

    def read(self) -> Iterator[Sample]:
        """Every sample, labelled by its file name where that is named as a public set names it."""
        return self.arrangement.read(self.folder)


def archive_tree_at(folder: Path) -> ArchiveTree | None:
    """The gallery of the public set at a folder, or the folder itself where it is arranged so.

    Headers of a few images may be read. None when the folder is not laid out in any such way.
    """
    if (found := public_set_at(folder)) is not None and (
        gallery := found.locate(folder).get("gallery")
    ) is not None:
        return ArchiveTree(gallery, _known(found.arrangement), found.title)
    for arrangement in _ARRANGEMENTS:
        if arrangement.holds(folder):
            return ArchiveTree(folder, arrangement)
    return None


def _known(arrangement: Arrangement) -> Arrangement:
    """Trees of identities are read with the names of both sets that have them."""
    return _ARRANGEMENTS[0] if isinstance(arrangement, IdentityFolders) else arrangement
