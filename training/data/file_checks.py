"""Whether the image files of a data set can be opened, and have the size that they should."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from vreid.decoding import declared_size, decode_image
from vreid.errors import ImageError
from vreid.image_source import read_file


@dataclass(frozen=True)
class FileProblems:
    """Sentences that begin with the file's path below the data set."""

    of_another_size: Sequence[str] = ()
    unreadable: Sequence[str] = ()


def check_headers(files: Sequence[Path], root: Path, expected: tuple[int, int]) -> FileProblems:
    """Reads the size that each file's header declares; no pixel is decoded.

    Args:
        files: to look at.
        root: of the data set.
        expected: width and height that each must have.
    """
    other_size: list[str] = []
    unreadable: list[str] = []

    def look(path: Path) -> None:
        try:
            width, height = declared_size(read_file(path))
        except ImageError as error:
            unreadable.append(_sentence(path, root, error))
        else:
            if (width, height) != expected:
                other_size.append(f"{path.relative_to(root)} ({width} x {height})")

    _each(look, files, "headers")
    return FileProblems(sorted(other_size), sorted(unreadable))


def decode_all(files: Sequence[Path], root: Path) -> list[str]:
    """Decodes every file; a sentence for each that cannot be."""
    unreadable: list[str] = []

    def look(path: Path) -> None:
        try:
            decode_image(read_file(path))
        except ImageError as error:
            unreadable.append(_sentence(path, root, error))

    _each(look, files, "decoding")
    return sorted(unreadable)


def _each(look: Callable[[Path], None], files: Sequence[Path], what: str) -> None:
    with ThreadPoolExecutor() as pool:
        for _ in tqdm(pool.map(look, files), what, len(files), unit="file", disable=None):
            pass


def _sentence(path: Path, root: Path, error: ImageError) -> str:
    return f"{path.relative_to(root)}: {error}"
