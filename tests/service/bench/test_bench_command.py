"""`vreid bench` on a tiny bundle, with a real service."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.bench.command import bench
from service.bench.prepared import with_missing
from service.bench.report import aligned
from service.bench.samples import complete_triplets
from service.bench.server_process import free_port, running_server, serve_command
from tests.bundles import make_tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("tiny")).path


def test_engine_process_and_service_are_measured(bundle: Path) -> None:
    options = ["--bundle", str(bundle), "--engine", "onnxruntime-cpu", "--seconds", "0.3"]
    run = CliRunner().invoke(bench, [*options, "--concurrency", "1,2", "--json"])
    assert run.exit_code == 0, run.output
    document = json.loads(run.stdout.splitlines()[-1])
    engine = document["engine"]
    assert engine["name"] == "onnxruntime-cpu"
    assert engine["images_per_second"] == pytest.approx(3 * engine["triplets_per_second"])
    assert engine["in_process_per_second"] > 0
    assert document["ready_seconds"] > 0
    rows = document["http"]
    assert [(row["what"], row["concurrency"]) for row in rows] == [
        ("complete", 1),
        ("complete", 2),
        ("some missing", 1),
        ("some missing", 2),
    ]
    for row in rows:
        load = row["figures"]["load"]
        assert list(load["by_status"]) == ["200"]
        assert row["figures"]["peak_bytes"] > 1_000_000
    assert rows[0]["figures"]["images_per_second"] == pytest.approx(
        3 * rows[0]["figures"]["load"]["per_second"]
    )


def test_a_running_service_is_measured_by_its_address(bundle: Path, tmp_path: Path) -> None:
    port = free_port()
    command = serve_command(port, bundle, tmp_path / "gallery")
    with running_server(command, port, log=tmp_path / "log") as server:
        options = ["--url", f"{server.url}/", "--seconds", "0.2", "--concurrency", "2"]
        run = CliRunner().invoke(bench, options)
    assert run.exit_code == 0, run.output
    assert "engine alone" not in run.output
    lines = run.output.splitlines()
    assert next(line for line in lines if line.startswith("complete")).split()[1] == "2"


def test_numbers_of_connections_that_are_none_are_refused() -> None:
    for wrong in ("1,x", "0"):
        run = CliRunner().invoke(bench, ["--concurrency", wrong])
        assert run.exit_code == 2
        assert wrong in run.output


def test_the_shipped_samples_have_triplets_that_are_all_there() -> None:
    triplets = complete_triplets()
    assert len(triplets) > 100
    assert all(path.exists() for sample in triplets for path in sample.values())
    assert {len(sample) for sample in with_missing(triplets)} == {1, 2, 3}


def test_columns_are_aligned() -> None:
    assert list(aligned([["what", "n"], ["a", "100"]])) == ["what    n", "a     100"]
