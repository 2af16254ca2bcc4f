import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.image.env_file import read_env_file
from service.settings import Settings, load_settings
from service.variables import unknown_variables

REPOSITORY = Path(__file__).parents[2]
PROFILES = ("edge", "server", "gpu")


def profile(name: str) -> dict[str, str]:
    return read_env_file(REPOSITORY / "deploy" / "profiles" / f"{name}.env")


def compose(name: str) -> Mapping[str, Any]:
    document = yaml.safe_load((REPOSITORY / "deploy" / name).read_text())
    service = document["services"]["service"]
    assert isinstance(service, dict)
    return service


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for variable, value in profile(name).items():
        monkeypatch.setenv(variable, value)
    return load_settings({})


@pytest.mark.parametrize("name", PROFILES)
def test_each_variable_sets_something_that_the_service_takes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(name, monkeypatch)
    assert unknown_variables(profile(name)) == []
    assert settings.pending == int(profile(name)["VREID_PENDING"])


@pytest.mark.parametrize("name", PROFILES)
def test_a_request_as_large_as_it_may_be_finds_room(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(name, monkeypatch)
    limits = settings.limits
    assert 3 * limits.image_pixels <= limits.request_pixels
    assert limits.image_bytes <= limits.request_bytes <= settings.receiving_bytes
    assert 3 * limits.samples <= settings.batching.queue


@pytest.mark.parametrize("name", ["edge", "gpu"])
def test_a_profile_laid_over_the_server_s_leaves_nothing_of_it(name: str) -> None:
    assert set(profile("server")) <= set(profile(name))


def test_the_server_s_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = load_settings({})
    assert settings_of("server", monkeypatch) == defaults


def test_the_page_has_the_values_of_each_profile() -> None:
    page = (REPOSITORY / "docs" / "profiles.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\S+) \| (\S+) \| (\S+) \|", page, re.MULTILINE)
    for column, name in enumerate(PROFILES, 1):
        told = {row[0]: row[column].strip("`") for row in rows}
        assert {variable: value for variable, value in told.items() if value != "-"} == profile(
            name
        )


@pytest.mark.parametrize(
    ("file", "name"),
    [("compose.yaml", "server"), ("compose.edge.yaml", "edge"), ("compose.gpu.yaml", "gpu")],
)
def test_compose_takes_the_profile(file: str, name: str) -> None:
    assert compose(file)["env_file"] == f"profiles/{name}.env"


def test_what_compose_sets_itself_no_profile_sets() -> None:
    assert not set(compose("compose.yaml")["environment"]) & set(profile("server"))


def test_edge_has_two_processors_and_one_gibibyte_and_no_swap() -> None:
    edge = compose("compose.edge.yaml")
    assert (edge["cpus"], edge["mem_limit"], edge["memswap_limit"]) == (2, "1g", "1g")


def test_a_line_that_compose_would_read_otherwise_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_text("# a comment\n\nONE=1\nTWO = 2\n")
    with pytest.raises(ValueError, match="line 4"):
        read_env_file(file)
