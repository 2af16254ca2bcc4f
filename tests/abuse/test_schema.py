"""schemathesis sends what the API document allows, and what it forbids, to a real service.

It runs for about `SCHEMA_SECONDS` (40) with a fixed seed; `make soak` gives it ten minutes and the
seed of the day.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.abuse.figures import put_figures
from tests.abuse.schema_hooks import KEY_VARIABLE, RECORDS
from tests.e2e.processes import ServiceProcess, clean_environment, serving, vreid
from tests.redis_server import running_redis
from tests.service.calibrated_bundle import make_bundle
from tests.service.vehicles import triplet

SECONDS = float(os.environ.get("SCHEMA_SECONDS", "40"))
SEED = os.environ.get("SCHEMA_SEED", "20260301")
NOT_CHECKED = (
    # A JSON Schema cannot say that bytes are a picture, that an id exists, or that a filter has no
    # more than 100 conditions, so what it allows may still be refused; that what is right is
    # answered is tested by every example of the document (tests/e2e/test_api_examples.py).
    "positive_data_acceptance",
)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secret") / "keys.json"


@pytest.fixture(scope="module")
def admin_key(key_file: Path) -> str:
    made = vreid("keys", "create", "admin", "--role", "admin", "--keys", key_file, "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)["key"]
    assert isinstance(key, str)
    return key


@pytest.fixture(scope="module")
def service(
    key_file: Path, admin_key: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A service with keys, ingest and some records; nothing is refused for being late."""
    folder = tmp_path_factory.mktemp("schema")
    bundle = make_bundle(folder / "bundle")
    with running_redis(folder / "redis") as queue:
        environment = {
            "VREID_ACCESS__KEYS": str(key_file),
            "VREID_INGEST__REDIS": queue.url,
            "VREID_INGEST__LENGTH": "100000",
            "VREID_DEADLINE": "120",
            "VREID_LOCK_TIMEOUT": "60",
        }
        with serving(bundle.path, folder / "gallery", environment=environment) as process:
            process.client.headers["Authorization"] = f"Bearer {admin_key}"
            for vehicle, record in enumerate(RECORDS):
                stored = process.client.post(
                    "/gallery",
                    files=triplet(vehicle),
                    data={"id": record, "camera": f"camera-{vehicle % 3}"},
                )
                assert stored.status_code == 201, stored.text
            yield process


@pytest.mark.timeout(SECONDS * 3 + 300)
def test_every_call_keeps_to_the_document(
    service: ServiceProcess, admin_key: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{service.address}/openapi.json"),
            *("--header", f"Authorization: Bearer {admin_key}"),
            *("--phases", "examples,coverage,fuzzing,stateful"),
            *("--checks", "all", "--exclude-checks", ",".join(NOT_CHECKED)),
            *("--max-time", str(int(SECONDS)), "--seed", SEED, "--continue-on-failure"),
            *("--request-timeout", "120", "--generation-database", "none", "--no-color"),
            *("--report", "json", "--report-json-path", str(report)),
        ],
        cwd=tmp_path,
        env=clean_environment()
        | {
            "SCHEMATHESIS_HOOKS": "tests.abuse.schema_hooks",
            "PYTHONPATH": os.getcwd(),
            KEY_VARIABLE: admin_key,
        },
        capture_output=True,
        text=True,
        timeout=SECONDS * 3 + 240,
    )
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-2000:]
    assert service.client.get("/health/ready").status_code == 200
    assert "Traceback" not in service.log.read_text()
    put_figures("schemathesis", figures(report, ended.stdout))


def figures(report: Path, printed: str) -> dict[str, object]:
    document = json.loads(report.read_text(encoding="utf-8"))
    cases = next(line.strip() for line in printed.splitlines() if " generated, " in line)
    return {
        "seconds": SECONDS,
        "seed": document["seed"],
        "cases": cases,
        "failures": len(document["failures"]),
        "not checked": list(NOT_CHECKED),
    }
