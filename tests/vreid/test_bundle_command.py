import json

from click.testing import CliRunner

from vreid.bundle import Bundle
from vreid.bundle_command import bundle as command
from vreid.errors import BundleDamaged
from vreid.modality import Modality


def test_verify_says_that_a_whole_bundle_is_whole(bundle: Bundle) -> None:
    result = CliRunner().invoke(command, ["verify", str(bundle.path)])
    assert result.exit_code == 0
    assert "tiny 0.0 is whole" in result.output
    assert bundle.fingerprint in result.output


def test_verify_prints_one_json_object_when_asked(bundle: Bundle) -> None:
    result = CliRunner().invoke(command, ["verify", str(bundle.path), "--json"])
    summary = json.loads(result.output)
    assert summary["fingerprint"] == bundle.fingerprint
    assert summary["modalities"] == ["rgb", "nir", "tir"]
    assert summary["precisions"] == ["fp32"]
    assert summary["bytes"] == sum(bundle.file(modality).stat().st_size for modality in Modality)


def test_verify_fails_on_a_damaged_bundle(bundle: Bundle) -> None:
    bundle.file(Modality.NIR).write_bytes(b"damaged")
    result = CliRunner().invoke(command, ["verify", str(bundle.path)])
    assert result.exit_code != 0
    assert isinstance(result.exception, BundleDamaged)
