"""How the machine is divided between cells, and what their processes are told."""

import os

import pytest

from training.ablation.children import Slot, environment, slots
from training.allocator import SETTINGS


def test_jobs_share_the_cores_and_take_turns_on_the_devices() -> None:
    cores = len(os.sched_getaffinity(0))
    assert slots(None, ()) == [Slot(0, cores)]
    assert [slot.device for slot in slots(3, ("0", "1"))] == ["0", "1", "0"]
    assert [slot.device for slot in slots(None, ("0", "1"))] == ["0", "1"]
    assert {slot.threads for slot in slots(1000, ())} == {1}


@pytest.mark.parametrize("on_cpu", [True, False])
def test_the_allocator_is_tuned_on_cpu_only(on_cpu: bool) -> None:
    own = environment(Slot(0, 2), on_cpu, {})
    assert (SETTINGS.items() <= own.items()) is on_cpu
    assert own["OMP_NUM_THREADS"] == "2"
    assert "CUDA_VISIBLE_DEVICES" not in own


def test_what_the_user_set_stays_but_the_device_is_the_slots() -> None:
    given = {"OMP_NUM_THREADS": "7", "CUDA_VISIBLE_DEVICES": "3", "HOME": "here"}
    own = environment(Slot(0, 2, "1"), False, given)
    assert (own["OMP_NUM_THREADS"], own["HOME"]) == ("7", "here")
    assert own["CUDA_VISIBLE_DEVICES"] == "1"
