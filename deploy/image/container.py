"""Runs a built image as a bounded container with buildah and runc: no engine, no registry.

The container has what its bounds allow, and no network but a loopback interface of its own. What
can be written is its volumes and what its bounds place in memory.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMESPACES = ("pid", "network", "ipc", "uts", "mount")
WRITABLE = "rw,nosuid,nodev"
CPU_PERIOD = 100_000
"""Microseconds over which a share of processors is counted."""


@dataclass(frozen=True)
class Bounds:
    """What a container may use and do.

    Attributes:
        memory: bytes that its processes may hold together.
        memory_and_swap: bytes with swap; None leaves swap alone.
        cpus: processors.
        pids: processes and threads.
        read_only: whether its root can be written by nobody.
        in_memory: options of the file systems in memory, by place.
        capabilities: of root's rights, those it has.
        no_new_privileges: whether a program may give it more.
    """

    memory: int
    memory_and_swap: int | None
    cpus: float
    pids: int
    read_only: bool
    in_memory: Mapping[str, str]
    capabilities: tuple[str, ...]
    no_new_privileges: bool


@dataclass(frozen=True)
class Image:
    """A built image whose files are mounted: its root directory and its configuration."""

    root: Path
    entrypoint: list[str]
    command: list[str]
    healthcheck: list[str]
    environment: list[str]
    labels: dict[str, str]
    uid: int
    gid: int
    working_directory: str

    def size(self) -> int:
        """Return the bytes of all files, each counted once however many links it has."""
        sizes = {}
        for path in self.root.rglob("*"):
            status = path.lstat()
            sizes[status.st_ino] = status.st_size
        return sum(sizes.values())


@contextmanager
def mounted_image(name: str) -> Iterator[Image]:
    """Mount the image called `name` for the length of the block."""
    described = json.loads(_output("buildah", "inspect", "--type", "image", name))
    config = described["Docker"]["config"]
    uid, gid = config["User"].split(":")
    container = _output("buildah", "from", "--pull-never", name)
    try:
        yield Image(
            root=Path(_output("buildah", "mount", container)),
            entrypoint=config["Entrypoint"],
            command=config["Cmd"],
            healthcheck=config["Healthcheck"]["Test"],
            environment=config["Env"],
            labels=config["Labels"],
            uid=int(uid),
            gid=int(gid),
            working_directory=config["WorkingDir"],
        )
    finally:
        subprocess.run(["buildah", "rm", container], check=True, stdout=subprocess.DEVNULL)


class Container:
    """One container of an image.

    Args:
        image: what to run.
        folder: where the container's configuration is written.
        bounds: what it may use and do.
        arguments: what follows the entrypoint; None takes the image's command.
        entrypoint: in place of the image's.
        environment: set over the image's.
        volumes: directories of the host by the place where the container sees and writes them.
        read_only: the same, which it cannot write.
    """

    def __init__(
        self,
        image: Image,
        folder: Path,
        bounds: Bounds,
        arguments: Sequence[str] | None = None,
        *,
        entrypoint: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        volumes: Mapping[str, Path] | None = None,
        read_only: Mapping[str, Path] | None = None,
    ) -> None:
        self.name = f"vreid-image-test-{uuid.uuid4().hex[:12]}"
        self.folder = folder / self.name
        self.folder.mkdir(parents=True)
        command = list(image.entrypoint if entrypoint is None else entrypoint)
        command += image.command if arguments is None else arguments
        mounts = [_bind(path, place, WRITABLE) for place, path in (volumes or {}).items()]
        mounts += [_bind(path, place, "ro") for place, path in (read_only or {}).items()]
        configuration = _configuration(image, command, environment or {}, mounts, bounds)
        (self.folder / "config.json").write_text(json.dumps(configuration, indent=2))

    def run(self, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run to its end and return what it printed."""
        try:
            return subprocess.run(
                ["runc", "run", "--bundle", str(self.folder), self.name],
                capture_output=True,
                text=True,
                timeout=timeout,
                stdin=subprocess.DEVNULL,
            )
        finally:
            self._forget()

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """Run beside the block; what it prints goes to `log`. Killed at the end if still there."""
        with self.log.open("w") as log:
            process = subprocess.Popen(
                ["runc", "run", "--bundle", str(self.folder), self.name],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
            )
            try:
                yield process
            finally:
                self._forget()
                process.wait()

    @property
    def log(self) -> Path:
        """Where `running` writes what the container prints."""
        return self.folder / "log"

    def execute(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one more command inside, as the image's user."""
        variables = [
            part
            for name, value in (environment or {}).items()
            for part in ("-e", f"{name}={value}")
        ]
        return subprocess.run(
            ["runc", "exec", *variables, self.name, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def stop(self) -> None:
        """Ask it to end, as an orchestrator does."""
        subprocess.run(["runc", "kill", self.name, "TERM"], check=True)

    def _forget(self) -> None:
        subprocess.run(["runc", "delete", "--force", self.name], capture_output=True)


def fresh_folder(path: Path, uid: int, gid: int) -> Path:
    """Make `path` an empty directory that belongs to the given user."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    shutil.chown(path, uid, gid)
    return path


def _configuration(
    image: Image,
    command: Sequence[str],
    environment: Mapping[str, str],
    mounts: Sequence[Mapping[str, Any]],
    bounds: Bounds,
) -> dict[str, Any]:
    """Return an OCI runtime configuration; what it does not name, the container does not get."""
    sets = ("bounding", "effective", "permitted") if bounds.capabilities else ()
    memory: dict[str, int] = {"limit": bounds.memory}
    if bounds.memory_and_swap is not None and _counts_swap():
        memory["swap"] = bounds.memory_and_swap
    return {
        "ociVersion": "1.0.2",
        "hostname": "vreid",
        "root": {"path": str(image.root), "readonly": bounds.read_only},
        "process": {
            "terminal": False,
            "args": list(command),
            "cwd": image.working_directory,
            "env": [*image.environment, *(f"{key}={value}" for key, value in environment.items())],
            "user": {"uid": image.uid, "gid": image.gid},
            "capabilities": {name: list(bounds.capabilities) for name in sets},
            "noNewPrivileges": bounds.no_new_privileges,
        },
        "mounts": [
            _special("/proc", "proc", "nosuid,noexec,nodev"),
            _special("/dev", "tmpfs", "nosuid,mode=755,size=65536k"),
            _special("/dev/shm", "tmpfs", "nosuid,noexec,nodev,mode=1777,size=65536k"),
            _special("/sys", "sysfs", "nosuid,noexec,nodev,ro"),
            _special("/sys/fs/cgroup", "cgroup", "nosuid,noexec,nodev,ro"),
            *(_special(place, "tmpfs", options) for place, options in bounds.in_memory.items()),
            *mounts,
        ],
        "linux": {
            "namespaces": [{"type": namespace} for namespace in NAMESPACES],
            "resources": {
                "memory": memory,
                "cpu": {"quota": int(bounds.cpus * CPU_PERIOD), "period": CPU_PERIOD},
                "pids": {"limit": bounds.pids},
            },
        },
    }


def _counts_swap() -> bool:
    """Tell whether this kernel bounds swap: the second version of cgroups does, the first may."""
    cgroups = Path("/sys/fs/cgroup")
    return (cgroups / "cgroup.controllers").exists() or (
        cgroups / "memory" / "memory.memsw.limit_in_bytes"
    ).exists()


def _special(destination: str, kind: str, options: str) -> dict[str, Any]:
    return {
        "destination": destination,
        "type": kind,
        "source": kind,
        "options": options.split(","),
    }


def _bind(source: Path, destination: str, options: str) -> dict[str, Any]:
    return {
        "destination": destination,
        "type": "bind",
        "source": str(source.resolve()),
        "options": ["rbind", *options.split(",")],
    }


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
