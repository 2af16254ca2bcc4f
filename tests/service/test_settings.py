from pathlib import Path

import pytest

from service.settings import SHIPPED_BUNDLE, is_loopback, load_settings
from service.variables import effective_values, unknown_variables
from vreid.errors import ConfigurationError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("VREID_"):
            monkeypatch.delenv(name)


def test_nothing_set_serves_the_shipped_bundle_on_this_machine_only() -> None:
    settings = load_settings({})
    assert settings.bundle == SHIPPED_BUNDLE
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


def test_a_variable_sets_a_field_and_two_underscores_a_nested_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VREID_PORT", "9000")
    monkeypatch.setenv("VREID_LIMITS__K", "50")
    settings = load_settings({})
    assert settings.port == 9000
    assert settings.limits.k == 50
    assert settings.limits.samples == 64


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VREID_PORT", "9000")
    assert load_settings({"port": 9001, "host": None}).port == 9001


def test_a_value_out_of_range_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VREID_PORT", "99999")
    with pytest.raises(ConfigurationError, match=r"port \(VREID_PORT\).*99999"):
        load_settings({})


def test_an_image_may_not_be_allowed_more_pixels_than_the_decoder_takes() -> None:
    assert load_settings({"limits": {"image_pixels": 89_000_000}})
    with pytest.raises(ConfigurationError, match=r"image_pixels .*89000000"):
        load_settings({"limits": {"image_pixels": 89_000_001}})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_without_keys_it_refuses_to_listen_beyond_this_machine(host: str) -> None:
    with pytest.raises(ConfigurationError, match="VREID_ALLOW_OPEN"):
        load_settings({"host": host})


def test_an_open_address_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VREID_ALLOW_OPEN", "1")
    assert load_settings({"host": "0.0.0.0"}).host == "0.0.0.0"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_loopback_addresses_need_no_permission(host: str) -> None:
    assert is_loopback(host)


def test_a_misspelt_variable_is_found() -> None:
    environment = {"VREID_PROT": "1", "VREID_PORT": "1", "VREID_LIMITS__K": "1", "HOME": "/"}
    assert unknown_variables(environment) == ["VREID_PROT"]


def test_every_effective_value_has_a_variable_and_a_description() -> None:
    values = effective_values(load_settings({"gallery": Path("/somewhere")}))
    assert ("VREID_GALLERY", "/somewhere") in [value[:2] for value in values]
    assert "VREID_LIMITS__IMAGE_BYTES" in [variable for variable, _, _ in values]
    assert all(description for _, _, description in values)


def test_a_gallery_in_milvus_keeps_no_crops() -> None:
    with pytest.raises(ConfigurationError, match="keep_crops"):
        load_settings({"gallery": "milvus://host/name", "keep_crops": "encoded"})
