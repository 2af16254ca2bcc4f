"""A shell in another root, which is told one command after the other."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_MARK = "=== the command has ended with status"
_END_SECONDS = 60
_ENVIRONMENT = ("PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/root", "LANG=C.UTF-8")
_ENTER = """
hostname site
mount -t proc proc "$0/proc"
exec env -i "$@" chroot "$0" bash
"""


class CommandFailed(Exception):
    """A command ended with a status besides 0."""


class Session:
    """Bash in a root of its own, as root, with processes that end with it.

    Args:
        root: of its file system.
        has_network: whether it has the interfaces of this machine; else it has none.
    """

    def __init__(self, root: Path, has_network: bool) -> None:
        separate = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        if not has_network:
            separate.append("--net")
        enter = ["sh", "-ec", _ENTER, str(root), *_ENVIRONMENT]
        self._bash = subprocess.Popen(
            ["unshare", *separate, "--", *enter],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.run("cd /root")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._bash.stdin is not None
        # The shell is the first process of its namespace: what it started ends with it.
        self._bash.stdin.close()
        self._bash.wait(timeout=_END_SECONDS)

    def run(self, command: str) -> str:
        """Run a command; returns what it wrote.

        Raises:
            CommandFailed: its status is not 0, or the shell has ended.
        """
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f'{command}\necho; echo "{_MARK} $?"\n')
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(_MARK):
                output = "".join(lines).rstrip()
                if line.removeprefix(_MARK).strip() != "0":
                    raise CommandFailed(f"{command}\n{output}\n{line}")
                return output
            lines.append(line)
        raise CommandFailed(f"{command}\n{''.join(lines)}\nthe shell has ended")
