import pytest

from service.redis_server import keeps_on_disk, why_unsafe
from service.settings import load_settings
from service.variables import effective_values
from vreid.errors import ConfigurationError

GOOD = {"redis_version": "7.0.15", "maxmemory_policy": "noeviction", "role": "master"}


def test_a_server_that_evicts_nothing_may_hold_a_stream() -> None:
    assert why_unsafe(GOOD) is None


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl"])
def test_a_server_that_may_evict_is_refused_by_the_name_of_its_setting(policy: str) -> None:
    reason = why_unsafe(GOOD | {"maxmemory_policy": policy})
    assert reason is not None
    assert f"maxmemory-policy is {policy}" in reason
    assert "noeviction" in reason


def test_replicas_and_old_servers_are_refused() -> None:
    assert "replica" in str(why_unsafe(GOOD | {"role": "slave"}))
    assert "6.0" in str(why_unsafe(GOOD | {"redis_version": "6.0.9"}))
    assert why_unsafe(GOOD | {"redis_version": "6.2.1"}) is None
    assert why_unsafe(GOOD | {"redis_version": "10.0.0"}) is None


def test_the_append_only_file_is_noticed() -> None:
    assert keeps_on_disk({"aof_enabled": 1})
    assert not keeps_on_disk({"aof_enabled": 0})


def test_a_password_is_neither_shown_nor_taken_in_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VREID_INGEST__REDIS", "redis://somewhere:6379/0")
    monkeypatch.setenv("VREID_INGEST__PASSWORD", "open sesame")
    settings = load_settings({})
    assert "sesame" not in str(effective_values(settings)) + settings.model_dump_json()
    monkeypatch.setenv("VREID_INGEST__REDIS", "redis://:sesame@somewhere:6379/0")
    with pytest.raises(ConfigurationError, match="PASSWORD") as caught:
        load_settings({})
    assert "sesame" not in str(caught.value)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="redis://"):
        load_settings({"ingest": {"redis": "localhost:6379"}})


@pytest.mark.parametrize(
    "address",
    [
        "redis://localhost:abc/0",
        "redis://localhost:99999/0",
        "redis://[::1/0",
        "redis://localhost/0?socket_timeout=soon",
    ],
)
def test_an_address_that_no_client_reads_is_refused_by_the_name_of_its_setting(
    address: str,
) -> None:
    with pytest.raises(ConfigurationError, match=r"setting ingest\.redis \(VREID_INGEST__REDIS\)"):
        load_settings({"ingest": {"redis": address}})


@pytest.mark.parametrize("address", ["redis://h", "rediss://u@h:1/2", "unix:///run/redis.sock"])
def test_the_addresses_of_servers_are_taken_as_they_are(address: str) -> None:
    assert load_settings({"ingest": {"redis": address}}).ingest.redis == address


def test_no_address_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VREID_INGEST__REDIS", "")
    assert load_settings({}).ingest.redis is None
