"""The compose files, as compose itself merges them."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from deploy.image.compose import ComposeError, composed
from deploy.image.compose_service import compose_service
from service.redis_server import keeps_on_disk, why_unsafe
from service.variables import unknown_variables
from tests.deploy.dockerfile import read_stages
from tests.redis_server import running_redis

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
OVERLAYS = ("compose.edge.yaml", "compose.gpu.yaml", "compose.open.yaml")
PROFILES = {
    "service": None,
    "worker": "redis",
    "redis": "redis",
    "proxy": "proxy",
    "prometheus": "monitoring",
    "grafana": "monitoring",
}
GIB = 2**30


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return composed()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_compose_finds_no_fault_in_any_overlay(overlay: str) -> None:
    assert composed(["compose.yaml", overlay])["services"].keys() == PROFILES.keys()


def test_a_fault_is_an_error_with_compose_s_words(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {service: {imagee: vreid}}")
    with pytest.raises(ComposeError, match="imagee"):
        composed(folder=tmp_path)


def test_only_the_service_runs_unless_more_is_asked_for(compose: dict[str, Any]) -> None:
    profiles = {
        name: service.get("profiles", [None])[0] for name, service in compose["services"].items()
    }
    assert profiles == PROFILES


@pytest.mark.parametrize("name", PROFILES)
def test_every_container_is_hardened_and_bounded(compose: dict[str, Any], name: str) -> None:
    container = compose["services"][name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert int(container["mem_limit"]) > 0
    assert container["cpus"] > 0
    assert container["pids_limit"] > 0
    assert container["logging"]["options"].keys() == {"max-size", "max-file"}
    assert container["restart"] == "unless-stopped"
    health = container["healthcheck"]
    assert health.get("test") or (name == "worker" and health["disable"])


@pytest.mark.parametrize("name", PROFILES)
def test_every_image_is_one_version_and_may_be_given_with_a_digest(name: str) -> None:
    variables = {
        f"{program}_IMAGE": f"{program.lower()}@sha256:{'0' * 64}"
        for program in ("VREID", "REDIS", "CADDY", "PROMETHEUS", "GRAFANA")
    }
    image = composed()["services"][name]["image"]
    assert re.fullmatch(r"vreid:cpu|[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z]+)?", image)
    assert "@sha256:" in composed(variables=variables)["services"][name]["image"]


def test_only_the_proxy_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    published = {
        name: [port.get("host_ip", "everywhere") for port in service.get("ports", [])]
        for name, service in compose["services"].items()
    }
    assert published == {name: [] for name in PROFILES} | {
        "service": ["127.0.0.1"],
        "grafana": ["127.0.0.1"],
        "proxy": ["everywhere"],
    }


def test_the_proxy_s_address_is_given_to_nobody_else() -> None:
    other = {
        "VREID_PROXY_NETWORK": "10.9.8.0/28",
        "VREID_PROXY_GATEWAY": "10.9.8.1",
        "VREID_PROXY_ADDRESS": "10.9.8.2",
        "VREID_PROXY_OTHERS": "10.9.8.8/29",
    }
    for document in (composed(), composed(variables=other)):
        (pool,) = document["networks"]["edge"]["ipam"]["config"]
        subnet, others = ip_network(pool["subnet"]), ip_network(pool["ip_range"])
        proxy = ip_address(document["services"]["proxy"]["networks"]["edge"]["ipv4_address"])
        gateway = ip_address(pool["gateway"])
        assert others.subnet_of(subnet)  # type: ignore[arg-type]
        assert len({proxy, gateway, subnet.network_address, subnet.broadcast_address}) == 4
        assert proxy in subnet
        assert gateway in subnet
        assert proxy not in others
        assert gateway not in others
        # The service gets one of them.
        assert others.num_addresses >= 2


def test_the_queue_and_the_metrics_have_networks_that_lead_nowhere_else(
    compose: dict[str, Any],
) -> None:
    inside = {name for name, network in compose["networks"].items() if network.get("internal")}
    assert inside == {"queue", "metrics"}
    members = {
        network: {
            name for name, service in compose["services"].items() if network in service["networks"]
        }
        for network in compose["networks"]
    }
    assert members == {
        "site": {"service", "grafana"},
        "edge": {"service", "proxy"},
        "queue": {"service", "worker", "redis"},
        "metrics": {"service", "prometheus", "grafana"},
    }


def test_keys_are_asked_for_unless_the_overlay_says_otherwise(compose: dict[str, Any]) -> None:
    service = compose["services"]["service"]
    assert service["environment"]["VREID_ACCESS__KEYS"].startswith("/data/")
    assert "VREID_ALLOW_OPEN" not in service["environment"]
    opened = compose_service(["compose.yaml", "compose.open.yaml"])
    assert "VREID_ACCESS__KEYS" not in opened.environment
    assert opened.environment["VREID_ALLOW_OPEN"] == "1"


def test_without_keys_monitoring_needs_none() -> None:
    document = composed(["compose.yaml", "compose.open.yaml"])
    (secret,) = document["services"]["prometheus"]["secrets"]
    given = Path(document["secrets"][secret["source"]]["file"])
    # Prometheus refuses to scrape with a file that is absent or empty.
    assert given.read_text().strip()
    assert given.is_relative_to(DEPLOY / "prometheus")


def test_the_service_and_the_worker_share_the_gallery_and_keep_all_in_it(
    compose: dict[str, Any],
) -> None:
    image = read_stages(REPOSITORY / "Dockerfile")["runtime"].environment()
    for name in ("service", "worker"):
        container = compose["services"][name]
        (volume,) = container["volumes"]
        assert volume["source"] in compose["volumes"]
        assert Path(image["VREID_GALLERY"]).is_relative_to(volume["target"])
        assert Path(image["XDG_CACHE_HOME"]).is_relative_to(volume["target"])
        assert [mount.split(":")[0] for mount in container["tmpfs"]] == ["/tmp"]


def test_the_variables_it_sets_are_settings_of_the_service(compose: dict[str, Any]) -> None:
    for name in ("service", "worker"):
        assert unknown_variables(compose["services"][name]["environment"]) == []


def test_the_service_has_the_processors_that_its_memory_is_for() -> None:
    bounds = compose_service().bounds
    assert (bounds.cpus, bounds.memory) == (4, 4 * GIB)
    assert compose_service(variables={"VREID_CPUS": "2"}).bounds.cpus == 2
    edge = compose_service(["compose.yaml", "compose.edge.yaml"]).bounds
    assert (edge.cpus, edge.memory, edge.memory_and_swap) == (2, GIB, GIB)


def test_it_has_longer_to_stop_than_it_drains() -> None:
    from service.settings import Settings

    assert compose_service().stop_seconds >= Settings.model_fields["drain_timeout"].default + 10


def test_secrets_are_files_that_git_ignores_and_the_page_explains(compose: dict[str, Any]) -> None:
    page = (DEPLOY / "secrets" / "README.md").read_text()
    for secret in compose["secrets"].values():
        path = Path(secret["file"])
        assert path.parent == DEPLOY / "secrets"
        assert f"deploy/secrets/{path.name}" in page
    ignored = (DEPLOY / "secrets" / ".gitignore").read_text().split()
    assert ignored == ["*", "!.gitignore", "!README.md"]


def test_the_files_that_containers_read_are_there(compose: dict[str, Any]) -> None:
    for container in compose["services"].values():
        for mount in container.get("volumes", []):
            if mount["type"] == "bind" and Path(mount["source"]) != DEPLOY / "secrets" / "tls":
                assert Path(mount["source"]).exists()
                assert mount["read_only"] is True


def test_the_examples_of_a_site_s_choices_are_variables_of_the_file() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    names = re.findall(r"^# ([A-Z_]+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE)
    assert names
    assert [name for name in names if f"${{{name}" not in text] == ["COMPOSE_PROFILES"]


def test_the_image_is_built_from_a_target_of_the_dockerfile(compose: dict[str, Any]) -> None:
    build = compose["services"]["service"]["build"]
    assert (Path(build["context"]) / build["dockerfile"]).is_file()
    assert build["target"] in read_stages(REPOSITORY / "Dockerfile")


def test_the_queue_s_server_is_one_that_the_service_trusts(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    file = DEPLOY / "redis" / "redis.conf"
    lines = [line.split(maxsplit=1) for line in file.read_text().splitlines() if line[:1].isalpha()]
    given = {name: value.strip('"') for name, value in lines}
    # Where it listens and stores is this test's.
    here = ("bind", "port", "dir", "protected-mode")
    settings = {name.replace("-", "_"): value for name, value in given.items() if name not in here}
    with running_redis(tmp_path / "redis", **settings) as server, server.client() as client:
        information = client.info()
    assert why_unsafe(information) is None
    assert keeps_on_disk(information)
    assert 0 < information["maxmemory"] <= int(compose["services"]["redis"]["mem_limit"]) / 2
    assert given["dir"] in [volume["target"] for volume in compose["services"]["redis"]["volumes"]]
