"""Prometheus with deploy/prometheus, scraping a real service that asks for a key."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.image.compose import composed
from tests.e2e.processes import serving, vreid
from tests.kept_port import kept_port
from tests.service.calibrated_bundle import make_bundle

DEPLOY = Path(__file__).parents[2] / "deploy"
_SECONDS = 600


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[httpx.Client]:
    """Run Prometheus with the repository's configuration, asking `target` every tenth of a second.

    Args:
        folder: with `vreid.key`; gets a copy of the configuration, and the data.
        target: host and port.
    """
    for name in ("prometheus.yml", "vreid.rules.yml"):
        shutil.copy(DEPLOY / "prometheus" / name, folder / name)
    file = folder / "prometheus.yml"
    assert "service:8000" in file.read_text()
    quick = file.read_text().replace("service:8000", target).replace(": 15s", ": 100ms")
    file.write_text(quick)
    options = [
        option.replace("/etc/prometheus", str(folder)).replace("=/prometheus", f"={folder}/data")
        for option in composed()["services"]["prometheus"]["command"]
    ]
    with (folder / "log").open("w") as log, kept_port() as port:
        address = f"127.0.0.1:{port}"
        process = subprocess.Popen(
            ["prometheus", *options, f"--web.listen-address={address}"], stdout=log, stderr=log
        )
        try:
            with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
                yield client
        finally:
            process.terminate()
            process.wait(timeout=60)


def answered(client: httpx.Client, query: str, value: str, log: Path) -> list[dict[str, Any]]:
    """Wait until a query answers with `value`, and return all that it answers."""
    deadline = time.monotonic() + _SECONDS
    found: list[dict[str, Any]] = []
    while [each["value"][1] for each in found[:1]] != [value]:
        assert time.monotonic() < deadline, f"{found} {log.read_text()}"
        time.sleep(0.1)
        try:
            answer = client.get("/api/v1/query", params={"query": query})
        except httpx.TransportError:
            continue
        found = answer.json()["data"]["result"] if answer.is_success else []
    return found


@pytest.mark.timeout(4 * _SECONDS)
def test_it_scrapes_with_its_key_and_is_down_without(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    keys = tmp_path / "access" / "keys.json"
    made = vreid("keys", "create", "prometheus", "--role", "search", "--keys", keys)
    (tmp_path / "vreid.key").write_text(made.stdout)
    environment = {"VREID_ACCESS__KEYS": str(keys)}
    with (
        serving(bundle.path, tmp_path / "gallery", environment=environment) as service,
        prometheus(tmp_path, service.address.removeprefix("http://")) as client,
    ):
        answered(client, 'up{job="vreid"}', "1", tmp_path / "log")
        (engine,) = answered(client, "vreid_engine_info", "1", tmp_path / "log")
        assert engine["metric"]["engine"]
        rules = client.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
        assert "VreidDown" in {rule["name"] for rule in rules}
        (tmp_path / "vreid.key").write_text("vreid_00000000_" + "A" * 43)
        answered(client, 'up{job="vreid"}', "0", tmp_path / "log")


def test_compose_puts_the_key_where_the_configuration_looks_for_it() -> None:
    document = composed()
    container = document["services"]["prometheus"]
    (secret,) = container["secrets"]
    (option,) = (each for each in container["command"] if each.startswith("--config.file="))
    job = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][
        0
    ]
    place = Path(option.removeprefix("--config.file=")).parent
    assert secret["target"] == str(place / job["authorization"]["credentials_file"])
    mounted = {mount["target"] for mount in container["volumes"]}
    assert {str(place / "prometheus.yml"), str(place / "vreid.rules.yml")} <= mounted
    # The first part of a target is the service's name in compose's network.
    (host,) = job["static_configs"][0]["targets"]
    assert host.split(":")[0] in document["services"]


def test_grafana_finds_its_source_and_its_dashboard() -> None:
    container = composed()["services"]["grafana"]
    folder = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "vreid.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    assert source["isDefault"] is True
    (provider,) = yaml.safe_load((folder / "dashboards" / "vreid.yaml").read_text())["providers"]
    targets = {mount["target"]: mount["source"] for mount in container["volumes"]}
    dashboards = {
        Path(place).parent: source
        for place, source in targets.items()
        if str(source).endswith("vreid.json")
    }
    assert list(dashboards) == [Path(provider["options"]["path"])]
    assert targets[container["environment"]["GF_PATHS_PROVISIONING"]] == os.fspath(folder)
    (secret,) = container["secrets"]
    password = container["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    assert password == f"/run/secrets/{secret['target'].split('/')[-1]}"
