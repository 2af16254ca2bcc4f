"""Looks into a built image, then indexes, serves and searches in hardened containers of it.

usage: python -m deploy.image.trial IMAGE FOLDER [--bundle DIR] [--samples DIR]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.image.container import MEMORY_LIMIT, Container, Image, fresh_folder, mounted_image
from deploy.image.env_file import read_env_file

PORT = 8000
READY_TIMEOUT = 60.0
OWN_FOLDER = Path(__file__).parent
BUILD_TOOLS = ("gcc", "g++", "cc", "c++", "clang", "make", "ld", "pip", "pip3", "uv", "git", "curl")
TRACES_OF_PIP = ("etc/pip.conf", "etc/xdg/pip", "root/.config/pip", "root/.pip", "root/.cache")
OPEN = {"VREID_ALLOW_OPEN": "1"}
EDGE = OWN_FOLDER.parent / "profiles" / "edge.env"
EDGE_MEMORY = 2**30
# Nobody can make a directory there.
NO_CACHE = {"XDG_CACHE_HOME": "/proc/none"}
UNUSED_PLUGINS = ("intel_gpu", "intel_npu", "pytorch_frontend", "tensorflow_frontend")


class TrialError(Exception):
    """The image does not do what it is for; the message says what was seen."""


@dataclass(frozen=True)
class Places:
    """Where the containers find what they work on, and what is mounted for that."""

    bundle: str
    samples: str
    read_only: Mapping[str, Path]


def main() -> None:
    """Run every check; exit with a sentence at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("image")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bundle", type=Path, help="instead of the one in the image")
    parser.add_argument("--samples", type=Path, help="instead of those in the image")
    arguments = parser.parse_args()
    try:
        with mounted_image(arguments.image) as image:
            for passed in trial(image, arguments.folder, arguments.bundle, arguments.samples):
                print(f"  {passed}")
    except TrialError as failure:
        sys.exit(f"image test failed: {failure}")


def trial(image: Image, folder: Path, bundle: Path | None, samples: Path | None) -> Iterator[str]:
    """Yield a sentence for each check that passed.

    Raises:
        TrialError: a check did not pass.
    """
    yield from check_contents(image)
    places = find_places(image, bundle, samples)
    data = fresh_folder(folder.resolve() / "data", image.uid, image.gid)
    runs = fresh_folder(folder.resolve() / "runs", 0, 0)
    yield from check_refusals(image, runs, data, places)
    yield from check_indexing(image, runs, data, places)
    yield from check_search(image, runs, data, places)
    edge = read_env_file(EDGE)
    yield "as profile edge, in 1 GiB of memory, by OpenVINO, without a cache that can be written:"
    edge |= NO_CACHE | {"VREID_ENGINE": "openvino-cpu"}
    yield from check_search(image, runs, data, places, edge, EDGE_MEMORY)


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


def find_places(image: Image, bundle: Path | None, samples: Path | None) -> Places:
    """Return where bundle and samples are: mounted when given, else as the image ships them."""
    read_only = {"/query.py": OWN_FOLDER / "query.py"}
    shipped = next(image.root.glob("opt/vreid/lib/*/site-packages/service/demo"))
    inside = f"/{shipped.relative_to(image.root)}"
    chosen = {"bundle": f"{inside}/bundle", "samples": f"{inside}/samples"}
    for name, given in (("bundle", bundle), ("samples", samples)):
        if given is not None:
            chosen[name] = f"/mounted/{name}"
            read_only[f"/mounted/{name}"] = given
    return Places(chosen["bundle"], chosen["samples"], read_only)


def check_refusals(image: Image, runs: Path, data: Path, places: Places) -> Iterator[str]:
    """Check that the image does not open itself, and that its root cannot be written."""
    refused = Container(image, runs, data=data).run()
    require(
        refused.returncode == 1 and "VREID_ALLOW_OPEN" in refused.stderr,
        f"without VREID_ALLOW_OPEN it should refuse to listen: {refused}",
    )
    attempt = Container(
        image, runs, ["bundle", "verify", places.bundle], data=data, read_only=places.read_only
    )
    verified = attempt.run()
    require(verified.returncode == 0, f"the bundle is damaged: {verified}")
    yield "refuses to listen beyond the container unasked; the bundle's files are whole"


def check_indexing(image: Image, runs: Path, data: Path, places: Places) -> Iterator[str]:
    """Index the sample gallery into /data."""
    source = f"{places.samples}/manifest.csv"
    options = ["--bundle", places.bundle, "--gallery", "/data/gallery", "--json"]
    done = Container(
        image, runs, ["index", source, *options], data=data, read_only=places.read_only
    ).run()
    require(done.returncode == 0, f"indexing failed: {done}")
    counts = json.loads(done.stdout.splitlines()[-1])
    require(counts["indexed"] > 0 and counts["rejected"] == 0, f"indexing: {counts}")
    yield f"indexed {counts['indexed']} samples in {counts['seconds']:.1f} s, offline"


def check_search(
    image: Image,
    runs: Path,
    data: Path,
    places: Places,
    environment: Mapping[str, str] | None = None,
    memory: int = MEMORY_LIMIT,
) -> Iterator[str]:
    """Serve, search with three images, ask the health check, stop."""
    container = Container(
        image,
        runs,
        environment=OPEN | {"VREID_BUNDLE": places.bundle} | dict(environment or {}),
        data=data,
        read_only=places.read_only,
        memory=memory,
    )
    require(image.healthcheck[0] == "CMD", f"no health check in the image: {image.healthcheck}")
    started = time.monotonic()
    with container.running() as process:
        while (check := container.execute(image.healthcheck[1:])).returncode != 0:
            require(
                process.poll() is None and time.monotonic() - started < READY_TIMEOUT,
                f"it is not ready: {check}; {container.log.read_text()}",
            )
            time.sleep(0.2)
        yield f"ready after {time.monotonic() - started:.1f} s by its own health check"

        started = time.monotonic()
        asked = container.execute(["python3", "/query.py", f"{places.samples}/query", str(PORT)])
        require(asked.returncode == 0, f"the search failed: {asked}; {container.log.read_text()}")
        yield describe(json.loads(asked.stdout), expected_identity(image, places))

        container.stop()
        require(process.wait(timeout=60) == 0, f"it did not stop: {container.log.read_text()}")
        yield "stopped in order at SIGTERM"


def expected_identity(image: Image, places: Places) -> str:
    """Return the vehicle that the query's images show."""
    folder = places.read_only.get(places.samples, image.root / places.samples.lstrip("/"))
    identity = json.loads((folder / "query" / "query.json").read_text())["identity"]
    assert isinstance(identity, str)
    return identity


def describe(answer: dict[str, Any], expected: str) -> str:
    """Return the ranked answer in a line.

    Raises:
        TrialError: the first is another vehicle than the query's.
    """
    ranked = [f"{result['identity']} {result['score']:.3f}" for result in answer["results"]]
    require(bool(ranked), "the search found nothing")
    found = answer["results"][0]["identity"]
    require(found == expected, f"the first should be {expected}, the answer is {ranked}")
    return f"three images in, ranked: {', '.join(ranked)}"


def require(condition: bool, sentence: str) -> None:
    """Raise TrialError with `sentence` unless `condition` holds."""
    if not condition:
        raise TrialError(sentence)


if __name__ == "__main__":
    main()
