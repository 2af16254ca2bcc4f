"""Reads a Dockerfile into its stages, as far as the tests ask about them."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """One `FROM ... AS name` and the instructions under it."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """Return the arguments of each `instruction` of this stage, in order."""
        return [arguments for name, arguments in self.instructions if name == instruction]

    def last_list(self, instruction: str) -> list[str]:
        """Return the last `instruction`, which must be in its JSON form."""
        words = json.loads(self.all(instruction)[-1])
        assert isinstance(words, list)
        return words

    def environment(self) -> dict[str, str]:
        """Return what this stage's ENV instructions set."""
        words = [word for arguments in self.all("ENV") for word in shlex.split(arguments)]
        return dict(word.split("=", 1) for word in words)

    def debian_packages(self) -> set[str]:
        """Return the packages that this stage's RUN instructions install by apt-get."""
        packages: set[str] = set()
        for command in self.all("RUN"):
            for words in re.findall(r"apt-get install ([^&|;]*)", command):
                packages |= {word for word in words.split() if not word.startswith("-")}
        return packages


def read_stages(path: Path) -> dict[str, Stage]:
    """Return the stages of a Dockerfile by name, in order."""
    stages: dict[str, Stage] = {}
    current: Stage | None = None
    for instruction, arguments in _instructions(path.read_text()):
        if instruction == "FROM":
            base, _, name = arguments.split()
            current = stages[name] = Stage(name, base)
        elif current is not None:
            current.instructions.append((instruction, arguments))
    return stages


def lineage(stages: dict[str, Stage], name: str) -> list[Stage]:
    """Return the stage called `name` and those that it is built on, the outermost base first."""
    chain = [stages[name]]
    while chain[0].base in stages:
        chain.insert(0, stages[chain[0].base])
    return chain


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    words = [line.strip().split(maxsplit=1) for line in joined.splitlines()]
    return [(instruction.upper(), arguments) for instruction, arguments in words]
