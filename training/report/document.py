"""What a page of the report consists of, in plain types; `page` gives it its form."""

from collections.abc import Mapping
from dataclasses import dataclass

from training.report.rank_lists import Verdict
from vreid.modality import Modality


@dataclass(frozen=True)
class Table:
    """A table whose first column names the row.

    Attributes:
        caption: what it shows.
        columns: headings; none for a table of names and what they stand for.
        rows: as many cells each as there are columns.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Plot:
    """A drawing.

    Attributes:
        svg: an SVG document.
        description: what a reader who cannot see it needs to know, figures included.
        caption: the line below it.
    """

    svg: str
    description: str
    caption: str


@dataclass(frozen=True)
class Tile:
    """A sample in a rank list.

    Attributes:
        heading: its place, such as "rank 1".
        verdict: None for the query.
        name: which sample.
        identity: which vehicle, where known.
        pictures: data address by modality; modalities that it does not have are absent.
        score: lines of text; none for the query.
        contributions: by modality, those that take part in the score.
    """

    heading: str
    verdict: Verdict | None
    name: str
    identity: str
    pictures: Mapping[Modality, str]
    score: tuple[str, ...] = ()
    contributions: Mapping[Modality, float] | None = None


@dataclass(frozen=True)
class TileRow:
    """A query and what was found for it."""

    title: str
    note: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Section:
    """A part of the page; what it has is shown in the order of the attributes."""

    name: str
    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    tile_rows: tuple[TileRow, ...] = ()


@dataclass(frozen=True)
class Page:
    """The whole report."""

    title: str
    sections: tuple[Section, ...]
