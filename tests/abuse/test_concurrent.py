"""Clients that change the gallery at the same time leave exactly what they were told is there.

Each of the two tests runs for `ABUSE_SECONDS` (7); `make soak` gives them ten minutes.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.abuse.changing_clients import Keys, run_clients
from tests.abuse.figures import put_figures
from tests.abuse.growth import after_warm_up, growth, watched
from tests.abuse.ledger import Kept, Ledger, differences, kept
from tests.e2e.metrics import read_metrics
from tests.e2e.processes import ServiceProcess, serving, vreid
from tests.service.calibrated_bundle import make_bundle
from tests.service.vehicles import triplet
from vreid.bundle import Bundle
from vreid.client import Client, Images

pytestmark = pytest.mark.long

SECONDS = float(os.environ.get("ABUSE_SECONDS", "7"))
MAX_GROWTH = 48 * 2**20
"""Bytes of the service's process, after a third of the time."""

# However slow the machine is, nothing is to be refused for being late.
PATIENT = {"VREID_DEADLINE": "120", "VREID_LOCK_TIMEOUT": "60"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


def make_key(file: Path, role: str) -> str:
    made = vreid("keys", "create", role, "--role", role, "--keys", file, "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)["key"]
    assert isinstance(key, str)
    return key


@contextmanager
def a_service(bundle: Bundle, gallery: Path, keys: Path | None) -> Iterator[ServiceProcess]:
    environment = PATIENT if keys is None else {**PATIENT, "VREID_ACCESS__KEYS": str(keys)}
    with serving(bundle.path, gallery, environment=environment) as process:
        yield process


@pytest.mark.timeout(SECONDS * 2 + 300)
@pytest.mark.parametrize("with_keys", [False, True], ids=["without keys", "with keys"])
def test_the_gallery_is_what_was_acknowledged(
    bundle: Bundle, tmp_path: Path, with_keys: bool
) -> None:
    file = tmp_path / "secret" / "keys.json" if with_keys else None
    keys = Keys() if file is None else Keys(*(make_key(file, each) for each in ROLES))
    gallery, ledger = tmp_path / "gallery", Ledger()
    with a_service(bundle, gallery, file) as service:
        with watched(service.process.pid) as resident:
            run_clients(service.address, keys, SECONDS, ledger)
        assert ledger.faults == []
        assert differences(ledger.records, stored(service, keys)) == []
        assert found_by_search(service, keys) == ledger.records.keys()
        assert server_errors(service, keys) == {}
        assert service.stop() == 0
        assert "Traceback" not in service.log.read_text()
    with a_service(bundle, gallery, file) as service:
        assert differences(ledger.records, stored(service, keys)) == []
        assert found_by_search(service, keys) == ledger.records.keys()
    grown = growth(after_warm_up(resident))
    put_figures(
        f"concurrent clients, {'with' if with_keys else 'without'} keys",
        {
            "seconds": SECONDS,
            **dict(sorted(ledger.counts.items())),
            "records at the end": len(ledger.records),
            "differences": 0,
            "resident MiB, a third of the way": round(after_warm_up(resident)[0] / 2**20, 1),
            "resident MiB, at the end": round(resident[-1] / 2**20, 1),
            "growth MiB": round(grown / 2**20, 1),
            "files of the gallery MiB": round(size_of(gallery) / 2**20, 1),
        },
    )
    for what in (*DONE, *(["refused by role"] if with_keys else [])):
        assert ledger.counts.get(what, 0) > 0, f"nothing was {what}"
    assert grown < MAX_GROWTH, resident


ROLES = ("search", "enrol", "admin")
DONE = ("enrolled", "corrected", "deleted", "deleted by filter", "races won", "searches")


def stored(service: ServiceProcess, keys: Keys) -> dict[str, Kept]:
    with Client(service.address, keys.search) as client:
        return {record.id: kept(record) for record in client.records()}


def found_by_search(service: ServiceProcess, keys: Keys) -> set[str]:
    query = Images(rgb=triplet(0)["rgb"])
    with Client(service.address, keys.search) as client:
        pages = client.search_pages(query, k=500, policy="center")
        return {result.id for page in pages for result in page.results}


def server_errors(service: ServiceProcess, keys: Keys) -> dict[str, float]:
    """How many answers of each status had no right to be."""
    if keys.search is not None:
        service.client.headers["Authorization"] = f"Bearer {keys.search}"
    metrics = read_metrics(service.client)
    statuses = ("0", *map(str, range(500, 512)))
    counted = {each: metrics.total("vreid_requests_total", {"status": each}) for each in statuses}
    return {status: count for status, count in counted.items() if count and status != "503"}


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
