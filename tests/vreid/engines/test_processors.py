import os
from pathlib import Path

import pytest

from vreid.engines.processors import cgroup_quota, usable_processors


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_no_more_processors_are_used_than_the_affinity_allows() -> None:
    allowed = os.sched_getaffinity(0)
    assert 1 <= usable_processors() <= len(allowed)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert usable_processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_container_of_version_2_sees_its_quota_at_the_root(tmp_path: Path) -> None:
    written(tmp_path / "cgroup", "0::/\n")
    written(tmp_path / "fs/cpu.max", "150000 100000\n")
    assert cgroup_quota(tmp_path / "fs", tmp_path / "cgroup") == 1.5


def test_a_service_of_version_2_sees_its_own_group(tmp_path: Path) -> None:
    written(tmp_path / "cgroup", "0::/system.slice/vreid.service\n")
    written(tmp_path / "fs/system.slice/vreid.service/cpu.max", "200000 100000\n")
    assert cgroup_quota(tmp_path / "fs", tmp_path / "cgroup") == 2


def test_the_tightest_quota_on_the_way_up_counts(tmp_path: Path) -> None:
    written(tmp_path / "cgroup", "0::/a/b\n")
    written(tmp_path / "fs/a/cpu.max", "50000 100000\n")
    written(tmp_path / "fs/a/b/cpu.max", "400000 100000\n")
    assert cgroup_quota(tmp_path / "fs", tmp_path / "cgroup") == 0.5


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_version_1_tells_quota_and_period_in_two_files(tmp_path: Path, mount: str) -> None:
    written(tmp_path / "cgroup", "5:memory:/x\n4:cpu,cpuacct:/docker/7\n")
    written(tmp_path / f"fs/{mount}/docker/7/cpu.cfs_quota_us", "300000\n")
    written(tmp_path / f"fs/{mount}/docker/7/cpu.cfs_period_us", "100000\n")
    assert cgroup_quota(tmp_path / "fs", tmp_path / "cgroup") == 3


def test_no_quota_is_none_in_both_versions(tmp_path: Path) -> None:
    written(tmp_path / "cgroup", "4:cpu:/\n0::/\n")
    written(tmp_path / "fs/cpu.max", "max 100000\n")
    written(tmp_path / "fs/cpu/cpu.cfs_quota_us", "-1\n")
    written(tmp_path / "fs/cpu/cpu.cfs_period_us", "100000\n")
    assert cgroup_quota(tmp_path / "fs", tmp_path / "cgroup") is None


@pytest.mark.parametrize("text", ["", "nonsense", "1:2", "100000", "100000 0"])
def test_files_of_another_form_are_no_quota(tmp_path: Path, text: str) -> None:
    written(tmp_path / "cgroup", text)
    written(tmp_path / "fs/cpu.max", text)
    assert cgroup_quota(tmp_path / "fs", tmp_path / "cgroup") is None


def test_a_machine_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    assert cgroup_quota(tmp_path / "absent", tmp_path / "absent") is None
