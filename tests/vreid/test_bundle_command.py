import json
import subprocess
import sys

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


def test_the_list_of_commands_needs_no_training() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from vreid.bundle_command import bundle; "
        "print(CliRunner().invoke(bundle, ['--help']).output); "
        "assert not {'export', 'training', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "quantise  Measure variants" in done.stdout
    assert "verify    Check the manifest and every file" in done.stdout
