"""The shared vocabulary of vreid: NumPy and Pillow only."""

__version__ = "0.1.0"
