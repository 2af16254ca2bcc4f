"""Prints what the container it runs in may use and do, as JSON, after trying it.

Runs inside the image under test: standard library only.

usage: python inside.py
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
MUST_NOT_WRITE = ("/", "/etc", "/opt", "/opt/vreid", "/usr", "/var", "/root", "/sys", "/proc")
MUST_WRITE = ("/data", "/tmp")


def main() -> None:
    """Print one object."""
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    print(
        json.dumps(
            {
                "uid": os.getuid(),
                "gid": os.getgid(),
                "groups": os.getgroups(),
                "capabilities": {name: status[name] for name in CAPABILITIES},
                "no_new_privileges": status["NoNewPrivs"],
                "memory": first(("memory.max", "memory/memory.limit_in_bytes")),
                "pids": first(("pids.max", "pids/pids.max")),
                "cpus": processors(),
                "written": list(written((*MUST_NOT_WRITE, *MUST_WRITE))),
                "runs_from_tmp": runs_from_tmp(),
                "interfaces": sorted(path.name for path in Path("/sys/class/net").iterdir()),
            }
        )
    )


def first(places: tuple[str, ...]) -> str:
    """Return what the first file that exists under the cgroups says; empty without any."""
    return next(((CGROUPS / p).read_text().strip() for p in places if (CGROUPS / p).exists()), "")


def processors() -> float:
    """Return the processors that the quota allows; 0 without one."""
    quota, _, period = first(("cpu.max",)).partition(" ")
    if not period:
        quota, period = first(("cpu/cpu.cfs_quota_us",)), first(("cpu/cpu.cfs_period_us",))
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else 0.0


def written(places: tuple[str, ...]) -> Iterator[str]:
    """Yield those of the directories in which a file can be made."""
    for place in places:
        path = Path(place) / "written-by-the-trial"
        try:
            path.touch()
            path.unlink()
        except OSError:
            continue
        yield place


def runs_from_tmp() -> bool:
    """Tell whether a program that is put into /tmp can be run."""
    program = Path("/tmp/program")
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    try:
        return subprocess.run([program]).returncode == 0
    except OSError:
        return False
    finally:
        program.unlink()


if __name__ == "__main__":
    main()
