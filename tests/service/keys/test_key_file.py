"""The file of keys on a real disk."""

import json
import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from service.keys.errors import KeyFileUnusable, UnknownKey
from service.keys.key import make_key
from service.keys.key_file import add_key, read_keys, remove_key


def add_some(path: Path, count: int) -> None:
    for number in range(count):
        add_key(path, make_key(f"key {number}", "search")[0])


def test_what_was_added_is_read_again(tmp_path: Path) -> None:
    key, _ = make_key("gate", "enrol", rate=5)
    add_key(tmp_path / "keys.json", key)
    assert read_keys(tmp_path / "keys.json") == {key.id: key}


def test_a_file_that_is_not_there_has_no_keys(tmp_path: Path) -> None:
    assert read_keys(tmp_path / "keys.json") == {}


def test_no_secret_and_no_token_is_in_the_file(tmp_path: Path) -> None:
    key, token = make_key("gate", "enrol")
    add_key(tmp_path / "keys.json", key)
    assert token.rsplit("_", 1)[1] not in (tmp_path / "keys.json").read_text()


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add_key(path, make_key("gate", "enrol")[0])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(KeyFileUnusable, match="chmod 600"):
        read_keys(path)


def test_a_removed_key_is_gone_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first, second = (make_key(name, "search")[0] for name in ("one", "two"))
    add_key(path, first)
    add_key(path, second)
    assert remove_key(path, first.id) == first
    assert read_keys(path) == {second.id: second}


def test_removing_a_key_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownKey, match="vreid keys list"):
        remove_key(tmp_path / "keys.json", "0123abcd")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 1, "keys": [{}]}'])
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileUnusable, match="backup"):
        read_keys(path)


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"schema_version": 2, "keys": []}')
    path.chmod(0o600)
    with pytest.raises(KeyFileUnusable, match="upgrade"):
        read_keys(path)


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=add_some, args=(path, 8)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(read_keys(path)) == 24
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".json")] == [path.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_change_by_root_leaves_the_file_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key, _ = make_key("gate", "search")
    add_key(path, key)
    os.chown(path, 12345, 12346)
    remove_key(path, key.id)
    found = path.stat()
    assert (found.st_uid, found.st_gid) == (12345, 12346)
    assert stat.S_IMODE(found.st_mode) == 0o600


@pytest.mark.parametrize("fault", [{"rate": 0}, {"rate": -1}, {"expires_at": "2030-01-01T00:00"}])
def test_rates_and_times_that_mean_nothing_are_refused(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    path = tmp_path / "keys.json"
    add_key(path, make_key("gate", "search")[0])
    document = json.loads(path.read_text())
    document["keys"][0].update(fault)
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileUnusable, match="1 mistakes"):
        read_keys(path)


def test_two_keys_never_share_an_id(tmp_path: Path) -> None:
    key, _ = make_key("gate", "search")
    add_key(tmp_path / "keys.json", key)
    with pytest.raises(KeyFileUnusable, match="already"):
        add_key(tmp_path / "keys.json", key)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_secret_of_roots_may_be_read_by_its_group_and_changed_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    add_key(path, make_key("gate", "search")[0])
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    path.chmod(0o440)
    assert len(read_keys(path, owners={0, 10001})) == 1
    for mode in (0o460, 0o444):
        path.chmod(mode)
        with pytest.raises(KeyFileUnusable, match="chmod 600"):
            read_keys(path)
