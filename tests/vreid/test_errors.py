import inspect
import re

from vreid import errors


def test_every_error_stands_in_the_drawn_tree_under_its_parent() -> None:
    drawn = parents_in_the_drawing()
    defined = {
        name: error.__bases__[0].__name__
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if name != "VreidError"
    }
    assert drawn == defined


def test_every_error_says_what_it_means() -> None:
    for name, error in inspect.getmembers(errors, inspect.isclass):
        assert error.__doc__, name


def parents_in_the_drawing() -> dict[str, str]:
    """Name -> parent's name, from the tree in the module's docstring."""
    parents: dict[str, str] = {}
    path = ["VreidError"]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([ │├└─]*[├└]── )(\w+)", line)
        if found is None:
            continue
        depth = len(found[1]) // 4 - 1
        path[depth:] = [found[2]]
        parents[found[2]] = path[depth - 1]
    return parents
