"""Writes the pictures of the architecture: `python -m docs.drawing`."""

from docs.drawing.pictures import PICTURES, target


def main() -> None:
    """Write every picture."""
    for name, draw in PICTURES.items():
        target(name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
