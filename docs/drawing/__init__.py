"""Draws the rooms of the repository, their imports and the way of a request, from the code itself.

`python -m docs.drawing` writes the pictures of docs/guides/architecture.md into docs/images/.
"""
