from pathlib import Path

from service.gallery.opening import open_gallery
from service.indexing.job import index_source
from tests.bundles import make_tiny_bundle
from tests.service.indexing.pictures import write_picture


def test_a_job_stores_in_milvus_what_is_new_there(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    for number in range(5):
        write_picture(tmp_path / "archive" / f"{number}_rgb.jpg", number)
    address = f"milvus-lite:{tmp_path / 'gallery.db'}"

    def run() -> tuple[int, int]:
        done = index_source(
            tmp_path / "archive", bundle, address, rejects=tmp_path / "no", show_progress=False
        )
        return done.indexed, done.skipped

    assert run() == (5, 0)
    write_picture(tmp_path / "archive" / "5_rgb.jpg", 5)
    assert run() == (1, 5)
    gallery = open_gallery(address, bundle)
    assert gallery.count() == 6
    [*_, last] = gallery.page().records
    assert list(last.source.values()) == ["5_rgb.jpg"]
    gallery.close()
