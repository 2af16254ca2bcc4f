"""Boxes, texts and arrows of an SVG picture that is read in light and in dark surroundings."""

from __future__ import annotations

from html import escape

INK, QUIET, LINE, PAPER = "#1d2b30", "#53656c", "#9fb0b6", "#ffffff"
ACCENT, TINT, WARM = "#0b5a68", "#e8f1f3", "#b4531b"

_HEAD = """<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" \
markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="{ink}"/></marker></defs>"""


class Picture:
    """An SVG picture of `width` x `height` pixels on white paper."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._width, self._height, self._title = width, height, title
        self._parts: list[str] = []

    def box(
        self, x: float, y: float, width: float, height: float, fill: str = TINT, line: str = LINE
    ) -> None:
        """Draw a box with round corners."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" '
            f'fill="{fill}" stroke="{line}"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: int = 13,
        color: str = INK,
        bold: bool = False,
        anchor: str = "start",
        turn: int = 0,
    ) -> None:
        """Write a line; `turn` degrees about its beginning."""
        turned = f' transform="rotate({turn} {x:g} {y:g})"' if turn else ""
        weight = ' font-weight="600"' if bold else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{color}"{weight} '
            f'text-anchor="{anchor}"{turned}>{escape(text)}</text>'
        )

    def words(self, x: float, y: float, text: str, letters: int, size: int = 11) -> None:
        """Write a text in lines of at most `letters`, or what one word takes."""
        line = ""
        for word in text.split():
            if line and len(line) + 1 + len(word) > letters:
                self.text(x, y, line, size, QUIET)
                line, y = word, y + size + 3
            else:
                line = f"{line} {word}".strip()
        self.text(x, y, line, size, QUIET)

    def arrow(self, points: list[tuple[float, float]], color: str = INK) -> None:
        """Draw straight lines through the points, with a tip at the last."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5" '
            'marker-end="url(#tip)"/>'
        )

    def document(self) -> str:
        """The whole file."""
        size = f'viewBox="0 0 {self._width} {self._height}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} width="{self._width}" '
                f'height="{self._height}" role="img" font-family="sans-serif">',
                f"<title>{escape(self._title)}</title>",
                _HEAD.format(ink=INK),
                f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
                *self._parts,
                "</svg>\n",
            ]
        )
