"""`vreid reindex` as people and scripts call it."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.errors import GalleryUnsupported
from service.reindexing.command import reindex_command
from tests.service.reindexing.galleries import embedded, ids_of, index, open_store, sighting
from vreid.bundle import Bundle
from vreid.errors import FingerprintMismatch


@pytest.fixture
def indexed(directory: Path, archive: Path, old_bundle: Bundle) -> Path:
    """A gallery of six records that were indexed from files."""
    index(archive, old_bundle, directory)
    return directory


def run(directory: Path, *options: str | Path) -> Result:
    return CliRunner().invoke(reindex_command, ["--gallery", str(directory), *map(str, options)])


def test_it_reports_the_verification_as_json(
    indexed: Path, archive: Path, new_bundle: Bundle
) -> None:
    result = run(indexed, "--bundle", new_bundle.path, "--source", archive, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout.splitlines()[-1])
    assert (report["embedded"], report["rejected"], report["rejects"]) == (6, 0, None)
    assert (report["swapped"], report["served"]) == (True, True)
    assert report["fingerprint"] == new_bundle.fingerprint
    verification = report["verification"]
    assert verification["sound"] is True
    assert verification["records"] == verification["found_first"] == verification["sampled"] == 6
    assert "is served; restart" in result.stderr


def test_it_fails_and_says_why_when_records_cannot_be_embedded(
    indexed: Path, new_bundle: Bundle, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.jsonl"
    result = run(indexed, "--bundle", new_bundle.path, "--rejects", rejects, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout.splitlines()[-1])
    assert (report["rejected"], report["rejects"]) == (6, str(rejects))
    assert (report["swapped"], report["verification"]) == (False, None)
    assert "--source" in json.loads(rejects.read_text().splitlines()[0])["reason"]
    assert "6 records cannot be embedded" in result.stderr


def test_building_without_swapping_and_going_back_and_forth(
    indexed: Path, archive: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    options = ("--bundle", new_bundle.path, "--source", archive)
    built = run(indexed, *options, "--no-swap")
    assert built.exit_code == 0, built.output
    assert "is ready; run again without --no-swap to serve it" in built.output
    assert "is served on" in built.output
    assert states(indexed) == ["served", "not served"]
    assert run(indexed, *options).exit_code == 0
    assert states(indexed) == ["previous", "served"]
    back = run(indexed, "--rollback")
    assert back.exit_code == 0
    assert "restart everything that uses the gallery" in back.output
    with closing(open_store(indexed, old_bundle)) as store:
        assert store.count() == 6
    discarded = run(indexed, "--discard")
    assert "1 generations removed" in discarded.output
    assert states(indexed) == ["served"]
    assert run(indexed, "--rollback").exit_code == 1


def states(directory: Path) -> list[str]:
    lines = run(directory, "--status").output.splitlines()
    listed = json.loads(run(directory, "--status", "--json").output)["generations"]
    assert [line.split("\t")[0] for line in lines] == [each["name"] for each in listed]
    return [line.split("\t")[1] for line in lines]


def test_the_status_says_what_a_generation_that_is_not_served_lacks(
    indexed: Path, archive: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    def lacking() -> tuple[list[str], list[int]]:
        lines = run(indexed, "--status").output.splitlines()
        listed = json.loads(run(indexed, "--status", "--json").output)["generations"]
        return [line.split("\t")[5] for line in lines if "\tserved" not in line], [
            each["lacking"] for each in listed
        ]

    options = ("--bundle", new_bundle.path, "--source", archive, "--no-swap")
    assert run(indexed, *options).exit_code == 0
    assert lacking() == (["complete"], [0, 0])
    with closing(open_store(indexed, old_bundle)) as store:
        store.add([embedded(sighting(n), old_bundle) for n in (7, 8)])
    assert lacking() == (["lacking 2 records"], [0, 2])
    assert run(indexed, *options).exit_code == 0
    assert lacking() == (["complete"], [0, 0])


def test_the_gallerys_own_bundle_has_nothing_to_do_and_is_told_why(
    indexed: Path, old_bundle: Bundle
) -> None:
    result = run(indexed, "--bundle", old_bundle.path)
    assert result.exit_code == 0, result.output
    assert "the gallery's own model (same weights and preprocessing)" in result.output


def test_the_bundle_before_a_swap_is_told_how_to_go_back(
    indexed: Path, archive: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with pytest.raises(FingerprintMismatch, match="--bundle NEW_BUNDLE") as never:
        open_store(indexed, new_bundle)
    assert "--rollback" not in str(never.value)
    options = ("--bundle", new_bundle.path, "--source", archive)
    assert run(indexed, *options).exit_code == 0
    with pytest.raises(FingerprintMismatch, match="vreid reindex --rollback") as refused:
        open_store(indexed, old_bundle)
    assert f"serves the model {new_bundle.fingerprint}" in str(refused.value)
    assert run(indexed, "--discard").exit_code == 0
    with pytest.raises(FingerprintMismatch, match=new_bundle.fingerprint) as gone:
        open_store(indexed, old_bundle)
    assert "--rollback" not in str(gone.value)


def test_one_thing_is_asked_for_at_a_time(indexed: Path) -> None:
    assert run(indexed, "--status", "--rollback").exit_code == 2
    without = run(indexed)
    assert without.exit_code == 2
    assert "--bundle" in without.output


def test_a_gallery_in_milvus_is_refused() -> None:
    refused = run(Path("milvus://127.0.0.1:19530/vehicles"), "--status")
    assert isinstance(refused.exception, GalleryUnsupported)


def test_records_that_are_left_out_are_counted(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(sighting(n, id=f"r{n}"), old_bundle, keep_crops=n > 0) for n in (0, 1)])
    result = run(directory, "--bundle", new_bundle.path, "--drop-missing")
    assert result.exit_code == 0, result.output
    assert "1 records left out" in result.output
    assert ids_of(directory) == ["r1"]
