"""The installer of the air-gapped bundle, on small wheels; `make airgap-test` has the real ones."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.airgap.collect import DEPLOYMENT, image_names, write_manifest
from deploy.airgap.install import FACTS, MANIFEST, SHARED, main, read_manifest, verify, version_name
from deploy.airgap.licences import collect_licences
from tests.deploy.wheels import make_wheel, pip_wheel

DEPLOY = Path(__file__).parents[2] / "deploy"
INSTALLER = DEPLOY / "airgap" / "install.py"
SECONDS = 600
"""In which one run of the installer has ended, even on a machine that does much else."""

pytestmark = pytest.mark.timeout(4 * SECONDS)

VERIFIES = "import sys\ndef main():\n    print('{}', *sys.argv[1:])\n"


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[[str], Path]:
    """Make a bundle of a version, with a wheel `vreid` that prints it."""

    def make(version: str) -> Path:
        bundle = tmp_path / f"bundle-{version}"
        wheels = bundle / "wheels"
        wheels.mkdir(parents=True)
        shutil.copy(pip_wheel(), wheels)
        make_wheel(wheels, "vreid", version, VERIFIES.format(version), "another")
        make_wheel(wheels, "another", "1.0", VERIFIES.format("another"))
        (bundle / "requirements.txt").write_text(f"another==1.0\nvreid=={version}\n")
        for name in SHARED:
            (bundle / name).mkdir()
            (bundle / name / "file").write_text(name)
        shutil.copytree(DEPLOY / "systemd", bundle / "deploy" / "systemd")
        shutil.copytree(DEPLOY / "profiles", bundle / "deploy" / "profiles")
        shutil.copy(INSTALLER, bundle)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        platform = f"{sys.platform}-{os.uname().machine}"
        facts = {"version": version, "python": python, "platform": platform}
        (bundle / FACTS).write_text(json.dumps(facts))
        write_manifest(bundle)
        return bundle

    return make


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What stands for the machine's /, where the unit's user is known."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "passwd").write_text("root:x:0:0::/:\nvreid:x:999:999::/var/lib/vreid:\n")
    return root


def run(bundle: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the bundle's installer as an operator does."""
    options = ["--prefix", str(root / "opt" / "vreid"), "--root", str(root)]
    return subprocess.run(
        [sys.executable, bundle / "install.py", *arguments, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def printed_version(root: Path) -> str:
    program = root / "opt" / "vreid" / "current" / "bin" / "vreid"
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.strip()


def test_a_version_is_installed_upgraded_and_gone_back_to(
    make_bundle: Callable[[str], Path], root: Path
) -> None:
    prefix = root / "opt" / "vreid"
    first, second = make_bundle("1.0"), make_bundle("2.0")
    done = run(first, root, "install")
    assert done.returncode == 0, done.stderr
    assert printed_version(root) == "1.0"
    marks = {path: path.stat().st_mtime_ns for path in (prefix / "versions").rglob("*")}
    again = run(first, root, "install")
    assert (again.returncode, "is installed" in again.stdout) == (0, True)
    assert {path: path.stat().st_mtime_ns for path in (prefix / "versions").rglob("*")} == marks

    assert run(second, root, "install").returncode == 0
    assert printed_version(root) == "2.0"
    listed = run(second, root, "list").stdout.splitlines()
    assert [line.split()[0][:3] for line in listed] == ["1.0", "2.0"]
    assert [line.split()[1] for line in listed] == ["previous", "current"]
    # From the installed copy: the medium that brought the bundle may be gone.
    for expected in ("1.0", "2.0"):
        assert run(prefix / "current", root, "rollback").returncode == 0
        assert printed_version(root) == expected


SYSTEMCTL = """#!/bin/sh
echo "$@ $(readlink "{current}" | sed 's:.*/::; s/-.*//')" >> "{told}"
test "$1" != is-active && exit
case "$2" in
vreid.service) echo activating ;;
vreid-worker.service) echo active ;;
*) echo inactive ;;
esac
"""
"""Writes down what it is told, and the version that is current then; two of the units run."""


def test_units_that_run_are_stopped_while_the_version_is_switched(
    make_bundle: Callable[[str], Path],
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run(make_bundle("1.0"), root, "install").returncode == 0
    shutil.copytree(DEPLOY / "systemd", root / "etc" / "systemd" / "system")
    programs, told = tmp_path / "programs", tmp_path / "told"
    programs.mkdir()
    current = root / "opt" / "vreid" / "current"
    (programs / "systemctl").write_text(SYSTEMCTL.format(current=current, told=told))
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (root / "run" / "systemd" / "system").mkdir(parents=True)
    running = "vreid-worker.service vreid.service"
    for arguments, before, after in (
        ((make_bundle("2.0"), root, "install"), "1.0", "2.0"),
        ((current, root, "rollback"), "2.0", "1.0"),
    ):
        told.unlink(missing_ok=True)
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
        assert [line for line in told.read_text().splitlines() if "is-active" not in line] == [
            f"stop {running} {before}",
            f"daemon-reload {after}",
            f"start {running} {after}",
        ]
        assert "vreid-backup" not in told.read_text()


def test_units_that_it_has_not_brought_stay(make_bundle: Callable[[str], Path], root: Path) -> None:
    bundle = make_bundle("1.0")
    assert run(bundle, root, "install").returncode == 0
    units = root / "etc" / "systemd" / "system"
    (units / "vreid.service.d").mkdir(parents=True)
    names = ("vreid.service", "vreid-of-the-site.service", "vreid.service.d/override.conf")
    for name in names:
        (units / name).write_text("[Service]\n")
    assert run(bundle, root, "uninstall").returncode == 0
    assert [name for name in names if (units / name).exists()] == list(names[1:])


def test_an_interrupted_installation_is_begun_anew_and_what_is_removed_is_never_data(
    make_bundle: Callable[[str], Path], root: Path
) -> None:
    bundle = make_bundle("1.0")
    half = root / "opt" / "vreid" / "versions" / version_name(bundle)
    (half / "bin").mkdir(parents=True)
    (half / "bin" / "vreid").write_text("cut off")
    data = root / "var" / "lib" / "vreid" / "gallery"
    data.mkdir(parents=True)
    units = root / "etc" / "systemd" / "system"
    settings = root / "etc" / "vreid" / "vreid.env"
    is_root = os.geteuid() == 0

    done = run(bundle, root, "install", *(["--units"] if is_root else []))
    assert done.returncode == 0, done.stderr
    assert printed_version(root) == "1.0"
    if is_root:
        names = {path.name for path in (DEPLOY / "systemd").iterdir()}
        assert {path.name for path in units.iterdir()} == names
        start = f"ExecStart={root}/opt/vreid/current/bin/vreid serve"
        assert start in (units / "vreid.service").read_text().splitlines()
        watched = f"{root}/opt/vreid/current/share/examples/camera_folder.py /var/lib/crops"
        assert watched in (units / "vreid-crops.service").read_text()
        model = f"VREID_BUNDLE={root}/opt/vreid/current/share/model"
        assert model in (units / "vreid-worker.service").read_text()
        assert "VREID_PENDING=128" in settings.read_text()
        settings.write_text("VREID_PENDING=64\n")
        (units / "vreid.service").write_text("of another version")
        assert run(bundle, root, "install").returncode == 0
        assert start in (units / "vreid.service").read_text().splitlines()

    assert run(bundle, root, "uninstall").returncode == 0
    assert not (root / "opt" / "vreid").exists()
    assert data.is_dir()
    if is_root:
        assert list(units.iterdir()) == []
        assert settings.read_text() == "VREID_PENDING=64\n"
    assert run(bundle, root, "list").stdout.strip() == "nothing is installed"
    assert "no version before" in run(bundle, root, "rollback").stderr


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (lambda bundle: (bundle / "model" / "file").write_text("other"), "model/file has changed"),
        (lambda bundle: (bundle / "model" / "file").unlink(), "model/file is missing"),
        (lambda bundle: (bundle / "wheels" / "x.whl").touch(), "x.whl is not in the manifest"),
        (lambda bundle: (bundle / MANIFEST).unlink(), "copy the whole bundle"),
        (lambda bundle: (bundle / MANIFEST).write_text("nonsense\n"), "is damaged"),
        (
            lambda bundle: (
                (bundle / "docs" / "file").rename(bundle.parent / "file"),
                (bundle / "docs" / "file").symlink_to(bundle.parent / "file"),
            ),
            "docs/file is a link",
        ),
    ],
    ids=["changed", "missing", "added", "no manifest", "no lines", "link"],
)
def test_a_bundle_that_is_not_what_it_was_installs_nothing(
    make_bundle: Callable[[str], Path],
    root: Path,
    tamper: Callable[[Path], object],
    told: str,
) -> None:
    bundle = make_bundle("1.0")
    tamper(bundle)
    done = run(bundle, root, "install")
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (root / "opt").exists()


def test_sha256sum_reads_the_manifest(make_bundle: Callable[[str], Path]) -> None:
    bundle = make_bundle("1.0")
    assert verify(bundle) == len(read_manifest(bundle))
    command = ["sha256sum", "--check", "--strict", "--quiet", MANIFEST]
    assert subprocess.run(command, cwd=bundle, capture_output=True).returncode == 0


@pytest.mark.parametrize("fact", [{"python": "2.7"}, {"platform": "linux-riscv64"}])
def test_a_machine_that_the_wheels_are_not_for_is_told_so(
    make_bundle: Callable[[str], Path],
    root: Path,
    fact: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = make_bundle("1.0")
    facts = json.loads((bundle / FACTS).read_text()) | fact
    (bundle / FACTS).write_text(json.dumps(facts))
    write_manifest(bundle)
    done = run(bundle, root, "install")
    assert done.returncode == 1
    assert next(iter(fact.values())) in done.stderr
    assert main(["rollback", "--prefix", str(root / "none")]) == 1
    assert "no version before" in capsys.readouterr().err


def test_a_wheel_that_is_missing_for_pip_is_an_error_and_no_version(
    make_bundle: Callable[[str], Path], root: Path
) -> None:
    bundle = make_bundle("1.0")
    next((bundle / "wheels").glob("another-*")).unlink()
    write_manifest(bundle)
    done = run(bundle, root, "install")
    assert done.returncode == 1
    assert "another" in done.stderr
    assert run(bundle, root, "list").stdout.strip() == "nothing is installed"


def test_the_licences_of_all_wheels_are_collected(
    make_bundle: Callable[[str], Path], tmp_path: Path
) -> None:
    wheels = make_bundle("1.0") / "wheels"
    found = collect_licences(wheels, tmp_path / "licences")
    assert {each.name for each in found} == {"pip", "vreid", "another"}
    assert all(each.files for each in found)
    text = (tmp_path / "licences" / "another-1.0" / "licenses" / "LICENSE").read_text()
    assert text == "The terms of another.\n"
    assert "| another | 1.0 | Apache-2.0 | 1 |" in (tmp_path / "licences" / "README.md").read_text()


def test_every_file_of_deploy_that_a_site_reads_is_collected() -> None:
    builds = {".gitignore", "airgap", "image", "setup", "secrets"}
    there = {path.name for path in DEPLOY.iterdir() if path.name != "__pycache__"}
    assert there - builds - {".env"} == {name for name in DEPLOYMENT if "/" not in name}
    assert "vreid:cpu" in image_names()
