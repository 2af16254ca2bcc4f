"""`vreid bench` on a tiny bundle, with a real service."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.bench.command import bench, http_rows, key_header
from service.bench.errors import NoAnswer
from service.bench.in_process import load_samples, pixels_of
from service.bench.load import prepared_requests
from service.bench.over_http import embed_plan
from service.bench.prepared import with_missing
from service.bench.raw_engine import engine_throughput
from service.bench.report import aligned, p99_text
from service.bench.samples import complete_triplets
from service.bench.server_process import (
    clean_environment,
    free_port,
    running_server,
    serve_command,
)
from tests.bundles import make_tiny_bundle
from tests.service.bench.answering import answering
from vreid.bundle import Bundle
from vreid.engines import open_engine


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
        assert load["by_status"]["200"]["count"] >= 200
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


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://127.0.0.1:8000", "https cannot be measured"),
        ("http://127.0.0.1:8000/api", "leave out the rest"),
        ("127.0.0.1:8000", "give one as http://"),
    ],
)
def test_an_address_that_cannot_be_measured_is_refused(url: str, said: str) -> None:
    run = CliRunner().invoke(bench, ["--url", url])
    assert run.exit_code == 2
    assert said in run.output


def test_the_key_of_the_environment_is_sent_with_every_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VREID_API_KEY", "secret")
    assert key_header() == {"Authorization": "Bearer secret"}
    picture = tmp_path / "rgb.jpg"
    picture.write_bytes(b"x")
    plan = embed_plan("http://127.0.0.1:1", [{"rgb": str(picture)}], 1, 1, key_header())
    assert b"\r\nAuthorization: Bearer secret\r\n" in prepared_requests(plan)[0]
    monkeypatch.delenv("VREID_API_KEY")
    assert key_header() == {}


def test_a_service_that_answers_nothing_with_200_is_an_error() -> None:
    with answering(lambda number, body: (401, {})) as url, pytest.raises(NoAnswer, match="401"):
        http_rows(url, complete_triplets()[:2], [1], 0.01, most_seconds=0.1)


def test_a_service_takes_none_of_the_callers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VREID_ENGINE", "no such engine")
    assert "VREID_ENGINE" not in clean_environment({})
    assert clean_environment({"VREID_ENGINE": "auto"})["VREID_ENGINE"] == "auto"


@pytest.mark.parametrize("size", [1, 4])
def test_a_rate_is_of_the_runs_that_ended_in_time(bundle: Path, size: int) -> None:
    loaded = Bundle.load(bundle)
    engine = open_engine(loaded, "onnxruntime-cpu", 1)
    images = pixels_of(loaded, load_samples(complete_triplets()[:4]))
    # However short the time is, a run counts with what it took.
    shortest = engine_throughput(engine, images, size, 0.0)
    assert 0 < shortest.images_per_second < 1e6
    assert shortest.batch_size == size


def test_a_percentile_of_few_answers_is_not_shown() -> None:
    assert p99_text(99, 12.34) == "-"
    assert p99_text(100, 12.34) == "12.3"


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
