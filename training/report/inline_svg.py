"""An SVG document made part of an HTML page.

Several drawings then share one space of ids, one font and the page's colours, light and dark.
"""

import re
from html import escape

from training.report.plot_style import GRID, INK, QUIET

_COLOURS = {INK: "var(--ink)", QUIET: "var(--quiet)", GRID: "var(--line)"}
_ROOT = re.compile(r"<svg\b[^>]*>")
_VIEW_BOX = re.compile(r'viewBox="[^"]*"')
_WIDTH = re.compile(r'width="([0-9.]+)pt"')


def inline_svg(document: str, name: str, description: str) -> str:
    """The drawing as an element for an HTML page.

    Declarations, metadata and name spaces, which hold addresses and which HTML does not need,
    are left out.

    Args:
        document: an SVG document as `training.report.plot_style.drawn` returns.
        name: unlike that of any other drawing on the page; ids begin with it.
        description: read aloud in the drawing's place.

    Raises:
        ValueError: the document holds no drawing.
    """
    root = _ROOT.search(document)
    view_box = root and _VIEW_BOX.search(root[0])
    if root is None or view_box is None:
        raise ValueError("the document holds no <svg> with a viewBox; give what drawn() returned")
    body = document[root.end() :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', body)
    for colour, variable in _COLOURS.items():
        body = body.replace(colour, variable)
    width = _WIDTH.search(root[0])
    size = f' style="width:{float(width[1]):.0f}pt"' if width else ""
    label = escape(description, quote=True)
    return f'<svg role="img" aria-label="{label}" {view_box[0]}{size}>{body.strip()}'
