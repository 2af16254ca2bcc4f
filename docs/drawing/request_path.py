"""The picture of a search on its way through the threads; every function in it has to exist."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from docs.drawing import svg
from docs.drawing.imports import REPOSITORY

LANES = ("event loop", "a decoding thread", "a lane of the engine", "an answering thread")
_WIDTH, _HEIGHT, _GAP, _TOP, _LEFT = 270, 58, 16, 56, 16


@dataclass(frozen=True, slots=True)
class Step:
    """What one function does with a request.

    Attributes:
        thread: number in LANES.
        place: file and function, as ``service/http/server.py:serve``.
        does: in words.
    """

    thread: int
    place: str
    does: str


STEPS = (
    Step(0, "service/http/request_context.py:RequestContext.__call__", "gives it an id, counts it"),
    Step(0, "service/http/origin_check.py:OriginCheck.__call__", "no foreign page sent it"),
    Step(0, "service/keys/guard.py:KeyGuard.__call__", "key, role, rate, audit log"),
    Step(0, "service/requests/bodies.py:passed_through", "makes room for the body, reads it"),
    Step(0, "service/requests/passage.py:Passage.begin", "lets it in, or refuses what is too late"),
    Step(1, "service/routes/search.py:read", "form or JSON to a question"),
    Step(1, "service/embedding/preparation.py:Preparation.next_sample", "decodes and resizes"),
    Step(1, "service/batching/batcher.py:Batcher.submit", "queues pixels by branch"),
    Step(2, "service/batching/run.py:run_branch", "runs the network over a batch"),
    Step(3, "service/routes/search.py:answer", "fuses the query, resolves the filter"),
    Step(3, "service/search/finding.py:find_page", "asks the gallery, judges, groups"),
    Step(
        3, "service/gallery/index/candidates.py:best_by_codes", "candidates by codes, exact scores"
    ),
    Step(3, "service/search/presentation.py:search_results", "makes the results"),
    Step(0, "service/keys/guard.py:KeyGuard.__call__", "writes the audit log, answers"),
)


def picture() -> str:
    """The picture as SVG.

    Raises:
        ValueError: a step names a function that is not there.
    """
    missing = [step.place for step in STEPS if not exists(step.place)]
    if missing:
        raise ValueError(f"these are not there any more, so mend docs/drawing: {missing}")
    height = _TOP + len(STEPS) * (_HEIGHT + _GAP) + 8
    drawn = svg.Picture(_left(len(LANES)), height, "The way of a search through the threads")
    for number, lane in enumerate(LANES):
        drawn.box(_left(number) - 8, 12, _WIDTH + 16, height - 24, svg.PAPER)
        drawn.text(_left(number), 36, lane, 14, svg.ACCENT, bold=True)
    for number, step in enumerate(STEPS):
        x, y = _left(step.thread), _top(number)
        drawn.box(x, y, _WIDTH, _HEIGHT)
        file, _, function = step.place.partition(":")
        drawn.text(x + 8, y + 18, step.does, 12, bold=True)
        drawn.text(x + 8, y + 34, function, 11, svg.ACCENT)
        drawn.text(x + 8, y + 49, file, 10, svg.QUIET)
        if number:
            _arrow(drawn, number)
    return drawn.document()


def exists(place: str) -> bool:
    """Whether a file has a function, or a class with this method."""
    file, _, function = place.partition(":")
    path = REPOSITORY / file
    if not path.is_file():
        return False
    scope: list[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
    for name in function.split("."):
        found = [
            node
            for node in scope
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and node.name == name
        ]
        if not found:
            return False
        scope = found[0].body
    return True


def _arrow(drawn: svg.Picture, number: int) -> None:
    before, after = STEPS[number - 1].thread, STEPS[number].thread
    y, top = _top(number - 1) + _HEIGHT, _top(number)
    x = _left(before) + 30
    if before == after:
        drawn.arrow([(x, y), (x, top)])
    else:
        edge = _left(after) if after > before else _left(after) + _WIDTH
        drawn.arrow([(x, y), (x, top + 14), (edge, top + 14)])


def _left(lane: int) -> int:
    return _LEFT + lane * (_WIDTH + 32) + (0 if lane < len(LANES) else -16)


def _top(step: int) -> int:
    return _TOP + step * (_HEIGHT + _GAP)
