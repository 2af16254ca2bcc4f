"""Exit statuses of the commands, besides 0 and 1."""

INTERRUPTED = 130
"""Ended by Ctrl-C, as shells report it."""
