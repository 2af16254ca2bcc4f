"""`vreid keys` in this process: what it prints beside the key."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.keys.command import keys
from service.keys.key_file import read_keys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def create(path: Path, name: str) -> Result:
    made = CliRunner().invoke(keys, ["create", name, "--keys", str(path), "--json"])
    assert made.exit_code == 0, made.output
    return made


def test_a_second_key_of_a_name_warns_that_they_share_idempotency_keys(path: Path) -> None:
    first = json.loads(create(path, "gate").stdout)
    second = create(path, "gate")
    assert "Idempotency-Key" in second.stderr
    assert first["id"] in second.stderr
    assert json.loads(second.stdout)["id"] in read_keys(path)
    assert len(read_keys(path)) == 2


def test_a_key_of_a_new_name_warns_of_nothing(path: Path) -> None:
    assert create(path, "gate").stderr == ""
    assert create(path, "gate 2").stderr == ""
