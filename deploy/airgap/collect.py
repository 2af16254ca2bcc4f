"""Collects everything that a machine without a network needs to run vreid, with checksums.

Wheels of the pinned environment, the model bundle, the sample gallery, the guides, the
examples, the files of deploy/, licences, and the container image where an archive of it is named.

usage: python -m deploy.airgap.collect FOLDER [--extras service,cpu,parquet] [--model DIR]
           [--image ARCHIVE]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from deploy.airgap.install import FACTS, MANIFEST, bundle_files, checksum
from deploy.airgap.licences import collect_licences
from deploy.image.compose import composed
from deploy.image.requirements import requirements

REPOSITORY = Path(__file__).parents[2]
EXTRAS = ("service", "cpu", "parquet")
DEPLOYMENT = (
    "compose.yaml",
    "compose.edge.yaml",
    "compose.gpu.yaml",
    "compose.open.yaml",
    "example.env",
    "grafana",
    "kubernetes",
    "profiles",
    "prometheus",
    "proxy",
    "redis",
    "secrets/README.md",
    "secrets/.gitignore",
    "systemd",
)
DEMO = REPOSITORY / "service" / "demo"
_UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc")
_PROGRAMS = shutil.ignore_patterns("__pycache__", "*.py", "*.sh")
"""That write some of the pages."""


def main() -> None:
    """Fill the folder anew and print what lies in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="made anew")
    parser.add_argument("--extras", default=",".join(EXTRAS), help=f"default: {','.join(EXTRAS)}")
    parser.add_argument("--model", type=Path, default=DEMO / "bundle", help="model bundle")
    parser.add_argument(
        "--image", type=Path, help="archive of the image, as `docker load` reads it"
    )
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    extras = chosen.extras.split(",")
    collect_wheels(folder, extras)
    collect_licences(folder / "wheels", folder / "licences")
    collect_files(folder, chosen.model)
    if chosen.image is not None:
        (folder / "images").mkdir()
        shutil.copy2(chosen.image, folder / "images" / chosen.image.name)
    (folder / FACTS).write_text(json.dumps(facts(folder, extras), indent=2) + "\n")
    write_manifest(folder)
    for line in summary(folder):
        print(line)


def collect_wheels(folder: Path, extras: Sequence[str]) -> None:
    """Download the wheels of the pinned environment, build vreid's own, and list both.

    Args:
        folder: gets `wheels/` and `requirements.txt`, one exact version a line.
        extras: of vreid.
    """
    wheels = folder / "wheels"
    wheels.mkdir()
    wanted = folder / "wanted.txt"
    # Machines without a network have no pip of a known version either.
    wanted.write_text("\n".join([*requirements(extras), f"pip=={version('pip')}"]))
    constraints = ["--constraint", str(REPOSITORY / "constraints.txt")]
    only = ["--only-binary", ":all:", "--requirement", str(wanted), "--dest", str(wheels)]
    _pip("download", *constraints, *only)
    wanted.unlink()
    _pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(REPOSITORY))
    lines = [
        f"{wheel.name.split('-')[0]}=={wheel.name.split('-')[1]}"
        for wheel in sorted(wheels.glob("*.whl"))
        if not wheel.name.startswith("pip-")
    ]
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n")


def collect_files(folder: Path, model: Path) -> None:
    """Copy model bundle, sample gallery, guides, examples, deployment files and installer."""
    shutil.copytree(model, folder / "model", ignore=_UNWANTED)
    shutil.copytree(DEMO / "samples", folder / "samples", ignore=_UNWANTED)
    shutil.copytree(REPOSITORY / "docs", folder / "docs", ignore=_PROGRAMS)
    shutil.copytree(REPOSITORY / "examples", folder / "examples", ignore=_UNWANTED)
    for name in ("README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy2(REPOSITORY / name, folder / "docs" / name)
    for name in DEPLOYMENT:
        source, target = REPOSITORY / "deploy" / name, folder / "deploy" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_UNWANTED)
        else:
            shutil.copy2(source, target)
    (folder / "deploy" / "images.txt").write_text("\n".join(image_names()) + "\n")
    shutil.copy2(Path(__file__).with_name("install.py"), folder / "install.py")


def image_names() -> list[str]:
    """Return the images that the compose file runs, sorted."""
    return sorted({service["image"] for service in composed()["services"].values()})


def facts(folder: Path, extras: Sequence[str]) -> dict[str, object]:
    """Return what the installer and its reader want to know of the bundle."""
    (own,) = (folder / "wheels").glob("vreid-*.whl")
    images = sorted(path.name for path in (folder / "images").glob("*"))
    return {
        "version": own.name.split("-")[1],
        "revision": revision(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "platform": f"{sys.platform}-{os.uname().machine}",
        "extras": sorted(extras),
        "images": images,
    }


def revision() -> str:
    """Return the commit that was collected, `unknown` outside a repository."""
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "HEAD"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def write_manifest(folder: Path) -> None:
    """Write the checksum of every file; `sha256sum --check` reads it too."""
    lines = [f"{checksum(path)}  {path.relative_to(folder)}\n" for path in bundle_files(folder)]
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")


def summary(folder: Path) -> list[str]:
    """Return a line for each part with its size, and how the whole is checked."""
    lines = []
    for part in sorted(folder.iterdir()):
        files = [part] if part.is_file() else [p for p in part.rglob("*") if p.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        lines.append(f"{part.name:20} {len(files):5} files {size:9.1f} MB")
    digest = checksum(folder / MANIFEST)
    return [*lines, f"tell this beside it, by another way: {digest}  {MANIFEST}"]


def _pip(command: str, *arguments: str) -> None:
    quiet = ["-qq", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", command, *quiet, *arguments], check=True)


if __name__ == "__main__":
    main()
