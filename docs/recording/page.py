"""The page made of what was seen; nothing in it tells which machine it was."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from docs.recording.steps import Step

_LONGEST = 70
"""Lines of one output that are shown."""

_INTRODUCTION = """# First hour, recorded

What each command said, in an empty Debian without a network, and what the console showed in
Chromium. Written by `docs/recording/record.sh`, which did all of it; nothing is typed by hand. Long
outputs are cut where it says so. The guide with the reasons: [First hour](first-hour.md).
"""


class Recording:
    """Collects what is done, as Markdown.

    Args:
        secrets: texts that must not stand in the page, such as paths of this machine.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._parts = [_INTRODUCTION]
        self._silent: list[str] = []
        self._secrets = [*secrets, platform.node()]

    def begin(self, step: Step) -> None:
        """Open a section."""
        self._close()
        self._parts.append(f"## {step.heading}\n" + (f"\n{step.words}\n" if step.words else ""))

    def command(self, command: str, output: str) -> None:
        """Add a command and what it wrote; those that write nothing share a block with the next."""
        self._silent.append(command)
        if output:
            self._close()
            self._parts.append(f"```text\n{_shortened(plain(output))}\n```\n")

    def pictures(self, heading: str, shown: Iterable[tuple[str, str]]) -> None:
        """Add pictures of a section, each with the words under it."""
        self._close()
        self._parts.append(f"## {heading}\n")
        self._parts += [
            f"{words}\n\n![{words}](../images/first-hour/{name}.webp)\n" for name, words in shown
        ]

    def forbid(self, secrets: Iterable[str]) -> None:
        """Let more texts not stand in the page, such as keys."""
        self._secrets += secrets

    def write(self, path: Path) -> None:
        """Write the page.

        Raises:
            ValueError: something of this machine is in it.
        """
        self._close()
        text = "\n".join(self._parts)
        found = [secret for secret in self._secrets if secret and secret in text]
        if found:
            raise ValueError(f"{len(found)} texts of this machine are in the page; nothing written")
        path.write_text(text, encoding="utf-8")

    def _close(self) -> None:
        """End the block of commands."""
        if self._silent:
            self._parts.append("\n".join(["```bash", *self._silent, "```\n"]))
            self._silent = []


def plain(output: str) -> str:
    """An output without colours and without lines that were overwritten, such as progress bars."""
    without_colours = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", output)
    return "\n".join(line.rpartition("\r")[2].rstrip() for line in without_colours.split("\n"))


def _shortened(output: str) -> str:
    lines = output.split("\n")
    if len(lines) <= _LONGEST:
        return output
    return "\n".join([*lines[:_LONGEST], f"... {len(lines) - _LONGEST} more lines"])
