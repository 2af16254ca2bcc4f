"""Looks into a built image, then runs the compose file's service of it, and searches in it.

What runs, as whom, with which environment, bounds and volumes is read from deploy/compose.yaml.

usage: python -m deploy.image.trial IMAGE FOLDER [--bundle DIR] [--samples DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.image.compose_service import ComposeService, compose_service
from deploy.image.container import Container, Image, fresh_folder, mounted_image
from deploy.image.contents import check_contents
from deploy.image.inside import MUST_WRITE
from deploy.image.trial_error import TrialError, require

PORT = 8000
READY_TIMEOUT = 300.0
OWN_FOLDER = Path(__file__).parent
# Nobody can make a directory there.
NO_CACHE = {"XDG_CACHE_HOME": "/proc/none"}
KILLED = 128 + 9


@dataclass(frozen=True)
class Trial:
    """What every check works with.

    Attributes:
        image: the image under test.
        service: of the compose files.
        runs: where containers' configurations are written.
        volumes: directories of the host by the place of the service's volumes.
        read_only: what is mounted besides.
        bundle: where the containers find it.
        samples: where the containers find the sample gallery.
    """

    image: Image
    service: ComposeService
    runs: Path
    volumes: Mapping[str, Path]
    read_only: Mapping[str, Path]
    bundle: str
    samples: str

    def container(
        self,
        arguments: Sequence[str] | None = None,
        entrypoint: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Container:
        """Return one container of the service, as `compose run` makes it.

        Args:
            arguments: in place of the service's command.
            entrypoint: in place of the image's.
            environment: set over the service's.
        """
        return Container(
            self.image,
            self.runs,
            self.service.bounds,
            self.service.command if arguments is None else arguments,
            entrypoint=entrypoint,
            environment=self.service.environment | dict(environment or {}),
            volumes=self.volumes,
            read_only=self.read_only,
        )


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
    server = prepare(image, folder.resolve() / "server", bundle, samples, "compose.yaml")
    yield from check_refusals(server)
    key = make_key(server)
    yield from check_indexing(server)
    yield "the compose file's service, with API keys:"
    yield from check_search(server, key)

    edge = prepare(
        image, folder.resolve() / "edge", bundle, samples, "compose.yaml", "compose.edge.yaml"
    )
    yield "with the profile edge over it, by OpenVINO, without a cache that can be written:"
    key = make_key(edge)
    yield from check_indexing(edge)
    yield from check_search(edge, key, NO_CACHE | {"VREID_ENGINE": "openvino-cpu"})
    yield from check_memory_bound(edge)


def prepare(
    image: Image, folder: Path, bundle: Path | None, samples: Path | None, *files: str
) -> Trial:
    """Return a trial of the service that the compose files describe, with empty volumes."""
    # As the comment in the file says: no more than the machine has.
    service = compose_service(files, {"VREID_CPUS": str(min(4, os.cpu_count() or 1))})
    require(set(service.volumes) == {"/data"}, f"its volumes are {service.volumes}")
    read_only = {f"/{name}": OWN_FOLDER / name for name in ("query.py", "inside.py", "grow.py")}
    shipped = next(image.root.glob("opt/vreid/lib/*/site-packages/service/demo"))
    inside = f"/{shipped.relative_to(image.root)}"
    places = {"bundle": f"{inside}/bundle", "samples": f"{inside}/samples"}
    for name, given in (("bundle", bundle), ("samples", samples)):
        if given is not None:
            places[name] = f"/mounted/{name}"
            read_only[places[name]] = given
    if bundle is not None:
        service.environment["VREID_BUNDLE"] = places["bundle"]
    return Trial(
        image,
        service,
        runs=fresh_folder(folder / "runs", 0, 0),
        volumes={
            volume: fresh_folder(folder / volume.strip("/"), image.uid, image.gid)
            for volume in service.volumes
        },
        read_only=read_only,
        bundle=places["bundle"],
        samples=places["samples"],
    )


def check_refusals(trial: Trial) -> Iterator[str]:
    """Check that the image by itself does not open itself, and that its bundle is whole."""
    alone = Container(trial.image, trial.runs, trial.service.bounds, volumes=trial.volumes)
    refused = alone.run()
    require(
        refused.returncode == 1 and "VREID_ALLOW_OPEN" in refused.stderr,
        f"without keys and VREID_ALLOW_OPEN it should refuse to listen: {refused}",
    )
    verified = trial.container(["bundle", "verify", trial.bundle]).run()
    require(verified.returncode == 0, f"the bundle is damaged: {verified}")
    yield "refuses to listen beyond the container unasked; the bundle's files are whole"


def make_key(trial: Trial) -> str:
    """Make a key as compose.yaml's first lines say, and return it."""
    made = trial.container(["keys", "create", "trial", "--role", "search"]).run()
    require(made.returncode == 0, f"no key was made: {made}")
    return made.stdout.strip()


def check_indexing(trial: Trial) -> Iterator[str]:
    """Index the sample gallery into the service's own."""
    options = ["--bundle", trial.bundle, "--gallery", "/data/gallery", "--json"]
    done = trial.container(["index", f"{trial.samples}/manifest.csv", *options]).run()
    require(done.returncode == 0, f"indexing failed: {done}")
    counts = json.loads(done.stdout.splitlines()[-1])
    require(counts["indexed"] > 0 and counts["rejected"] == 0, f"indexing: {counts}")
    yield f"indexed {counts['indexed']} samples in {counts['seconds']:.1f} s, offline"


def check_search(
    trial: Trial, key: str, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve, search with three images and a key, look at the bounds from inside, stop."""
    container = trial.container(environment=environment)
    health = trial.service.health
    require(
        trial.image.healthcheck == ["CMD", *health], f"the image's is {trial.image.healthcheck}"
    )
    started = time.monotonic()
    with container.running() as process:
        while (check := container.execute(health)).returncode != 0:
            require(
                process.poll() is None and time.monotonic() - started < READY_TIMEOUT,
                f"it is not ready: {check}; {container.log.read_text()}",
            )
            time.sleep(0.2)
        yield f"ready after {time.monotonic() - started:.1f} s by its own health check"

        seen = container.execute(["python3", "/inside.py"])
        require(seen.returncode == 0, f"it cannot be looked into: {seen}")
        yield check_bounds(trial, json.loads(seen.stdout))

        query = ["python3", "/query.py", f"{trial.samples}/query", str(PORT)]
        refused = container.execute(query)
        require("401" in refused.stderr, f"without a key it should answer 401: {refused}")
        asked = container.execute(query, {"VREID_API_KEY": key})
        require(asked.returncode == 0, f"the search failed: {asked}; {container.log.read_text()}")
        yield describe(json.loads(asked.stdout), expected_identity(trial))

        stopped = time.monotonic()
        container.stop()
        status = process.wait(timeout=trial.service.stop_seconds)
        require(status == 0, f"it did not stop in order: {container.log.read_text()}")
        yield f"stopped in order {time.monotonic() - stopped:.1f} s after SIGTERM"


def check_bounds(trial: Trial, seen: Mapping[str, Any]) -> str:
    """Compare what is in force inside with the compose file.

    Args:
        trial: with the service's bounds.
        seen: what `inside.py` printed.

    Raises:
        TrialError: a bound is not in force.
    """
    bounds = trial.service.bounds
    require(seen["uid"] == trial.image.uid != 0, f"it runs as user {seen['uid']}")
    require(seen["groups"] in ([], [trial.image.gid]), f"it has the groups {seen['groups']}")
    require(
        set(seen["capabilities"].values()) == {"0" * 16} and not bounds.capabilities,
        f"it has capabilities: {seen['capabilities']}",
    )
    require(seen["no_new_privileges"] == "1", "a program may give it more rights")
    require(seen["memory"] == str(bounds.memory), f"its memory is {seen['memory']}")
    require(seen["pids"] == str(bounds.pids), f"its bound of processes is {seen['pids']}")
    require(abs(seen["cpus"] - bounds.cpus) < 0.01, f"its processors are {seen['cpus']}")
    places = {*trial.service.volumes, *bounds.in_memory}
    require(
        seen["written"] == [place for place in MUST_WRITE if place in places],
        f"it can write into {seen['written']}",
    )
    require(not seen["runs_from_tmp"], "what is written to /tmp can be run")
    return (
        f"user {seen['uid']}, no capability, {bounds.memory / 2**30:g} GiB, {bounds.cpus:g} "
        f"processors, {bounds.pids} processes; writes into {', '.join(seen['written'])} only"
    )


def check_memory_bound(trial: Trial) -> Iterator[str]:
    """Check that a process that takes more than the bound is ended, and one below is not."""
    for share, expected in ((0.5, 0), (1.1, KILLED)):
        taken = str(int(share * trial.service.bounds.memory))
        done = trial.container([taken], entrypoint=["python3", "/grow.py"]).run()
        require(done.returncode == expected, f"taking {taken} bytes ended with {done}")
    yield "half of its memory may be taken; a process that takes a tenth too much is killed"


def expected_identity(trial: Trial) -> str:
    """Return the vehicle that the query's images show."""
    folder = trial.read_only.get(trial.samples, trial.image.root / trial.samples.lstrip("/"))
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


if __name__ == "__main__":
    main()
