"""Where an encoded image comes from: a file, bytes in memory, or a tile of a file."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from vreid.decoding import DEFAULT_LIMITS, ImageLimits, Pixels, decode_image
from vreid.errors import ImageError, SampleError, UnreadableImage, WrongTiles


@dataclass(frozen=True, slots=True)
class Tile:
    """One of several pictures of one size that stand side by side in one image file.

    Attributes:
        path: the file.
        index: which picture, counted from 0 at the left.
        count: how many there are.
        aspect: width over height of each picture; None for any. It tells a file of two tiles from
            one of three, whose width can be halved as well.

    Raises:
        SampleError: there is no such tile.
    """

    path: Path
    index: int
    count: int
    aspect: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise SampleError(
                f"{self.path} has no tile {self.index} of {self.count}; tiles are counted from 0"
            )

    def decoded(self, limits: ImageLimits = DEFAULT_LIMITS) -> Pixels:
        """The whole file's pixels, of which `cut` takes this tile.

        Raises:
            UnreadableImage: the file cannot be read.
            ImageError: it cannot be decoded; the message names it.
        """
        try:
            return decode_image(read_file(self.path), limits)
        except UnreadableImage:
            raise
        except ImageError as error:
            raise type(error)(f"{self.path}: {error}") from error

    def cut(self, pixels: Pixels) -> Pixels:
        """This tile, (H, W / count) or (H, W / count, 3), of the whole file's pixels.

        Raises:
            WrongTiles: the width is no multiple of `count`, or the tiles are of another shape.
        """
        height, width = pixels.shape[:2]
        if width % self.count or self.aspect not in (None, width / self.count / height):
            shape = "" if self.aspect is None else f", each {self.aspect:g} times as wide as high"
            raise WrongTiles(
                f"{self.path} has {width} x {height} pixels (width x height), which is not "
                f"{self.count} tiles side by side{shape}; "
                "check that it belongs to this data set and was not resized"
            )
        each = width // self.count
        return pixels[:, self.index * each : (self.index + 1) * each].copy(order="C")

    def read(self, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
        """This tile alone as an image file (PNG, so that not a level changes).

        Args:
            limits: of the whole file.

        Raises:
            UnreadableImage: the file cannot be read.
            ImageError: it cannot be decoded, or is not made of such tiles; the message names it.
        """
        encoded = BytesIO()
        Image.fromarray(self.cut(self.decoded(limits))).save(encoded, "PNG", compress_level=0)
        return encoded.getvalue()


ImageSource = Path | bytes | Tile
"""An encoded image: a path to the file, the file's bytes, or a tile of a file."""


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        UnreadableImage: it cannot be read.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnreadableImage(
            f"{path} cannot be read ({reason}); check that the file exists and may be read"
        ) from error


def read_source(source: ImageSource) -> bytes:
    """The encoded bytes of the image, of a tile those of the tile alone.

    Raises:
        UnreadableImage: the file cannot be read.
        ImageError: the tile cannot be cut from its file.
    """
    if isinstance(source, bytes):
        return source
    return source.read() if isinstance(source, Tile) else read_file(source)


def content_of(source: ImageSource) -> bytes:
    """The bytes that tell the image from every other one, without decoding it.

    They are the file's own, so that they do not change with the version of a decoder; those of a
    tile end with its place in the file.

    Raises:
        UnreadableImage: the file cannot be read.
    """
    if isinstance(source, Tile):
        return read_file(source.path) + f"\ntile {source.index} of {source.count}".encode()
    return read_source(source)


def file_of(source: ImageSource) -> Path | None:
    """The file that the image lies in, None when it is in memory."""
    if isinstance(source, bytes):
        return None
    return source.path if isinstance(source, Tile) else source
