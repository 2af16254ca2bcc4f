"""Every message that the troubleshooting page quotes is one that the code writes."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "guides" / "troubleshooting.md"
MESSAGES = re.findall(r"```text\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.S)
_ANYTHING = "\0"


def text_of(node: ast.AST) -> str:
    """A text of the code, with NUL for each part that is put in when it runs."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or _ANYTHING for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (text_of(node.left) or _ANYTHING) + (text_of(node.right) or _ANYTHING)
    return ""


@cache
def texts() -> list[str]:
    return [
        text
        for package in ("vreid", "service", "training", "export")
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        for text in texts_of(path)
    ]


def texts_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if len(text := text_of(node)) > 20:
            yield text


def is_written(message: str) -> bool:
    """Whether a text of the code holds the message; `...` stands for what is put in."""
    parts = [part.strip() for part in message.split("...")]
    return any(holds(text, parts) for text in texts())


def holds(text: str, parts: list[str]) -> bool:
    """Whether the parts stand in the text, one after the other."""
    at = 0
    for part in parts:
        at = text.find(part, at)
        if at == -1:
            return False
        at += len(part)
    return True


@pytest.mark.parametrize("message", MESSAGES)
def test_the_code_writes_the_message(message: str) -> None:
    assert max(map(len, message.split("..."))) > 20, "too short to tell it from others"
    assert is_written(message)


def test_many_messages_are_quoted() -> None:
    assert len(MESSAGES) > 20


def test_what_nobody_writes_is_noticed() -> None:
    assert not is_written("the flux capacitor ... is not charged")
    assert not is_written("refusing to listen on ...: there are no doors")
