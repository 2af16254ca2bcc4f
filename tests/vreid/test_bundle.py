import json
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bundles import make_tiny_bundle
from vreid.bundle import MANIFEST_NAME, Bundle, describe_file, file_sha256, write_manifest
from vreid.errors import BundleDamaged, BundleNotFound, BundleUnsupported
from vreid.manifest import FileEntry, expected_fingerprint
from vreid.modality import MODALITIES, Modality


def test_a_whole_bundle_loads_with_its_files(bundle: Bundle) -> None:
    loaded = Bundle.load(str(bundle.path))
    assert loaded == bundle
    for modality in MODALITIES:
        entry = bundle.manifest.files["fp32"][modality]
        assert file_sha256(loaded.file(modality)) == entry.sha256
        assert loaded.file(modality, "fp32") == loaded.file(modality)


def test_equal_models_have_equal_fingerprints_and_others_do_not(tmp_path: Path) -> None:
    one, same = make_tiny_bundle(tmp_path / "a"), make_tiny_bundle(tmp_path / "b")
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != make_tiny_bundle(tmp_path / "c", seed=1).fingerprint


def test_no_bundle_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BundleNotFound, match=r"there is no bundle at .*; give the directory"):
            Bundle.load(missing)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"])
def test_a_manifest_that_is_none_is_damage(bundle: Bundle, content: bytes) -> None:
    (bundle.path / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(BundleDamaged, match="again"):
        Bundle.load(bundle.path)


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_changed_file_is_named(bundle: Bundle, modality: Modality) -> None:
    path = bundle.file(modality)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleDamaged, match=rf"{path.name} is not the file that the manifest"):
        Bundle.load(bundle.path)


def test_a_truncated_file_is_named(bundle: Bundle) -> None:
    path = bundle.file(Modality.NIR)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BundleDamaged, match=r"nir\.onnx has \d+ bytes and the manifest says"):
        Bundle.load(bundle.path)


def test_a_missing_file_is_named(bundle: Bundle) -> None:
    bundle.file(Modality.TIR).unlink()
    with pytest.raises(BundleDamaged, match=r"tir\.onnx is missing; copy the bundle again"):
        Bundle.load(bundle.path)


def test_the_files_are_not_read_when_verification_is_off(bundle: Bundle) -> None:
    bundle.file(Modality.TIR).unlink()
    loaded = Bundle.load(bundle.path, verify=False)
    with pytest.raises(BundleDamaged):
        loaded.verify_files()


def test_preprocessing_changed_by_hand_is_noticed_by_the_fingerprint(bundle: Bundle) -> None:
    path = bundle.path / MANIFEST_NAME
    document = json.loads(path.read_text())
    document["preprocessing"]["normalisation"]["rgb"]["mean"][0] = 0.5
    path.write_text(json.dumps(document))
    with pytest.raises(BundleDamaged, match="changed the manifest by hand"):
        Bundle.load(bundle.path, verify=False)


def test_a_link_that_leads_out_of_the_bundle_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.file(Modality.RGB)
    shutil.move(path, tmp_path / "outside.onnx")
    path.symlink_to(tmp_path / "outside.onnx")
    with pytest.raises(BundleDamaged, match="leads out of the bundle"):
        Bundle.load(bundle.path)


def test_a_bundle_behind_a_link_loads(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(bundle.path)
    assert Bundle.load(tmp_path / "current").fingerprint == bundle.fingerprint


def test_what_the_bundle_does_not_have_is_refused_with_what_it_has(bundle: Bundle) -> None:
    with pytest.raises(BundleUnsupported, match="no precision 'int8'; use one of fp32"):
        bundle.file(Modality.RGB, "int8")
    entries = {Modality.RGB: bundle.manifest.files["fp32"][Modality.RGB]}
    only_rgb = replace(bundle.manifest, modalities=(Modality.RGB,), files={"fp32": entries})
    with pytest.raises(BundleUnsupported, match="no tir branch, only rgb; leave that image out"):
        Bundle(bundle.path, only_rgb).file(Modality.TIR)


def test_a_second_precision_is_verified_too(bundle: Bundle) -> None:
    copies = {}
    for modality in MODALITIES:
        shutil.copy(bundle.file(modality), bundle.path / f"{modality}.int8.onnx")
        copies[modality] = describe_file(bundle.path, f"{modality}.int8.onnx")
    files = {**bundle.manifest.files, "int8": copies}
    write_manifest(bundle.path, replace(bundle.manifest, files=files))
    loaded = Bundle.load(bundle.path)
    assert loaded.fingerprint == bundle.fingerprint
    assert loaded.file(Modality.RGB, "int8").name == "rgb.int8.onnx"
    loaded.file(Modality.RGB, "int8").write_bytes(b"")
    with pytest.raises(BundleDamaged, match=r"rgb\.int8\.onnx has 0 bytes"):
        Bundle.load(bundle.path)


def test_writing_a_manifest_leaves_no_other_file_and_lets_others_read(bundle: Bundle) -> None:
    before = sorted(path.name for path in bundle.path.iterdir())
    path = write_manifest(bundle.path, bundle.manifest)
    assert sorted(path.name for path in bundle.path.iterdir()) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_manifest_that_cannot_be_written_leaves_the_old_one(bundle: Bundle) -> None:
    before = (bundle.path / MANIFEST_NAME).read_bytes()
    unwritable = replace(bundle.manifest, metrics={"map": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_manifest(bundle.path, unwritable)
    assert (bundle.path / MANIFEST_NAME).read_bytes() == before
    assert {path.name for path in bundle.path.iterdir()} == {
        MANIFEST_NAME,
        *(f"{modality}.onnx" for modality in MODALITIES),
    }


def test_describing_a_file_gives_its_size_and_hash(bundle: Bundle) -> None:
    entry = describe_file(bundle.path, "rgb.onnx")
    assert entry == bundle.manifest.files["fp32"][Modality.RGB]
    assert isinstance(entry, FileEntry)
    assert expected_fingerprint(bundle.manifest) == bundle.fingerprint
