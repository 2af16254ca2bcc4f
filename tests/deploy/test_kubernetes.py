"""The Kubernetes overlays, built by kubectl and held against the API's own schemas."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.image.env_file import read_env_file
from deploy.prometheus.operator_rules import FILE, RULES, text
from service.scopes.trusted_networks import trusted_networks
from vreid.errors import ConfigurationError

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = KUBERNETES / "overlays"
NAMES = ("milvus", "single-site")
API_VERSION = "1.30"
OLDEST_KUBECTL = (1, 21)
"""The first with a kustomize that knows components and patches with targets."""


@pytest.fixture(scope="module", autouse=True)
def _kubectl_is_new_enough() -> None:
    done = subprocess.run(
        ["kubectl", "version", "--client", "--output", "json"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    version = json.loads(done.stdout)["clientVersion"]
    found = (int(version["major"]), int(re.sub(r"\D", "", version["minor"])))
    assert found >= OLDEST_KUBECTL, (
        f"kubectl is {version['gitVersion']}, whose kustomize is too old (Debian 12 has no newer "
        "one): put kubectl 1.21 or newer on the PATH, such as Debian 13's, and run this again"
    )


def built(overlay: str, overlays: Path = OVERLAYS) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["kubectl", "kustomize", str(overlays / overlay)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def deployment(overlay: str) -> dict[str, Any]:
    (found,) = (each["spec"] for each in built(overlay) if each["kind"] == "Deployment")
    assert isinstance(found, dict)
    return found


def container(overlay: str) -> dict[str, Any]:
    (found,) = deployment(overlay)["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("overlay", NAMES)
def test_every_object_fits_the_schema_of_its_kind(overlay: str) -> None:
    objects = built(overlay)
    assert {each["kind"] for each in objects} >= {
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
    }
    for each in objects:
        kubernetes_validate.validate(each, API_VERSION, strict=True)


@pytest.mark.parametrize("overlay", NAMES)
def test_the_container_has_no_right_that_it_does_not_need(overlay: str) -> None:
    pod = deployment(overlay)["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    rights = container(overlay)["securityContext"]
    assert rights["readOnlyRootFilesystem"] is True
    assert rights["allowPrivilegeEscalation"] is False
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert container(overlay)["resources"]["limits"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize("overlay", NAMES)
def test_the_pod_is_given_longer_than_it_drains(overlay: str) -> None:
    from service.settings import Settings

    pause = int(container(overlay)["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = Settings.model_fields["drain_timeout"].default
    grace = deployment(overlay)["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= pause + drain + 20


def test_a_gallery_on_a_volume_has_one_pod_and_is_never_opened_by_two() -> None:
    spec = deployment("single-site")
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    (claim,) = (each for each in built("single-site") if each["kind"] == "PersistentVolumeClaim")
    volumes = spec["template"]["spec"]["volumes"]
    assert {"claimName": claim["metadata"]["name"]} in [
        each.get("persistentVolumeClaim") for each in volumes
    ]


def test_replicas_have_their_gallery_in_milvus_by_a_secret() -> None:
    assert deployment("milvus")["replicas"] > 1
    (gallery,) = (each for each in container("milvus")["env"] if each["name"] == "VREID_GALLERY")
    assert "secretKeyRef" in gallery["valueFrom"]


@pytest.mark.parametrize("overlay", NAMES)
def test_the_variables_are_settings(overlay: str) -> None:
    from service.variables import unknown_variables

    given = {each["name"]: "" for each in container(overlay)["env"]}
    assert unknown_variables(given | profile(overlay)) == []


def profile(overlay: str) -> dict[str, str]:
    """What the container gets from its config map."""
    (source,) = container(overlay)["envFrom"]
    name = source["configMapRef"]["name"]
    (found,) = (
        each["data"]
        for each in built(overlay)
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == name
    )
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("overlay", NAMES)
def test_the_pod_has_the_memory_that_its_profile_asks_for(overlay: str) -> None:
    assert profile(overlay) == read_env_file(DEPLOY / "profiles" / "server.env")
    limits = container(overlay)["resources"]["limits"]
    memory = re.fullmatch(r"(\d+)Gi", limits["memory"])
    assert memory is not None
    # docs/profiles.md: 4 GiB up to four processors, and 1 GiB for each further one.
    assert int(memory[1]) >= 4 + max(0, int(limits["cpu"]) - 4)
    assert container(overlay)["resources"]["requests"] == limits


@pytest.mark.parametrize("overlay", NAMES)
def test_monitoring_and_ingress_come_in_by_the_label_of_their_namespace(overlay: str) -> None:
    (policy,) = (each["spec"] for each in built(overlay) if each["kind"] == "NetworkPolicy")
    (rule,) = policy["ingress"]
    labels = [next(iter(each.values()))["matchLabels"] for each in rule["from"] if len(each) == 1]
    assert labels == [
        {"vreid/client": "true"},
        {"vreid/monitoring": "true"},
        {"vreid/ingress": "true"},
    ]
    assert [list(each) for each in rule["from"][1:]] == [["namespaceSelector"]] * 2


@pytest.mark.parametrize(("overlay", "ports"), [("single-site", []), ("milvus", [19530, 53, 53])])
def test_the_pod_reaches_nothing_but_what_its_overlay_opens(overlay: str, ports: list[int]) -> None:
    (policy,) = (each["spec"] for each in built(overlay) if each["kind"] == "NetworkPolicy")
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    opened = policy.get("egress") or []
    assert [port["port"] for rule in opened for port in rule["ports"]] == ports


@pytest.fixture(params=NAMES)
def with_components(request: pytest.FixtureRequest, tmp_path: Path) -> list[dict[str, Any]]:
    """An overlay's objects with every component, its lines without their marks."""
    overlay = request.param
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    file = tmp_path / "kubernetes" / "overlays" / overlay / "kustomization.yaml"
    text = file.read_text().replace("# components:", "components:")
    file.write_text(text.replace("#   - ../../comp", "  - ../../comp"))
    objects = built(overlay, file.parent.parent)
    named = file.read_text().count("  - ../../components/")
    assert named == len(list((KUBERNETES / "components").iterdir()))
    return objects


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


def test_keys_come_in_by_a_secret(with_components: list[dict[str, Any]]) -> None:
    pod = one(with_components, "Deployment")["spec"]["template"]["spec"]
    given = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    (mount,) = (each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "keys")
    assert given["VREID_ACCESS__KEYS"] == f"{mount['mountPath']}/keys.json"
    assert "secret" in next(each for each in pod["volumes"] if each["name"] == "keys")
    # A service that does not find its keys must not serve everybody.
    assert "VREID_ALLOW_OPEN" not in given


def test_the_audit_log_fits_the_place_where_it_lies(with_components: list[dict[str, Any]]) -> None:
    pod = one(with_components, "Deployment")["spec"]["template"]["spec"]
    given = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert len(given) == len(pod["containers"][0]["env"])
    place = Path(given["VREID_ACCESS__AUDIT"])
    (mount,) = (
        each
        for each in pod["containers"][0]["volumeMounts"]
        if place.is_relative_to(each["mountPath"])
    )
    (volume,) = (each for each in pod["volumes"] if each["name"] == mount["name"])
    if "emptyDir" in volume:
        room = volume["emptyDir"]["sizeLimit"]
    else:
        claim = one(with_components, "PersistentVolumeClaim")
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        room = claim["spec"]["resources"]["requests"]["storage"]
    # The log and its older files; the refusals and one older file.
    files = int(given["VREID_ACCESS__AUDIT_FILES"]) + 1 + 2
    most = files * int(given["VREID_ACCESS__AUDIT_FILE_BYTES"])
    assert 2 * most < int(room[:-2]) * {"Mi": 2**20, "Gi": 2**30}[room[-2:]]


def test_a_queue_is_named_by_a_secret_and_may_be_reached(
    with_components: list[dict[str, Any]],
) -> None:
    pod = one(with_components, "Deployment")["spec"]["template"]["spec"]
    (queue,) = (
        each for each in pod["containers"][0]["env"] if each["name"] == "VREID_INGEST__REDIS"
    )
    assert "secretKeyRef" in queue["valueFrom"]
    rules = one(with_components, "NetworkPolicy")["spec"]["egress"]
    assert {6379, 53} <= {port["port"] for rule in rules for port in rule["ports"]}
    # Wherever the name server is: on many clusters it is no pod of this label, or none at all.
    assert [rule for rule in rules if "to" in rule] == []


def test_every_object_of_the_components_fits_its_schema(
    with_components: list[dict[str, Any]],
) -> None:
    # The operator's kinds are not the cluster's own.
    own = [each for each in with_components if "monitoring.coreos.com" not in each["apiVersion"]]
    assert len(own) == len(with_components) - 2
    for each in own:
        kubernetes_validate.validate(each, API_VERSION, strict=True)


def test_the_operator_scrapes_the_service_under_the_alerts_job_with_a_key(
    with_components: list[dict[str, Any]],
) -> None:
    monitor, service = one(with_components, "ServiceMonitor"), one(with_components, "Service")
    selected = monitor["spec"]["selector"]["matchLabels"]
    assert selected.items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["path"] == "/metrics"
    assert endpoint["authorization"]["credentials"] == {"name": "vreid-metrics-key", "key": "key"}
    assert service["metadata"]["name"] == "vreid"


def test_the_operator_has_the_alerts_of_the_other_deployments() -> None:
    assert FILE.read_text() == text(), "run: python -m deploy.prometheus.operator_rules"
    rules = yaml.safe_load(RULES.read_text())
    assert yaml.safe_load(FILE.read_text())["spec"] == rules


def test_the_ingress_leads_to_the_service_by_tls_and_is_believed_about_clients(
    with_components: list[dict[str, Any]],
) -> None:
    from service.variables import unknown_variables

    ingress = one(with_components, "Ingress")
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    backend = path["backend"]["service"]
    service = one(with_components, "Service")
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
    taken = read_env_file(DEPLOY / "profiles" / "server.env")["VREID_LIMITS__REQUEST_BYTES"]
    size = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert size == f"{int(taken) // 2**20}m"
    pod = one(with_components, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    given = {each["name"]: each.get("value", "") for each in pod["env"]}
    assert unknown_variables(given) == []
    # Whom to believe is the site's to say: until it has, the service does not start.
    with pytest.raises(ConfigurationError, match="VREID_TRUSTED_PROXIES"):
        trusted_networks(given["VREID_TRUSTED_PROXIES"])
