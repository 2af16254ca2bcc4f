"""The recorded first hour: what its page is made of, and that it is of the steps as they are."""

from pathlib import Path

import pytest

from docs.recording.console import SHOTS
from docs.recording.page import Recording, plain
from docs.recording.steps import AFTER_THE_CONSOLE, PORT, WITH_LOOPBACK, WITHOUT_NETWORK, Step

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "guides" / "first-hour-recording.md"
PICTURES = DOCS / "images" / "first-hour"
STEPS = (*WITHOUT_NETWORK, *WITH_LOOPBACK, *AFTER_THE_CONSOLE)


def test_the_page_has_every_command_of_the_steps_in_order() -> None:
    text = PAGE.read_text(encoding="utf-8")
    at = 0
    for step in STEPS:
        at = text.index(f"\n## {step.heading}\n", at)
        for command in step.commands:
            # The port is the one that was free.
            at = text.index(f"\n{command.partition(PORT)[0]}", at)


def test_the_page_shows_every_picture_and_they_are_small() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in SHOTS if f"first-hour/{name}.webp" not in text] == []
    assert sorted(path.stem for path in PICTURES.iterdir()) == sorted(SHOTS)
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 1_000_000


def test_what_is_of_this_machine_is_not_written(tmp_path: Path) -> None:
    recording = Recording([])
    recording.begin(Step("Look", "", ()))
    recording.command("pwd", "/somewhere/private")
    recording.forbid(["/somewhere"])
    with pytest.raises(ValueError, match="nothing written"):
        recording.write(tmp_path / "page.md")
    assert list(tmp_path.iterdir()) == []


def test_a_page_shows_what_a_terminal_showed() -> None:
    assert plain("\x1b[31mred\x1b[0m\n 1%\r 50%\r100%") == "red\n100%"


def test_a_long_output_is_cut_where_it_says_so(tmp_path: Path) -> None:
    recording = Recording([])
    recording.command("seq 100", "\n".join(map(str, range(100))))
    recording.write(tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "\n69\n... 30 more lines\n" in text
