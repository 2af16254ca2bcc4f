"""The Kubernetes overlays, built by kubectl and held against the API's own schemas."""

import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

OVERLAYS = Path(__file__).parents[2] / "deploy" / "kubernetes" / "overlays"
NAMES = ("milvus", "single-site")
API_VERSION = "1.30"


def built(overlay: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["kubectl", "kustomize", str(OVERLAYS / overlay)],
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
    from service.settings import unknown_variables

    given = {each["name"]: "" for each in container(overlay)["env"]}
    assert unknown_variables(given) == []
