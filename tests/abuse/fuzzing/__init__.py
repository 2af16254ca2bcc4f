"""Mutated image files: originals of every kind that is read, and what is done to each format."""
