"""How the public data sets of three (or two) spectra lie on disk."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from vreid.errors import DatasetError
from vreid.image_source import file_of
from vreid.layouts import msvr310
from vreid.layouts.identity_folders import IdentityFolders
from vreid.layouts.side_by_side import SideBySide
from vreid.layouts.spectrum_folders import SpectrumFolders
from vreid.modality import MODALITIES, Modality
from vreid.sample import Sample

Split = Literal["train", "query", "gallery"]
SPLITS: tuple[Split, ...] = get_args(Split)

MEASURED: tuple[Split, ...] = ("query", "gallery")
"""The splits that measuring and calibrating read; only training needs the other."""

_SHOWN = 8


class Arrangement(Protocol):
    """How pictures lie in the folder of one split."""

    @property
    def expected(self) -> str:
        """What messages say should be there."""

    def holds(self, folder: Path) -> bool:
        """Whether the folder is arranged like this."""

    def read(self, folder: Path) -> Iterator[Sample]:
        """Every sample of the folder, labelled by its file name; no image is opened."""


@dataclass(frozen=True)
class PublicSet:
    """A public data set.

    Attributes:
        name: what commands call it.
        title: what its authors call it.
        subject: what it shows, and in how many spectra.
        folders: of each split, the names that its folder has in the copies that go round.
        wrappers: folders that the splits may lie in together; "" for none.
        arrangement: of the pictures in a split's folder.
        pattern: of the file names.
        naming: the same in words.
        modalities: those that a complete sample has.
    """

    name: str
    title: str
    subject: str
    folders: Mapping[Split, tuple[str, ...]]
    arrangement: Arrangement
    pattern: re.Pattern[str]
    naming: str
    wrappers: tuple[str, ...] = ("",)
    modalities: tuple[Modality, ...] = MODALITIES

    def layout(self) -> str:
        """Where its pictures lie, in a line."""
        names = dict.fromkeys("|".join(self.folders[split]) for split in SPLITS)
        wrapper = "|".join(filter(None, self.wrappers))
        return (
            (f"[{wrapper}/]" if wrapper else "")
            + f"{{{','.join(names)}}}/"
            + self.arrangement.expected.replace("NAME", self.naming)
        )

    def locate(self, root: Path) -> dict[Split, Path]:
        """The folder of each split that is there, in whichever wrapper has most of them."""
        found = [self._below(root / wrapper) for wrapper in self.wrappers]
        return max(found, key=len)

    def folders_at(self, root: Path) -> dict[Split, Path]:
        """The folder of every split; that of training may be absent, with no entry then.

        Raises:
            DatasetError: query or gallery is missing; the message names every missing folder and
                what is there instead.
        """
        found = self.locate(root)
        if all(split in found for split in MEASURED):
            return found
        missing = dict.fromkeys(
            " or ".join(self.folders[split]) for split in SPLITS if split not in found
        )
        here = next(iter(found.values())).parent if found else root
        there = sorted(path.name for path in here.iterdir()) if here.is_dir() else []
        shown = ", ".join(there[:_SHOWN]) + (", ..." if len(there) > _SHOWN else "")
        raise DatasetError(
            f"{here} is no {self.title} tree: expected {self.layout()}, missing "
            f"{', '.join(missing)}, found {shown or 'nothing'}; "
            f"{self._where_it_may_be(root)}"
        )

    def recognised_at(self, root: Path) -> bool:
        """Whether the train or gallery folder is there and arranged as this set's."""
        found = self.locate(root)
        telling = [found[split] for split in ("train", "gallery") if split in found]
        return any(self.arrangement.holds(folder) for folder in telling)

    def naming_problem(self, sample: Sample) -> str | None:
        """What is wrong with the names of a sample's files; None when nothing is."""
        for source in sample.images.values():
            path = file_of(source)
            match = None if path is None else self.pattern.fullmatch(path.name)
            if match is None or match["identity"] != sample.identity:
                identity = "" if match is None else f" of identity {sample.identity}"
                return (
                    f"{path} is not named as {self.title} names images{identity}: "
                    f"expected {self.naming}"
                )
        return None

    def _where_it_may_be(self, root: Path) -> str:
        below = sorted(root.iterdir()) if root.is_dir() else []
        inside = next((path for path in below if set(MEASURED) <= self.locate(path).keys()), None)
        return (
            "give the folder that holds the splits"
            if inside is None
            else f"{inside} holds them, give that one"
        )

    def _below(self, folder: Path) -> dict[Split, Path]:
        return {
            split: folder / name
            for split in SPLITS
            for name in reversed(self.folders[split])
            if (folder / name).is_dir()
        }


_TILED = re.compile(r"(?P<identity>\d{4})_c(?P<camera>\d{4})_(?P<index>\d{3})\.jpg")
_TILED_NAMING = "<4 digits>_c<4 digits>_<3 digits>.jpg"
_TILED_FOLDERS: Mapping[Split, tuple[str, ...]] = {
    "train": ("bounding_box_train",),
    "query": ("query",),
    "gallery": ("bounding_box_test",),
}
_TILED_WRAPPERS = ("", "rgbir", "rgbirt")
_TWO = (Modality.RGB, Modality.NIR)
_RGBNT201 = re.compile(r"(?P<identity>\d{6})_cam(?P<camera>\d)_(?P<time>\d)_(?P<index>\d{2})\.jpg")
_WMVEID863 = re.compile(
    r"(?P<identity>\d{4})_v(?P<view>\d)_n(?P<night>\d)_s(?P<scene>\d{3})_(?P<index>\d{3})\.jpg"
)

MSVR310 = PublicSet(
    name="msvr310",
    title="MSVR310",
    subject="vehicles in RGB, NIR, TIR",
    folders={
        "train": (msvr310.TRAIN,),
        "query": (msvr310.QUERY,),
        "gallery": (msvr310.GALLERY,),
    },
    arrangement=IdentityFolders((msvr310.NAME_PATTERN,)),
    pattern=msvr310.NAME_PATTERN,
    naming="<4 digits>_s<3 digits>_v<1 digit>_<3 digits>.jpg",
)
RGBNT100 = PublicSet(
    name="rgbnt100",
    title="RGBNT100",
    subject="vehicles in RGB, NIR, TIR",
    folders=_TILED_FOLDERS,
    wrappers=_TILED_WRAPPERS,
    arrangement=SideBySide(_TILED, MODALITIES),
    pattern=_TILED,
    naming=_TILED_NAMING,
)
RGBN300 = PublicSet(
    name="rgbn300",
    title="RGBN300",
    subject="vehicles in RGB, NIR",
    folders=_TILED_FOLDERS,
    wrappers=_TILED_WRAPPERS,
    arrangement=SideBySide(_TILED, _TWO),
    pattern=_TILED,
    naming=_TILED_NAMING,
    modalities=_TWO,
)
RGBNT201 = PublicSet(
    name="rgbnt201",
    title="RGBNT201",
    subject="people in RGB, NIR, TIR",
    folders={"train": ("train_171",), "query": ("test",), "gallery": ("test",)},
    arrangement=SpectrumFolders(_RGBNT201),
    pattern=_RGBNT201,
    naming="<6 digits>_cam<1 digit>_<1 digit>_<2 digits>.jpg",
)
WMVEID863 = PublicSet(
    name="wmveid863",
    title="WMVeID863",
    subject="vehicles in RGB, NIR, TIR, by day, at night and in glare",
    folders={"train": ("train",), "query": ("query",), "gallery": ("test", "gallery")},
    arrangement=IdentityFolders((_WMVEID863,)),
    pattern=_WMVEID863,
    naming="<4 digits>_v<1 digit>_n<1 digit>_s<3 digits>_<3 digits>.jpg",
)

PUBLIC_SETS = {each.name: each for each in (MSVR310, RGBNT100, RGBN300, RGBNT201, WMVEID863)}
"""All of them by name."""


def public_set_at(root: Path) -> PublicSet | None:
    """Which of the public sets lies at a folder; None when none is recognised."""
    return next((each for each in PUBLIC_SETS.values() if each.recognised_at(root)), None)
