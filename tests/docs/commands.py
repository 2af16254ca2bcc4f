"""The commands of a guide: read from its fenced bash blocks, and run in order as one script.

Each block is run, unless a comment before it says why not:

    <!-- not run here: docker -->     what it needs is not on every machine; its syntax is checked
    <!-- takes minutes -->            run by `python -m tests.docs.commands --long`, syntax checked
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.kept_port import kept_port

REPOSITORY = Path(__file__).parents[2]
GUIDES = sorted((REPOSITORY / "docs" / "guides").glob("*.md"))
RECORDED = frozenset({"first-hour-recording.md"})
"""Guides whose commands are written by the program that ran them."""

SECONDS = 1500.0
"""In which a guide has run: many times what it takes, for machines that are slow or busy."""

_BLOCK = re.compile(r"(?:^<!-- (?P<mark>[^\n]*) -->\n+)?^```bash\n(?P<text>.*?)^```$", re.M | re.S)
_NOT_HERE = "not run here: "
_LONG = "takes minutes"
_PORTS = ("8000", "6379", "9090")
_WRITTEN = frozenset(["build", "bundles", "crops", "mine", "more", "production", "runs", "site"])
"""What guides write, so what whoever followed one has in the repository's folder."""

_END_SECONDS = 300
_BEGINNING = """set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
"""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of commands.

    Attributes:
        line: of the guide, from 1.
        text: the commands.
        mark: what the comment before it says; empty without one.
    """

    line: int
    text: str
    mark: str

    @property
    def is_known(self) -> bool:
        """Whether the mark is none, or one that is understood."""
        return self.mark in ("", _LONG) or self.mark.startswith(_NOT_HERE)

    def is_run(self, long: bool) -> bool:
        """Whether it is run, in a short or in a long run."""
        return self.mark == "" or (long and self.mark == _LONG)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a script ended, and what it wrote (standard output and error together)."""

    status: int
    output: str


def blocks(guide: Path) -> list[Block]:
    """The bash blocks of a guide, in order."""
    text = guide.read_text(encoding="utf-8")
    return [
        Block(text.count("\n", 0, match.start("text")), match["text"], match["mark"] or "")
        for match in _BLOCK.finditer(text)
    ]


def syntax_error(block: Block) -> str:
    """What bash finds wrong with a block; empty when nothing is."""
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    return done.stderr


def run(
    guide: Path | Sequence[Path], directory: Path, long: bool = False, seconds: float = SECONDS
) -> Outcome:
    """Run the blocks of guides as one script, in a directory that looks like the repository's root.

    Ports that they name become free ones; what was started in the background is ended.

    Args:
        guide: to run, or several that are read one after the other in one shell.
        directory: empty; the commands write into it.
        long: whether blocks that take minutes are run too.
        seconds: after which the script has failed.
    """
    for entry in REPOSITORY.iterdir():
        if not entry.name.startswith(".") and entry.name not in _WRITTEN:
            (directory / entry.name).symlink_to(entry)
    parts = [
        f"echo '>>> {each.name}:{block.line}'\n{block.text}"
        for each in ([guide] if isinstance(guide, Path) else guide)
        for block in blocks(each)
        if block.is_run(long)
    ]
    script = "\n".join([_BEGINNING, *parts])
    with ExitStack() as stack:
        for port in _PORTS:
            script = re.sub(rf"\b{port}\b", str(stack.enter_context(kept_port())), script)
        output = stack.enter_context(tempfile.TemporaryFile("w+"))
        bash = stack.enter_context(_group(script, directory, output.fileno()))
        try:
            status = bash.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            status = -1
        output.seek(0)
        return Outcome(status, output.read())


@contextmanager
def _group(script: str, directory: Path, output: int) -> Iterator[subprocess.Popen[bytes]]:
    """Bash in a process group of its own, which has ended when the block ends."""
    bash = subprocess.Popen(
        ["bash", "-c", script],
        cwd=directory,
        env=_environment(directory),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        yield bash
    finally:
        if bash.poll() is None:
            os.killpg(bash.pid, signal.SIGTERM)
        bash.wait(timeout=_END_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(bash.pid, signal.SIGKILL)


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VREID_")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": programs, "HOME": str(home), "PYTHONPATH": str(REPOSITORY)}


def main() -> int:
    """Run every guide that has blocks that take minutes, or those that are named."""
    named = {name for name in sys.argv[1:] if name != "--long"}
    worst = 0
    for guide in GUIDES:
        chosen = guide.name in named if named else any(b.mark == _LONG for b in blocks(guide))
        if not chosen:
            continue
        with tempfile.TemporaryDirectory(prefix="vreid-guide-") as directory:
            outcome = run(guide, Path(directory), "--long" in sys.argv, seconds=3600)
        print(f"{outcome.output}{guide.name}: {outcome.status}", flush=True)
        worst = worst or outcome.status
    return worst


if __name__ == "__main__":
    sys.exit(main())
