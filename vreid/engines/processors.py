"""How many processors this process may use: the machine's, less affinity and cgroup quota."""

import math
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def usable_processors() -> int:
    """Processors that this process may keep busy, at least 1.

    Inference libraries count the machine's processors and start as many threads. In a container
    with a quota those threads fight over a fraction of the time.
    """
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        available = os.cpu_count() or 1
    quota = cgroup_quota(_CGROUPS, _OWN_CGROUP)
    return available if quota is None else max(1, min(available, math.ceil(quota)))


def cgroup_quota(cgroups: Path, own_cgroup: Path) -> float | None:
    """Processors that the control group's quota allows, or None without a quota.

    Reads version 2 (``cpu.max``) and version 1 (``cpu.cfs_quota_us``); the tightest quota on the
    way up from this process's own group counts.

    Args:
        cgroups: where the control groups are mounted.
        own_cgroup: the file that names this process's groups, one ``id:controllers:path`` a line.
    """
    quotas = [
        quota
        for mount, group in _cpu_groups(cgroups, own_cgroup)
        for directory in (group, *group.parents)
        if directory.is_relative_to(mount)
        and (quota := _version_2(directory) or _version_1(directory)) is not None
    ]
    return min(quotas, default=None)


def _cpu_groups(cgroups: Path, own_cgroup: Path) -> list[tuple[Path, Path]]:
    """Mount and directory of each group that could limit processors.

    Inside a container the mount shows the own group as its root, so the root always counts.
    """
    mounts = [cgroups, cgroups / "cpu", cgroups / "cpu,cpuacct"]
    groups = [(mount, mount) for mount in mounts]
    for line in _text(own_cgroup).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        inner = path.lstrip("/")
        if controllers == "":
            groups.append((cgroups, cgroups / inner))
        elif "cpu" in controllers.split(","):
            groups.extend((mount, mount / inner) for mount in mounts[1:])
    return groups


def _version_2(directory: Path) -> float | None:
    words = _text(directory / "cpu.max").split()
    if len(words) != 2 or words[0] == "max":
        return None
    return _ratio(words[0], words[1])


def _version_1(directory: Path) -> float | None:
    return _ratio(
        _text(directory / "cpu.cfs_quota_us").strip(),
        _text(directory / "cpu.cfs_period_us").strip(),
    )


def _ratio(quota: str, period: str) -> float | None:
    """Quota over period; None for no quota (-1) or anything that is no number."""
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
