"""Keeping glibc's allocator from giving memory back that the next step asks for again.

Two thirds of a training step on CPU are page faults with the default settings: activations are
allocated by mmap and unmapped after use. The settings are read when a process starts, so the
command starts itself again with them, once.
"""

import os
import platform
import sys
from pathlib import Path

import torch

SETTINGS = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "8589934592"}


def restart_with_tuned_allocator(accelerator: str) -> None:
    """Replaces this process by the same command with the settings, where they help.

    That is on glibc, when training on CPU, when none of the settings is given already, and when
    this process is the `vreid` command (not a program that calls it).
    """
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.cuda.is_available())
    is_command = Path(sys.argv[0]).name == "vreid"
    given = any(name in os.environ for name in SETTINGS)
    if on_cpu and is_command and not given and platform.libc_ver()[0] == "glibc":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **SETTINGS})
