"""Does the first hour in a root and writes the page: `python -m docs.recording ROOT`."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from docs.recording.console import SHOTS, visit
from docs.recording.page import Recording
from docs.recording.session import Session
from docs.recording.steps import AFTER_THE_CONSOLE, PORT, WITH_LOOPBACK, WITHOUT_NETWORK, Step

DOCS = Path(__file__).parents[1]
PAGE = DOCS / "guides" / "first-hour-recording.md"
PICTURES = DOCS / "images" / "first-hour"


def main(root: Path) -> None:
    """Install without a network, then do the rest with loopback alone shared, for the browser."""
    port = free_port()
    with Session(root, has_network=False) as session:
        recording = Recording([str(root), str(root.parent)])
        do(WITHOUT_NETWORK, session, recording, port)
    with Session(root, has_network=True) as session:
        do(WITH_LOOPBACK, session, recording, port)
        query = root / session.run("readlink -f $SHARE").lstrip("/") / "samples" / "query"
        visit(f"http://127.0.0.1:{port}", session.run("echo $OPERATOR"), query, PICTURES)
        recording.pictures("In the browser", SHOTS.items())
        do(AFTER_THE_CONSOLE, session, recording, port)
        recording.forbid([session.run("echo $OPERATOR"), session.run("echo $CAMERA")])
    recording.write(PAGE)
    print(PAGE.relative_to(DOCS.parent))


def do(steps: Iterable[Step], session: Session, recording: Recording, port: int) -> None:
    """Run steps and record what they said."""
    for step in steps:
        recording.begin(step)
        for template in step.commands:
            command = template.replace(PORT, str(port))
            print(f"$ {command}", flush=True)
            recording.command(command, session.run(command))


def free_port() -> int:
    """8000, which a reader knows, or another where something listens there."""
    for wanted in (8000, 0):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(listener.getsockname()[1])
    raise OSError("no port is free")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
