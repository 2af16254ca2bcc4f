"""Filters and selections as expressions of Milvus.

An expression admits every row that the filter admits. Where it admits more (`is_exact` is False)
`Filter.matches` decides about each row that it gave: that is for ranges of attributes, which
servers compare differently where kinds are mixed, and for whatever negates them.

Texts from outside reach an expression in two ways only: labels as quoted literals, attributes as
hashed words (`service.milvus.rows`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from service.gallery.columns.attribute_values import Range
from service.gallery.filters.filter import AttributeCondition, Exists, Filter, LabelCondition
from service.gallery.record import MAX_LABEL_LENGTH
from service.gallery.store.deletion import Selection
from service.gallery.store.rows import microseconds
from service.milvus.rows import NO_LABEL, NO_TIME, word_of_name, word_of_value

NOTHING = 'key == ""'
"""Admits no row: no key is empty."""

_SIMPLE_NAME = re.compile(r"[A-Za-z0-9_ -]+")


@dataclass(frozen=True, slots=True)
class Expression:
    """A text for Milvus, empty where it admits every row."""

    text: str
    is_exact: bool = True


EVERYTHING = Expression("")


@dataclass(frozen=True, slots=True)
class _Leaf:
    expression: Expression


@dataclass(frozen=True, slots=True)
class _All:
    parts: Sequence[_Node]


@dataclass(frozen=True, slots=True)
class _Any:
    parts: Sequence[_Node]


@dataclass(frozen=True, slots=True)
class _Not:
    part: _Node


_Node: TypeAlias = _Leaf | _All | _Any | _Not


def expression_of(filter: Filter | None) -> Expression:
    """A filter as an expression.

    Raises `InvalidFilter` when it compares with a query and `Filter.relative_to` was not called.
    """
    return EVERYTHING if filter is None else _bound(_tree(filter), negated=False)


def selection_expression(selection: Selection) -> str:
    """What a selection selects, exactly."""
    parts: list[_Node] = []
    if selection.seen_before is not None:
        before = microseconds(selection.seen_before)
        parts.append(
            _leaf(
                f"(captured_at > {NO_TIME} and captured_at < {before}) or "
                f"(captured_at == {NO_TIME} and created_at < {before})"
            )
        )
    for name, wanted in (
        ("camera", selection.cameras),
        ("identity", selection.identities),
        ("scene", selection.scenes),
    ):
        if wanted is not None:
            parts.append(_one_of(name, wanted))
    if selection.except_cameras is not None:
        parts.append(_Not(_one_of("camera", selection.except_cameras)))
    return _bound(_All(parts), negated=False).text


def both(*texts: str) -> str:
    """The expression that admits what all of the others admit."""
    kept = [text for text in texts if text]
    return " and ".join(f"({text})" for text in kept) if len(kept) > 1 else "".join(kept)


def quoted(text: str) -> str:
    """A text as a literal; only for printable texts."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _tree(filter: Filter) -> _Node:
    filter.refuse_query()
    parts: list[_Node] = []
    for name, wanted, unwanted in filter.labels():
        if wanted is not None:
            parts.append(_label(name, wanted))
        if unwanted is not None:
            parts.append(_Not(_one_of(name, unwanted)))
    if filter.captured is not None:
        parts.append(_there(f"captured_at > {NO_TIME}", filter.captured))
    if filter.captured_from is not None:
        parts.append(_leaf(f"captured_at >= {microseconds(filter.captured_from)}"))
    if filter.captured_to is not None:
        before = microseconds(filter.captured_to)
        parts.append(_leaf(f"captured_at > {NO_TIME} and captured_at < {before}"))
    parts += [_attribute(name, condition) for name, condition in filter.attributes.items()]
    parts += map(_tree, filter.all_of)
    if filter.any_of:
        parts.append(_Any([_tree(part) for part in filter.any_of]))
    if filter.negated is not None:
        parts.append(_Not(_tree(filter.negated)))
    return _All(parts)


def _label(name: str, wanted: LabelCondition) -> _Node:
    if isinstance(wanted, Exists):
        return _there(f"{name} != {quoted(NO_LABEL)}", wanted)
    return _one_of(name, wanted)


def _one_of(name: str, values: Iterable[str]) -> _Node:
    # What no label can be needs no comparison, and must not become part of an expression.
    possible = [value for value in values if _can_be_label(value)]
    listed = ", ".join(map(quoted, possible))
    return _leaf(f"{name} in [{listed}]" if possible else NOTHING)


def _can_be_label(value: str) -> bool:
    return value.isprintable() and 0 < len(value) <= MAX_LABEL_LENGTH


def _attribute(name: str, condition: AttributeCondition) -> _Node:
    if isinstance(condition, Exists):
        return _there(_with_words([word_of_name(name)]), condition)
    if isinstance(condition, Range):
        narrowed = [_with_words([word_of_name(name)]), *_comparisons(name, condition)]
        return _Leaf(Expression(both(*narrowed), is_exact=False))
    return _leaf(_with_words([word_of_value(name, value) for value in condition]))


def _comparisons(name: str, condition: Range) -> Iterable[str]:
    """Comparisons that every value in the range passes; none where they could be misread."""
    if not _SIMPLE_NAME.fullmatch(name):
        return
    for sign, end in (
        (">=" if condition.includes_low else ">", condition.low),
        ("<=" if condition.includes_high else "<", condition.high),
    ):
        if isinstance(end, str) and end.isprintable():
            yield f'attributes["{name}"] {sign} {quoted(end)}'
        elif isinstance(end, int | float):
            yield f'attributes["{name}"] {sign} {float(end)!r}'


def _with_words(words: Sequence[str]) -> str:
    if len(words) == 1:
        return f"array_contains(words, {quoted(words[0])})"
    return f"array_contains_any(words, [{', '.join(map(quoted, words))}])"


def _there(text: str, condition: Exists) -> _Node:
    return _leaf(text) if condition.wanted else _Not(_leaf(text))


def _leaf(text: str) -> _Leaf:
    return _Leaf(Expression(text))


def _bound(node: _Node, *, negated: bool) -> Expression:
    """The expression of a part of the tree, or of its opposite."""
    match node:
        case _Leaf(expression):
            return _negated(expression) if negated else expression
        case _Not(part):
            return _bound(part, negated=not negated)
        case _All(parts) | _Any(parts):
            bounds = [_bound(part, negated=negated) for part in parts]
            return _joined(bounds) if isinstance(node, _All) != negated else _either(bounds)


def _negated(expression: Expression) -> Expression:
    if not expression.is_exact:
        # What it admits too much cannot be left out.
        return Expression("", is_exact=False)
    return Expression(f"not ({expression.text})" if expression.text else NOTHING)


def _joined(bounds: Sequence[Expression]) -> Expression:
    return Expression(both(*(each.text for each in bounds)), all(each.is_exact for each in bounds))


def _either(bounds: Sequence[Expression]) -> Expression:
    if any(not each.text for each in bounds):
        return Expression("", any(not each.text and each.is_exact for each in bounds))
    texts = [f"({each.text})" for each in bounds]
    is_exact = all(each.is_exact for each in bounds)
    return Expression(" or ".join(texts) if texts else NOTHING, is_exact)
