"""Mutated image files are used or refused with a reason, and harm nobody.

`make soak` sends more of them: `FUZZ_INPUTS` (20000) are decoded directly in processes of their
own, and `FUZZ_REQUESTS` (1500) are sent to a service. `FUZZ_SEED` (0) chooses others. What fails is
called by seed and index, and written to build/abuse/.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.abuse.figures import put_figures
from tests.abuse.fuzzing.inputs import make_input
from tests.abuse.fuzzing.originals import originals
from tests.abuse.fuzzing.watching import decode_in_processes, named, write_failing
from tests.abuse.growth import after_warm_up, growth, watched
from tests.e2e.processes import ServiceProcess, serving
from tests.service.calibrated_bundle import make_bundle
from tests.service.vehicles import triplet
from vreid.modality import MODALITIES

pytestmark = pytest.mark.long

SEED = int(os.environ.get("FUZZ_SEED", "0"))
INPUTS = int(os.environ.get("FUZZ_INPUTS", "20000"))
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "1500"))
FAILING = Path("build") / "abuse"
CLIENTS = 4
MAX_GROWTH = 64 * 2**20
"""Bytes of a process that decodes, or of the service, after a third of the inputs."""

REFUSALS = {400, 413, 415, 422}
CALLS = ("/search", "/embed", "/compare", "/gallery")


def test_an_input_is_the_same_at_every_call() -> None:
    for index in (0, 17, 4711):
        assert make_input(3, index) == make_input(3, index)
        assert make_input(3, index).data != make_input(4, index).data


def test_inputs_are_made_of_every_original_and_most_differ_from_all() -> None:
    untouched = {each.data for each in originals()}
    made = [make_input(0, index) for index in range(3 * len(originals()))]
    assert {each.format for each in made} == {"JPEG", "PNG", "TIFF", "WebP", "BMP"}
    assert sum(each.data in untouched for each in made) < len(made) / 10


@pytest.mark.timeout(INPUTS / 20 + 300)
def test_no_input_ends_hangs_or_swells_what_decodes_it() -> None:
    outcomes = decode_in_processes(SEED, INPUTS)
    written = list(write_failing(SEED, outcomes.faults, FAILING)) if outcomes.faults else []
    assert outcomes.faults == [], written
    grown = [growth(after_warm_up(each)) for each in outcomes.resident]
    put_figures(
        "images, decoded directly",
        {
            "seed": SEED,
            "inputs": sum(outcomes.counts.values()),
            "seconds": round(outcomes.seconds, 1),
            "outcomes": by_outcome(outcomes.counts),
            "by format": by_format(outcomes.counts),
            "faults": 0,
            "slowest": [
                {"seconds": round(seconds, 2), "input": named(SEED, index)}
                for seconds, index in outcomes.slowest
            ],
            "growth MiB of each process": [round(each / 2**20, 1) for each in grown],
        },
    )
    assert sum(outcomes.counts.values()) == INPUTS
    assert outcomes.count_of("used") > INPUTS / 10, "too little comes through to what is behind"
    assert outcomes.count_of("undecodable-image") > INPUTS / 10
    assert max(grown) < MAX_GROWTH, outcomes.resident


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("images")
    bundle = make_bundle(folder / "bundle")
    environment = {"VREID_DEADLINE": "120", "VREID_LOCK_TIMEOUT": "60"}
    with serving(bundle.path, folder / "gallery", environment=environment) as process:
        for vehicle in range(8):
            told = {"id": f"seen-{vehicle}", "camera": "gate"}
            stored = process.client.post("/gallery", files=triplet(vehicle), data=told)
            assert stored.status_code == 201, stored.text
        yield process


@pytest.mark.timeout(REQUESTS / 5 + 300)
def test_every_answer_is_an_answer_or_a_typed_refusal(service: ServiceProcess) -> None:
    before = answer_of_search(service)
    with watched(service.process.pid) as resident:
        sent = send(service, range(REQUESTS))
    faults = [fault for _, fault in sent if fault]
    if faults:
        list(write_failing(SEED, faults, FAILING))
    assert faults == []
    assert answer_of_search(service) == before
    assert service.client.get("/health/ready").status_code == 200
    assert "Traceback" not in service.log.read_text()
    grown = growth(after_warm_up(resident))
    put_figures(
        "images, sent to a service",
        {
            "seed": SEED,
            "requests": len(sent),
            "answers": dict(sorted(Counter(kind for kind, _ in sent).items())),
            "faults": 0,
            "growth MiB": round(grown / 2**20, 1),
        },
    )
    assert {"200", "201"} & {kind for kind, _ in sent}
    assert grown < MAX_GROWTH, resident


def answer_of_search(service: ServiceProcess) -> object:
    """What a valid search among the records from before answers."""
    answer = service.client.post(
        "/search", files=triplet(3), data={"filter": '{"camera": "gate"}', "k": "8"}
    )
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert len(results) == 8
    return results


def send(service: ServiceProcess, indices: Sequence[int]) -> list[tuple[str, str]]:
    """Send inputs from several clients; returns of each its kind of answer and fault, if any."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        parts = [indices[first::CLIENTS] for first in range(CLIENTS)]
        return [
            each
            for part in clients.map(lambda part: send_some(service, part), parts)
            for each in part
        ]


def send_some(service: ServiceProcess, indices: Sequence[int]) -> list[tuple[str, str]]:
    with httpx.Client(base_url=service.address, timeout=120, trust_env=False) as client:
        return [send_one(client, index) for index in indices]


def send_one(client: httpx.Client, index: int) -> tuple[str, str]:
    data = make_input(SEED, index).data
    call = CALLS[index % len(CALLS)]
    name = MODALITIES[index // len(CALLS) % len(MODALITIES)].value
    files = {name: ("file", data)}
    if call == "/compare":
        files = {f"a_{name}": ("file", data), "b_rgb": ("file", triplet(1)["rgb"])}
    try:
        response = client.post(call, files=files)
    except httpx.HTTPError as error:
        return "no answer", f"{named(SEED, index)} at {call}: {error!r}"
    if response.status_code in (200, 201):
        return str(response.status_code), ""
    problem = typed(response)
    if response.status_code in REFUSALS and problem:
        return f"{response.status_code} {problem}", ""
    fault = f"{named(SEED, index)} at {call}: {response.status_code} {response.text[:300]}"
    return str(response.status_code), fault


def typed(response: httpx.Response) -> str:
    """The type of a problem that names the field at fault; '' where it is none."""
    if response.headers.get("content-type") != "application/problem+json":
        return ""
    document = json.loads(response.text)
    return str(document["type"]).rpartition(":")[2] if document.get("errors") else ""


def by_outcome(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    summed = Counter[str]()
    for (_, outcome), count in counts.items():
        summed[outcome] += count
    return dict(sorted(summed.items()))


def by_format(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    summed = Counter[str]()
    for (format_name, _), count in counts.items():
        summed[format_name] += count
    return dict(sorted(summed.items()))


def test_growth_is_told_from_large_pictures_that_come_and_go() -> None:
    steady = [100 + (500 if each % 7 == 0 else 0) for each in range(80)]
    assert growth(steady) == 0
    assert growth([100 + each for each in range(80)]) == 60
