import json
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tests.e2e.processes import clean_environment, vreid
from tests.service.vehicles import triplet
from tests.vreid.client.between import forward, problem, standing_between
from vreid.client import Client, EnrolmentInterrupted, RequestRefused
from vreid.client.command_compare import compare
from vreid.client.command_embed import embed
from vreid.client.command_enrol import enrol
from vreid.client.command_search import search
from vreid.errors import DatasetError, UnreadableImage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two vehicles as NAME_rgb, NAME_nir, NAME_tir."""
    below = tmp_path / uuid.uuid4().hex
    below.mkdir()
    for identity in range(2):
        for name, data in triplet(identity).items():
            (below / f"{below.name}-{identity}_{name}.png").write_bytes(data)
    return below


@pytest.fixture
def enrolled(folder: Path, service: str) -> Path:
    """The same, in the gallery under the folder's name as camera."""
    result = run(enrol, service, folder, "--camera", folder.name)
    assert result.exit_code == 0, result.output
    return folder


def run(command: click.Command, url: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments), "--url", url])


def document_of(result: Result) -> Any:  # noqa: ANN401 - whatever JSON holds
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def of_camera(folder: Path) -> list[str]:
    return ["--filter", json.dumps({"camera": folder.name})]


def test_search_prints_a_table(service: str, enrolled: Path) -> None:
    images = sorted(enrolled.glob("*-1_*"))
    result = run(search, service, *images, "-k", "2", *of_camera(enrolled))
    assert result.exit_code == 0
    head, _, titles, first, *rest = result.stdout.splitlines()
    assert head == "query rgb+nir+tir, policy shared, 2 results, same vehicle found: yes"
    assert titles.split()[:3] == ["rank", "score", "prob."]
    assert first.split()[:2] == ["1", "1.0000"]
    assert enrolled.name in first
    assert rest[-1] == "there are more: ask for more with -k" or len(rest) == 1


def test_search_prints_json(service: str, enrolled: Path) -> None:
    by_image = document_of(
        run(
            search,
            service,
            *("--tir", enrolled / f"{enrolled.name}-0_tir.png", "--tir-palette", "grey"),
            *("--json", "--by-identity", *of_camera(enrolled)),
        )
    )
    assert by_image["query"]["mask"] == {"rgb": False, "nir": False, "tir": True}
    best = by_image["results"][0]
    assert best["group"]["samples"][0]["id"] == best["id"]
    by_id = document_of(run(search, service, "--id", best["id"], "--json", *of_camera(enrolled)))
    assert best["id"] not in [each["id"] for each in by_id["results"]]


def test_several_sightings_of_one_vehicle_are_one_query(service: str, enrolled: Path) -> None:
    rgb = [enrolled / f"{enrolled.name}-{each}_rgb.png" for each in range(2)]
    found = document_of(run(search, service, *rgb, "--json", *of_camera(enrolled)))
    assert found["query"]["mask"] == {"rgb": True, "nir": False, "tir": False}
    assert len(found["results"]) == 2


def test_compare_gives_a_verdict(service: str, folder: Path) -> None:
    unlike = run(compare, service, *folder.iterdir())
    assert unlike.exit_code == 0
    assert "(threshold 0.8000 at a false-accept rate of 0.001)" in unlike.stdout
    rgb = folder / f"{folder.name}-0_rgb.png"
    same = document_of(run(compare, service, "--a-rgb", rgb, "--b-rgb", rgb, "--json"))
    assert same["verdict"]["same"] is True


def test_compare_needs_two_samples(service: str, folder: Path) -> None:
    result = run(compare, service, folder / f"{folder.name}-0_rgb.png")
    assert result.exit_code == 2
    assert "make 1 samples" in result.output


def test_embed_tells_sizes_and_prints_vectors(service: str, folder: Path) -> None:
    result = run(
        embed, service, *folder.glob("*-0_*"), "--rgb", folder / f"{folder.name}-1_rgb.png"
    )
    assert result.exit_code == 0
    *_, titles, first, second = result.stdout.splitlines()
    assert titles.split() == ["sample", "modalities", "center", "concat"]
    assert first.split()[1:] == ["rgb+nir+tir", "16", "48"]
    assert second.split()[-3:] == ["rgb", "16", "-"]
    printed = document_of(run(embed, service, *folder.glob("*-0_*"), "--json", "--features"))
    assert len(printed["samples"][0]["features"][2]) == 16


@pytest.mark.parametrize("command", [search, embed])
def test_a_query_is_needed(service: str, command: click.Command) -> None:
    assert run(command, service).exit_code == 2


@pytest.mark.parametrize(
    "wrong", [["--filter", "{"], ["--filter", "3"], ["--tir-palette", "iron"], ["-k", "0"]]
)
def test_what_is_written_wrongly_is_refused(service: str, wrong: list[str], folder: Path) -> None:
    image = folder / f"{folder.name}-0_rgb.png"
    assert run(search, service, "--rgb", image, *wrong).exit_code == 2


def test_what_the_service_or_the_disk_refuses_is_an_error(service: str, folder: Path) -> None:
    image = folder / f"{folder.name}-0_rgb.png"
    refused = run(search, service, image, "--filter", '{"camra": "north"}')
    assert isinstance(refused.exception, RequestRefused)
    assert isinstance(run(embed, service, folder / "none.jpg").exception, UnreadableImage)


def test_a_folder_is_enrolled_once(service: str, folder: Path) -> None:
    first = document_of(run(enrol, service, folder, "--camera", folder.name, "--json"))
    assert (first["stored"], first["present"], first["failed"]) == (2, 0, 0)
    again = document_of(run(enrol, service, folder, "--camera", folder.name, "--json"))
    assert (again["stored"], again["present"], again["failed"]) == (0, 2, 0)
    with Client(service) as client:
        records = list(client.records(filter={"camera": folder.name}))
    assert [each.mask.array().all() for each in records] == [True, True]


def test_a_list_is_enrolled_with_its_labels_and_its_faults_are_told(
    service: str, folder: Path
) -> None:
    name = folder.name
    rows = [
        {"id": f"{name}-a", "rgb": f"{name}-0_rgb.png", "identity": "v", "speed": 3},
        {"id": f"{name}-b", "rgb": "none.png"},
        {"id": f"{name}-c"},
        {"id": f"{name} d", "rgb": f"{name}-1_rgb.png"},
    ]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = run(enrol, service, folder, "--json")
    assert result.exit_code == 1
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["stored"], summary["failed"]) == (1, 3)
    for told in ("manifest.jsonl:3", "none.png cannot be read", "cannot be used"):
        assert told in result.stderr
    with Client(service) as client:
        record = client.get(f"{name}-a")
    assert (record.identity, record.attributes) == ("v", {"speed": 3})


def test_an_interrupted_enrolment_says_what_was_stored(service: str, folder: Path) -> None:
    with standing_between(service) as between:
        between.next(forward, forward, problem(507, "gallery-unwritable"))
        result = run(enrol, between.url, folder, "--batch", "1", "--json")
    assert result.exit_code == 1
    assert isinstance(result.exception, EnrolmentInterrupted)
    assert json.loads(result.stdout.splitlines()[-1])["stored"] == 1


@pytest.mark.parametrize("kind", ["absent", "empty", "no list"])
def test_a_source_of_nothing_is_an_error(service: str, tmp_path: Path, kind: str) -> None:
    source = tmp_path / {"absent": "none", "empty": "", "no list": "list.txt"}[kind]
    (tmp_path / "list.txt").write_text("")
    assert isinstance(run(enrol, service, source).exception, DatasetError)


def test_the_commands_need_the_base_installation_only(service: str, folder: Path) -> None:
    absent = ("faiss", "fastapi", "onnxruntime", "pydantic", "torch", "uvicorn")
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}))\n"
        "from vreid.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "embed", str(folder / f"{folder.name}-0_rgb.png")],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment() | {"VREID_URL": service},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "tiny 0.0" in done.stdout


def test_without_a_service_the_command_fails_in_a_sentence(folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = vreid("search", "--id", "x", "--url", url, "--deadline", "0.3")
    assert done.returncode == 1
    assert done.stderr.startswith("error: POST /search was not ")
    assert "Traceback" not in done.stderr
