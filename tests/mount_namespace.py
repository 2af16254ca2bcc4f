"""A program with mounts of its own: a full disk, or one that cannot be written, for it alone."""

import subprocess


def own_mounts() -> list[str]:
    """Return the command before which a program may mount what it likes.

    Root may do so by itself, unless it is root of a container without that right; others need a
    user namespace, which not every system gives.
    """
    plain = ["unshare", "--mount"]
    is_enough = subprocess.run([*plain, "true"], capture_output=True).returncode == 0
    return plain if is_enough else [*plain, "--map-root-user"]
