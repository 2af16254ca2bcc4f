"""The runbooks' commands, run in order on a site of their own."""

import re
from pathlib import Path

import pytest
import yaml

from tests.docs.commands import SECONDS, Block, blocks, run, syntax_error

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "runbooks.md"
RULES = REPOSITORY / "deploy" / "prometheus" / "vreid.rules.yml"
PROCEDURES = (
    "Disk full",
    "Backup",
    "Restore",
    "Upgrade",
    "Rollback",
    "Upgrade without internet",
    "Key rotation",
    "Certificate renewal",
    "Moving to a new machine",
)


def headings() -> list[str]:
    return re.findall(r"^## (.*)", PAGE.read_text(), re.MULTILINE)


@pytest.mark.timeout(2 * SECONDS)
def test_the_commands_run_in_order_and_do_what_they_say(tmp_path: Path) -> None:
    outcome = run(PAGE, tmp_path)
    assert outcome.status == 0, outcome.output
    site = tmp_path / "site"
    assert (site / "restored" / "gallery.sqlite3").is_file()
    assert "revoked" in outcome.output
    (backup,) = (site / "backups").glob("*Z")
    assert (backup / "manifest.json").is_file()


@pytest.mark.parametrize("block", blocks(PAGE), ids=lambda block: f"line {block.line}")
def test_a_block_is_bash_and_its_mark_is_known(block: Block) -> None:
    assert syntax_error(block) == ""
    assert block.is_known, block.mark


def test_there_is_a_section_for_each_procedure_and_each_alert() -> None:
    rules = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for group in rules for rule in group["rules"] if "alert" in rule}
    assert {*PROCEDURES, *alerts} <= set(headings())
