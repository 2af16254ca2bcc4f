"""From a report's content to one HTML file that loads nothing."""

from collections.abc import Mapping
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from training.report.document import Page, Plot
from training.report.inline_svg import inline_svg
from training.report.rank_lists import Verdict
from vreid.modality import MODALITIES, Modality

VERDICT_WORDS = {
    Verdict.TRUE: "✓ same vehicle",
    Verdict.FALSE: "✗ other vehicle",
    Verdict.JUNK: "– junk",
}


def to_html(page: Page) -> str:
    """The page as HTML; the same page gives the same text."""
    folder = files("training.report")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["widths"] = bar_widths
    template = environment.from_string((folder / "page.html").read_text(encoding="utf-8"))
    return template.render(
        page=page,
        style=Markup((folder / "page.css").read_text(encoding="utf-8")),
        drawing=_drawing,
        words=VERDICT_WORDS,
        modalities=MODALITIES,
    )


def bar_widths(contributions: Mapping[Modality, float]) -> dict[Modality, float]:
    """Widths in percent of the parts of a score's bar, whose whole length is a score of one.

    A part below zero has no width; its number is written beside the bar.
    """
    positive = {modality: max(0.0, part) for modality, part in contributions.items()}
    # Where a part is negative the others may sum to more than one.
    whole = max(1.0, sum(positive.values()))
    return {modality: round(100 * part / whole, 2) for modality, part in positive.items()}


def _drawing(plot: Plot, name: str) -> Markup:
    # The drawing's own text is escaped by the library that wrote it, the description here.
    return Markup(inline_svg(plot.svg, name, plot.description))
