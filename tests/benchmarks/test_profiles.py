from pathlib import Path

from PIL import Image

from benchmarks.largest_pictures import largest_samples
from benchmarks.profiles import MEASURED, PAGE, PROFILES, table
from service.bench.machine import machine_facts

REPOSITORY = Path(__file__).parents[2]
FIGURES = {
    "engine": "some-engine int8",
    "ready_seconds": 1.24,
    "resident_bytes": 200 * 2**20,
    "lone_p50_ms": 8.06,
    "triplets_per_second": 151.4,
    "busy_p99_ms": 120.6,
    "busy_peak_bytes": 250 * 2**20,
    "largest_peak_bytes": 600 * 2**20,
}


def test_the_table_has_a_column_for_each_profile_in_the_units_it_names() -> None:
    lines = table({"edge": FIGURES, "server": FIGURES}, machine_facts()).splitlines()
    assert "| | `edge` | `server` |" in lines
    assert "| start to ready, s | 1.2 | 1.2 |" in lines
    assert "| resident when ready, MiB | 200 | 200 |" in lines


def test_the_page_has_a_place_for_the_table() -> None:
    page = (REPOSITORY / PAGE).read_text(encoding="utf-8")
    assert "<!-- profiles -->" in page
    assert "<!-- end profiles -->" in page


def test_what_is_measured_are_profiles() -> None:
    assert all((REPOSITORY / PROFILES / f"{name}.env").is_file() for name in MEASURED)


def test_the_largest_pictures_have_as_many_pixels_as_are_allowed_and_no_more(
    tmp_path: Path,
) -> None:
    for sample in largest_samples(tmp_path, 100_000):
        assert set(sample) == {"rgb", "nir", "tir"}
        for path in sample.values():
            with Image.open(path) as image:
                assert 0.95 * 100_000 < image.width * image.height <= 100_000
