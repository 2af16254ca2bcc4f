"""The pictures that are indexed and sent."""

from pathlib import Path

from PIL import Image

from benchmarks.serving.pictures import mixed_samples, write_archive


def test_an_archive_has_as_many_samples_as_asked_for_and_no_two_alike(tmp_path: Path) -> None:
    lines = write_archive(tmp_path, 180).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 181
    # There are fewer shipped triplets: some samples are made of the same one.
    contents = {(tmp_path / line.split(",")[1]).read_bytes() for line in lines[1:]}
    assert len(contents) == 180


def test_an_archive_can_have_larger_pictures(tmp_path: Path) -> None:
    write_archive(tmp_path, 1, 512)
    with Image.open(tmp_path / "00000_rgb.jpg") as picture:
        assert picture.width == 512


def test_mixed_samples_have_every_selection_and_many_sizes(tmp_path: Path) -> None:
    samples = mixed_samples(tmp_path, 14)
    assert len({tuple(sample) for sample in samples}) == 7
    assert len({Path(next(iter(sample.values()))).stem.split("_")[1] for sample in samples}) == 6
