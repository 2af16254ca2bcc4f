from pathlib import Path

from benchmarks.start_to_ready import CASES, serving, table_of
from benchmarks.start_up import store_records
from service.settings import SHIPPED_BUNDLE
from vreid.bundle import Bundle


def test_a_start_is_timed_until_the_service_is_ready(tmp_path: Path) -> None:
    manifest = Bundle.load(SHIPPED_BUNDLE).manifest
    gallery = tmp_path / "gallery"
    store_records(gallery, 20, manifest.fingerprint, manifest.feature_size, modalities=3)
    with serving(gallery, tmp_path / "cache", "onnxruntime-cpu") as (seconds, process):
        assert seconds > 0
        assert Path(f"/proc/{process}").is_dir()
    assert not Path(f"/proc/{process}").is_dir()


def test_every_case_has_a_row() -> None:
    starts = [
        {
            "case": case.name,
            "index": case.has_index,
            "engine_cache": case.has_engine_cache,
            "seconds": 1.25,
            "slowest": 1.5,
            "peak_bytes": 2e8,
        }
        for case in CASES
    ]
    result = {"records": 10, "engine": "auto", "processors": 2, "rounds": 1, "starts": starts}
    assert table_of(result).count("| 1.25 | 1.50 | 200 |") == len(CASES)
