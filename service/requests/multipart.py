"""Reading multipart/form-data that is already in memory.

Starlette's own reader spools large parts to temporary files; the body is bounded here, so nothing
has to be written and a read-only file system will do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from service.request_errors import MalformedBody

_MOST_PARTS = 100


@dataclass(slots=True)
class Part:
    """One field of a form.

    Attributes:
        name: the field's name.
        filename: the file's name, None for a plain field, "" where a browser's form had no choice.
        content: the field's bytes.
    """

    name: str
    filename: str | None
    content: bytes


@dataclass(slots=True)
class _Collector:
    """Receives the parser's callbacks and gathers the parts."""

    parts: list[Part] = field(default_factory=list)
    _header_name: bytearray = field(default_factory=bytearray)
    _header_value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _content: list[bytes] = field(default_factory=list)
    ended: bool = False

    def on_part_begin(self) -> None:
        if len(self.parts) >= _MOST_PARTS:
            raise MalformedBody(f"the form has more than {_MOST_PARTS} fields; send fewer")
        self._disposition = b""
        self._content = []

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        # In one piece, unless it has something in it that looks like a boundary.
        self._content.append(data[start:end])

    def on_part_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise MalformedBody("a part of the form has no name; name it rgb, nir, tir, k, ...")
        filename = options.get(b"filename")
        self.parts.append(
            Part(
                name=options[b"name"].decode("utf-8", errors="replace"),
                filename=None if filename is None else filename.decode("utf-8", errors="replace"),
                content=self._content[0] if len(self._content) == 1 else b"".join(self._content),
            )
        )

    def on_end(self) -> None:
        self.ended = True


def parse_multipart(body: bytes, content_type: str) -> list[Part]:
    """Return the parts of a form in their order.

    Args:
        body: the whole body.
        content_type: the request's Content-Type with its boundary.

    Raises:
        MalformedBody: no boundary or one that is too long, a part without a name, too many parts,
            or a body cut off.
    """
    _, parameters = parse_options_header(content_type)
    boundary = parameters.get(b"boundary")
    if not boundary:
        raise MalformedBody(
            "the Content-Type has no boundary; let your HTTP library set it for multipart/form-data"
        )
    collector = _Collector()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collector.on_part_begin,
                "on_part_data": collector.on_part_data,
                "on_part_end": collector.on_part_end,
                "on_header_field": collector.on_header_field,
                "on_header_value": collector.on_header_value,
                "on_header_end": collector.on_header_end,
                "on_end": collector.on_end,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise MalformedBody("the body is not a well-formed multipart form") from error
    if not collector.ended:
        raise MalformedBody("the multipart form ends before its closing boundary; send it whole")
    return collector.parts
