"""Nobody finds a command in a guide that does not run."""

from pathlib import Path

import pytest

from tests.docs.commands import GUIDES, RECORDED, SECONDS, Block, blocks, run, syntax_error

WRITTEN = [guide for guide in GUIDES if guide.name not in RECORDED]
RUN = [guide for guide in WRITTEN if any(block.is_run(long=False) for block in blocks(guide))]
ALL_BLOCKS = [
    pytest.param(block, id=f"{guide.stem}:{block.line}")
    for guide in WRITTEN
    for block in blocks(guide)
]

# A reader goes on from one to the next in one shell.
IN_A_ROW = [
    guide
    for name in ("first-hour", "camera-pipeline", "go-to-production")
    for guide in GUIDES
    if guide.stem == name
]

pytestmark = [pytest.mark.timeout(2 * SECONDS), pytest.mark.long]


def test_there_are_guides_with_commands() -> None:
    assert len(RUN) >= 4


@pytest.mark.parametrize(
    "guide", [each for each in RUN if each not in IN_A_ROW], ids=lambda guide: guide.stem
)
def test_the_commands_of_a_guide_run_in_order(guide: Path, tmp_path: Path) -> None:
    outcome = run(guide, tmp_path)
    assert outcome.status == 0, outcome.output


def test_a_reader_goes_on_from_guide_to_guide_in_one_shell(tmp_path: Path) -> None:
    assert len(IN_A_ROW) == 3
    outcome = run(IN_A_ROW, tmp_path)
    assert outcome.status == 0, outcome.output


@pytest.mark.parametrize("block", ALL_BLOCKS)
def test_a_block_is_bash_and_its_mark_is_known(block: Block) -> None:
    assert syntax_error(block) == ""
    assert block.is_known, block.mark


def test_a_failing_command_fails_its_guide(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("```bash\nfalse\n```\n\n```bash\necho not reached\n```\n")
    (tmp_path / "root").mkdir()
    outcome = run(guide, tmp_path / "root")
    assert outcome.status == 1
    assert "not reached" not in outcome.output


def test_what_is_marked_is_not_run_and_what_was_started_is_ended(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text(
        "```bash\nsleep 900 &\necho $! >started\n```\n"
        "<!-- not run here: docker -->\n```bash\ntouch marked\n```\n"
        "<!-- takes minutes -->\n```bash\ntouch long\n```\n"
    )
    root = tmp_path / "root"
    root.mkdir()
    assert run(guide, root).status == 0
    assert not (root / "marked").exists()
    assert not (root / "long").exists()
    assert not Path("/proc", (root / "started").read_text().strip()).exists()


def test_a_syntax_error_is_seen() -> None:
    assert syntax_error(Block(1, "if true; then", "")) != ""
