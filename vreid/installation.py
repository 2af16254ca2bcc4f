"""How a missing package is installed, for error messages."""


def install_hint(extras: str) -> str:
    """Return what to do where the packages of `extras` (comma-separated) are not installed."""
    return (
        "in the project's folder run: "
        f".venv/bin/pip install -c constraints.txt --editable '.[{extras}]'  (or: make environment)"
    )
