"""Where decoded images are kept makes no difference to what they are."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.images import write_image
from training.data.decoded_file import cache_key, decode_into_file
from training.data.decoded_images import (
    Concatenated,
    DecodedAnew,
    DecodedImages,
    decode_in_memory,
    decoded_bytes,
)
from training.errors import ImageCacheError, TrainingImageError, TrainingInterruptedError
from vreid.modality import Modality
from vreid.preprocessing import Normalisation, Preprocessing
from vreid.sample import Sample

SIZE = Preprocessing(height=20, width=28)


def nothing() -> None:
    """No one asks to stop."""


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    for number in range(4):
        write_image(tmp_path / f"{number}.png", number)
    files = [tmp_path / f"{number}.png" for number in range(4)]
    return [
        Sample({Modality.RGB: files[0], Modality.TIR: files[1]}, identity="a"),
        Sample({Modality.NIR: files[2]}, identity="b"),
        Sample({Modality.RGB: files[3].read_bytes()}, identity="c"),
    ]


def same(left: DecodedImages, right: DecodedImages, count: int) -> bool:
    return all(
        left[number].keys() == right[number].keys()
        and all(np.array_equal(left[number][m], right[number][m]) for m in left[number])
        for number in range(count)
    )


def test_memory_file_and_decoding_anew_give_the_same_pixels(
    samples: list[Sample], tmp_path: Path
) -> None:
    anew = DecodedAnew(samples, SIZE)
    assert anew[0].keys() == {Modality.RGB, Modality.TIR}
    assert same(anew, decode_in_memory(samples, SIZE, nothing, show=False), 3)
    folder = tmp_path / "decoded"
    assert same(anew, decode_into_file(samples, SIZE, folder, nothing, show=False), 3)
    parts = [DecodedAnew(samples[:1], SIZE), DecodedAnew(samples[1:], SIZE)]
    assert same(anew, Concatenated(parts, [1, 2]), 3)


def test_the_file_is_made_once_and_then_mapped(samples: list[Sample], tmp_path: Path) -> None:
    folder = tmp_path / "decoded"
    first = decode_into_file(samples, SIZE, folder, nothing, show=False)
    (file,) = folder.glob("*.npy")
    assert file.stat().st_size - first.pixels.nbytes <= 128
    assert first.pixels.nbytes == decoded_bytes(samples, SIZE)
    made = file.stat().st_mtime_ns
    (tmp_path / "0.png").rename(tmp_path / "away.png")
    # Not looked at: what the file holds is known by the key alone.
    (tmp_path / "away.png").rename(tmp_path / "0.png")
    again = decode_into_file(samples, SIZE, folder, _not_called, show=False)
    assert file.stat().st_mtime_ns == made
    assert isinstance(again.pixels, np.memmap)
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".npy"]


def _not_called() -> None:
    raise AssertionError("decoded again")


def _touch(samples: list[Sample], path: Path) -> tuple[list[Sample], Preprocessing]:
    os.utime(path, ns=(1, 1))
    return samples, SIZE


@pytest.mark.parametrize(
    "change",
    [
        _touch,
        lambda samples, path: (samples[:2], SIZE),
        lambda samples, path: (samples[::-1], SIZE),
        lambda samples, path: (samples, replace(SIZE, height=21)),
        lambda samples, path: (samples, replace(SIZE, thermal=replace(SIZE.thermal, style="iron"))),
    ],
)
def test_the_key_changes_with_what_decides_the_pixels(
    samples: list[Sample],
    tmp_path: Path,
    change: Callable[[list[Sample], Path], tuple[list[Sample], Preprocessing]],
) -> None:
    before = cache_key(samples, SIZE)
    assert cache_key(*change(samples, tmp_path / "1.png")) != before


def test_the_key_does_not_change_with_what_does_not(samples: list[Sample]) -> None:
    other = Normalisation((0.1, 0.1, 0.1), (1, 1, 1))
    changed = replace(SIZE, normalisation=dict.fromkeys(SIZE.normalisation, other))
    assert cache_key(samples, SIZE) == cache_key(samples, changed)


@pytest.mark.parametrize("kept", ["memory", "file"])
def test_bad_images_are_known_after_decoding_and_again_from_the_file(
    samples: list[Sample], tmp_path: Path, kept: str
) -> None:
    bad = tmp_path / "1.png"
    bad.write_bytes(bad.read_bytes()[:60])
    for _ in range(2):
        table = (
            decode_in_memory(samples, SIZE, nothing, show=False)
            if kept == "memory"
            else decode_into_file(samples, SIZE, tmp_path / "decoded", nothing, show=False)
        )
        assert [image.file for image in table.bad_images()] == [str(bad)]
        with pytest.raises(TrainingImageError, match=r"1\.png"):
            table[0]
        assert table[1].keys() == {Modality.NIR}


def test_an_image_that_could_not_be_read_once_is_read_by_the_next_run(
    samples: list[Sample], tmp_path: Path
) -> None:
    image, folder = tmp_path / "1.png", tmp_path / "decoded"
    content, status = image.read_bytes(), image.stat()
    # A read that failed: the file has the size and the time that it had.
    image.write_bytes(bytes(len(content)))
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    key = cache_key(samples, SIZE)
    failed = decode_into_file(samples, SIZE, folder, nothing, show=False)
    assert [bad.file for bad in failed.bad_images()] == [str(image)]
    image.write_bytes(content)
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cache_key(samples, SIZE) == key
    for _ in range(2):
        table = decode_into_file(samples, SIZE, folder, nothing, show=False)
        assert table.bad_images() == ()
        assert same(table, DecodedAnew(samples, SIZE), len(samples))
    assert sorted(path.name for path in folder.iterdir()) == [f"{key}.json", f"{key}.npy"]


def test_a_stop_while_decoding_leaves_no_file(samples: list[Sample], tmp_path: Path) -> None:
    def stop() -> None:
        raise TrainingInterruptedError("stopped")

    folder = tmp_path / "decoded"
    with pytest.raises(TrainingInterruptedError):
        decode_into_file(samples, SIZE, folder, stop, show=False)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(samples: list[Sample], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ImageCacheError, match="image_cache_folder"):
        decode_into_file(samples, SIZE, tmp_path / "file", nothing, show=False)


def test_a_cut_file_is_refused(samples: list[Sample], tmp_path: Path) -> None:
    folder = tmp_path / "decoded"
    decode_into_file(samples, SIZE, folder, nothing, show=False)
    (file,) = folder.glob("*.npy")
    os.truncate(file, 200)
    with pytest.raises(ImageCacheError, match=r"\.npy"):
        decode_into_file(samples, SIZE, folder, nothing, show=False)
