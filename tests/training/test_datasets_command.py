"""`vreid datasets`, as a user calls it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.msvr310_names import write_real_msvr310
from tests.public_trees import write_tiled_set, write_wmveid863
from tests.shared_data import needs_shared_data
from vreid.cli import application
from vreid.errors import DatasetError
from vreid.layouts.public_sets import PUBLIC_SETS


def vreid(*arguments: object) -> Result:
    return CliRunner().invoke(application, ["datasets", *map(str, arguments)])


def test_every_known_set_has_a_line_with_its_layout_and_junk_rule() -> None:
    lines = vreid().output.splitlines()
    assert [line.split()[0] for line in lines] == list(PUBLIC_SETS)
    assert "{bounding_box_train,query3,bounding_box_test}/<identity>/{vis,ni,th}/" in lines[0]
    assert "junk: same identity and scene" in lines[0]
    assert "[rgbir|rgbirt/]" in lines[1]


@needs_shared_data
def test_a_set_that_is_as_published_ends_with_0(tmp_path: Path) -> None:
    result = vreid("check", write_real_msvr310(tmp_path))
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines()]
    assert ["train", "155", "155", "1032", "1032", "bounding_box_train"] in rows
    assert ["query", "52", "52", "591", "591", "query3"] in rows
    assert ["gallery", "155", "155", "1055", "1055", "bounding_box_test"] in rows
    assert result.output.splitlines()[-1] == "the counts are as published; nothing is off"


def test_a_set_of_another_size_ends_with_1_and_says_so(tmp_path: Path) -> None:
    result = vreid("check", write_tiled_set(tmp_path, 2))
    assert result.exit_code == 1
    rows = [line.split() for line in result.output.splitlines()]
    assert ["train", "4", "-", "16", "-", "rgbir/bounding_box_train"] in rows
    assert ["train+gallery", "8", "300", "32", "50125"] in rows
    assert result.output.splitlines()[-1] == "differs from the published counts"


def test_where_nothing_is_published_this_is_said(tmp_path: Path) -> None:
    result = vreid("check", write_wmveid863(tmp_path))
    assert result.exit_code == 0
    assert "warning: names without a partner, as is known of this set" in result.output
    assert result.output.splitlines()[-1].startswith("no counts are published")


def test_json_is_one_object(tmp_path: Path) -> None:
    root = write_tiled_set(tmp_path, 3)
    (root / "rgbir/query").rename(root / "rgbir/queries")
    result = vreid("check", root, "--json", "--images")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["name"] == "rgbnt100"
    assert document["splits"]["train"] == {
        "folder": str(root / "rgbir/bounding_box_train"),
        "identities": 4,
        "samples": 16,
        "published": {"identities": 50, "samples": 8675},
    }
    assert document["splits"]["query"]["folder"] is None
    (finding,) = document["findings"]
    assert (finding["kind"], finding["off"], finding["examples"]) == (
        "missing-folder",
        True,
        ["query"],
    )
    assert not document["as_published"]


def test_a_folder_of_something_else_is_refused_in_one_sentence(tmp_path: Path) -> None:
    result = vreid("check", tmp_path)
    assert isinstance(result.exception, DatasetError)
    assert str(tmp_path) in str(result.exception)


@pytest.mark.parametrize("package", ["torch", "pydantic"])
def test_the_command_needs_no_training_library(package: str) -> None:
    check = f"import sys; import training.datasets_command; sys.exit('{package}' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
