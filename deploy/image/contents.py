"""Checks of what is in a built image, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.image.container import Image
from deploy.image.trial_error import require

BUILD_TOOLS = ("gcc", "g++", "cc", "c++", "clang", "make", "ld", "pip", "pip3", "uv", "git", "curl")
TRACES_OF_PIP = ("etc/pip.conf", "etc/xdg/pip", "root/.config/pip", "root/.pip", "root/.cache")
UNUSED_PLUGINS = ("intel_gpu", "intel_npu", "pytorch_frontend", "tensorflow_frontend")


def check_contents(image: Image) -> Iterator[str]:
    """Check that nothing is there that only building or training needs."""
    yield f"{image.size() / 1e6:.0f} MB of files, user {image.uid}:{image.gid}"

    executables = [image.root / place for place in ("usr/bin", "usr/local/bin", "opt/vreid/bin")]
    tools = [
        path for place in executables for name in BUILD_TOOLS if (path := place / name).exists()
    ]
    require(not tools, f"it has build tools: {tools}")

    packages = [
        path for path in image.root.glob("opt/vreid/lib/*/site-packages/*") if path.is_dir()
    ]
    names = {path.name.split("-")[0].lower() for path in packages}
    unwanted = names & {"torch", "torchvision", "timm", "pip", "setuptools", "hatchling"}
    require(not unwanted, f"it has the packages {sorted(unwanted)}")
    wanted = {"vreid", "service", "onnxruntime", "openvino"}
    require(wanted <= names, f"it lacks the packages {sorted(wanted - names)}")
    libraries = [path.name for path in image.root.glob("opt/vreid/lib/*/*/openvino/libs/*")]
    unused = [name for name in libraries if any(plugin in name for plugin in UNUSED_PLUGINS)]
    require(not unused, f"it has parts of OpenVINO that nothing uses: {unused}")

    traces = [place for place in TRACES_OF_PIP if (image.root / place).exists()]
    variables = [v for v in image.environment if v.startswith(("PIP_", "SSL_", "REQUESTS_"))]
    require(not traces and not variables, f"pip's configuration remained: {traces + variables}")

    writable = [str(path) for path in opened_files(image.root / "opt")]
    require(not writable, f"files that others may write: {writable[:3]}")
    yield "no build tools, no torch, no pip, nothing of pip's configuration"


def opened_files(folder: Path) -> Iterator[Path]:
    """Yield files under `folder` that anybody, or a user other than root, may write."""
    for path in folder.rglob("*"):
        status = path.lstat()
        if not path.is_symlink() and (status.st_mode & 0o002 or status.st_uid != 0):
            yield path
