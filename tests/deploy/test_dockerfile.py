from pathlib import Path

import pytest

from deploy.image.requirements import requirements
from service.variables import unknown_variables
from tests.deploy.dockerfile import Stage, lineage, read_stages

REPOSITORY = Path(__file__).parents[2]
TARGETS = ["cpu", "gpu"]


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return read_stages(REPOSITORY / "Dockerfile")


def test_it_has_a_cpu_and_a_gpu_target(stages: dict[str, Stage]) -> None:
    assert set(TARGETS) <= set(stages)


def test_every_stage_starts_from_the_base_argument_or_another_stage(
    stages: dict[str, Stage],
) -> None:
    assert {stage.base for stage in stages.values()} <= {"${BASE_IMAGE}", "scratch", *stages}


@pytest.mark.parametrize("target", TARGETS)
def test_a_final_stage_installs_python_and_an_init_and_nothing_else(
    stages: dict[str, Stage], target: str
) -> None:
    installed = {p for stage in lineage(stages, target) for p in stage.debian_packages()}
    assert installed == {"python3", "tini"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_final_stage_takes_only_the_environment_from_the_stages_that_build(
    stages: dict[str, Stage], target: str
) -> None:
    copied = [c for stage in lineage(stages, target) for c in stage.all("COPY") if "--from" in c]
    assert copied == [f"--from={target}-environment /opt/vreid /opt/vreid"]


@pytest.mark.parametrize("target", TARGETS)
def test_a_final_stage_runs_as_a_numbered_user_that_is_not_root(
    stages: dict[str, Stage], target: str
) -> None:
    users = [user for stage in lineage(stages, target) for user in stage.all("USER")]
    uid, gid = (int(part) for part in users[-1].split(":"))
    assert uid > 0
    assert gid > 0


def test_the_service_runs_under_an_init_that_reaps_and_forwards_signals(
    stages: dict[str, Stage],
) -> None:
    assert stages["runtime"].last_list("ENTRYPOINT") == ["tini", "--", "vreid"]
    assert stages["runtime"].last_list("CMD") == ["serve"]


def test_the_health_check_runs_a_file_that_the_image_has(stages: dict[str, Stage]) -> None:
    (check,) = stages["runtime"].all("HEALTHCHECK")
    assert check.endswith('CMD ["python3", "/opt/healthcheck.py"]')
    assert "deploy/image/healthcheck.py /opt/healthcheck.py" in stages["runtime"].all("COPY")


@pytest.mark.parametrize("target", TARGETS)
def test_the_variables_it_sets_are_settings_of_the_service(
    stages: dict[str, Stage], target: str
) -> None:
    environment: dict[str, str] = {}
    for stage in lineage(stages, target):
        environment |= stage.environment()
    assert unknown_variables(environment) == []


def test_listening_beyond_the_container_is_left_to_whoever_runs_it(
    stages: dict[str, Stage],
) -> None:
    environment = stages["runtime"].environment()
    assert environment["VREID_HOST"] == "0.0.0.0"
    assert "VREID_ALLOW_OPEN" not in environment


@pytest.mark.parametrize("target", TARGETS)
def test_the_requirements_of_the_image_are_without_torch(target: str) -> None:
    asked = requirements(["service", target])
    assert not [requirement for requirement in asked if requirement.startswith(("torch", "timm"))]


def test_what_is_copied_from_the_repository_is_let_through_by_dockerignore(
    stages: dict[str, Stage],
) -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copies = [c.split() for s in stages.values() for c in s.all("COPY") if "--from" not in c]
    assert {source for *sources, _ in copies for source in sources} == allowed
    assert "*" in lines
