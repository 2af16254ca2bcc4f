"""Imports go one way between the rooms, and the vocabulary needs little."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
MAY_IMPORT = {
    "vreid": set[str](),
    "training": {"vreid"},
    "export": {"training", "vreid"},
    "service": {"vreid"},
}
SERVICE_ORDERS = (("http", "requests", "embedding", "messages"), ("http", "keys", "scopes"))
"""Rooms of the service, from the outside in: one may import those after it in its order."""
VOCABULARY_NEEDS = {"numpy", "PIL"}
MORE = {
    "cli.py": {"click"},
    "bundle_command.py": {"click"},
    "onnx_runtime.py": {"onnxruntime"},
    "openvino_runtime.py": {"openvino"},
    "client.py": {"httpx"},
    "connection.py": {"httpx"},
    "timed_stream.py": {"httpcore", "httpx"},
    "wire.py": {"httpx"},
    "command_compare.py": {"click"},
    "command_embed.py": {"click"},
    "command_enrol.py": {"click", "tqdm"},
    "command_options.py": {"click"},
    "command_search.py": {"click"},
    # Taken where they are installed; what they do, Pillow does too.
    "jpeg.py": {"simplejpeg"},
    "resizing.py": {"cykooz_resizer"},
}


def imported(path: Path) -> set[str]:
    """First parts of the names that a file imports, at its top or within a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def files(room: str) -> Iterator[Path]:
    yield from sorted((REPOSITORY / room).rglob("*.py"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_from_below(room: str) -> None:
    others = MAY_IMPORT.keys() - MAY_IMPORT[room] - {room}
    against = {str(path): names for path in files(room) if (names := imported(path) & others)}
    assert against == {}


def test_the_vocabulary_needs_numpy_and_pillow_and_nothing_else() -> None:
    own = {"vreid", *sys.stdlib_module_names}
    needed = {
        path.name: names
        for path in files("vreid")
        if (names := imported(path) - own - VOCABULARY_NEEDS)
    }
    assert needed == {name: names for name, names in MORE.items() if name in needed}


@pytest.mark.parametrize("room", ["vreid", "service"])
def test_what_serves_needs_no_torch(room: str) -> None:
    assert [path for path in files(room) if imported(path) & {"torch", "timm", "lightning"}] == []


@pytest.mark.parametrize("order", SERVICE_ORDERS, ids=" ".join)
def test_the_rooms_around_a_request_import_inwards(order: tuple[str, ...]) -> None:
    against: dict[str, set[str]] = {}
    for position, room in enumerate(order):
        outer = {f"service.{name}" for name in order[:position]}
        for path in files(f"service/{room}"):
            found = {name for name in imported_modules(path) if room_of(name) in outer}
            if found:
                against[str(path)] = found
    assert against == {}


def imported_modules(path: Path) -> set[str]:
    """Whole names of the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(module: str) -> str:
    """As `service.http` is that of `service.http.server.serve`."""
    return ".".join(module.split(".")[:2])
