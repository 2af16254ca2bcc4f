"""Commands that comments of the deployment files tell an operator to run."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.keys.command import keys
from service.keys.key import ROLES

DEPLOY = Path(__file__).parents[2] / "deploy"
COMMAND = re.compile(r"\bkeys (create [a-z][a-z0-9-]* --role [^\n(>]*)")
FILES = sorted(
    path
    for path in DEPLOY.rglob("*")
    if path.suffix in (".yaml", ".yml", ".service", ".md", ".env") and path.is_file()
)
TOLD = [
    pytest.param(match[1].strip(), id=f"{path.relative_to(DEPLOY)}: {match[1].strip()}")
    for path in FILES
    for match in COMMAND.finditer(path.read_text(encoding="utf-8"))
]


def test_files_tell_how_keys_are_made() -> None:
    assert len(TOLD) >= 4


@pytest.mark.parametrize("arguments", TOLD)
def test_a_key_is_made_as_the_comment_says(arguments: str, tmp_path: Path) -> None:
    words = [word for word in shlex.split(arguments) if not word.startswith("/")]
    if words[-1] == "--keys" or "--keys" not in words:
        words = [word for word in words if word != "--keys"] + ["--keys", "keys.json"]
    assert words[words.index("--role") + 1] in ROLES
    place = words.index("--keys") + 1
    words[place] = str(tmp_path / words[place])
    made = CliRunner().invoke(keys, words)
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("vreid_")
