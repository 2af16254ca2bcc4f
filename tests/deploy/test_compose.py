from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import unknown_variables
from tests.deploy.dockerfile import read_stages

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document = yaml.safe_load((REPOSITORY / "deploy" / "compose.yaml").read_text())
    assert isinstance(document, dict)
    return document


def test_every_container_is_hardened_and_bounded(compose: dict[str, Any]) -> None:
    assert compose["services"]
    for container in compose["services"].values():
        assert container["read_only"] is True
        assert container["cap_drop"] == ["ALL"]
        assert container["security_opt"] == ["no-new-privileges:true"]
        assert container["mem_limit"]
        assert container["cpus"]


def test_the_server_has_the_processors_that_its_memory_is_for(compose: dict[str, Any]) -> None:
    service = compose["services"]["service"]
    assert (service["cpus"], service["mem_limit"]) == ("${VREID_CPUS:-4}", "4g")


def test_the_service_is_published_on_the_loopback_address_only(compose: dict[str, Any]) -> None:
    (port,) = compose["services"]["service"]["ports"]
    assert port.startswith("127.0.0.1:")
    assert port.endswith(":8000")


def test_the_gallery_lies_in_a_volume_and_temporary_files_in_memory(
    compose: dict[str, Any],
) -> None:
    service = compose["services"]["service"]
    gallery = read_stages(REPOSITORY / "Dockerfile")["runtime"].environment()["VREID_GALLERY"]
    (volume,) = service["volumes"]
    name, mount_point = volume.split(":")
    assert name in compose["volumes"]
    assert Path(gallery).is_relative_to(mount_point)
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]


def test_the_variables_it_sets_are_settings_of_the_service(compose: dict[str, Any]) -> None:
    assert unknown_variables(compose["services"]["service"]["environment"]) == []


def test_the_image_is_built_from_a_target_of_the_dockerfile(compose: dict[str, Any]) -> None:
    build = compose["services"]["service"]["build"]
    assert (REPOSITORY / "deploy" / build["context"] / "Dockerfile").is_file()
    assert build["target"] in read_stages(REPOSITORY / "Dockerfile")
